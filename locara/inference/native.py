"""The native library: loading it, and loading one verified model file.

Only the C functions of llama-cpp-python are used, through its own declarations of them
(`llama_cpp.llama_cpp`). The package's high-level module is left out: it costs most of the import time,
brings a disk cache and an HTTP server's dependencies along, and none of it is needed here.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import importlib.util
import os
import stat
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from locara.core.digest import Digest
from locara.errors import InferenceError, ModelError
from locara.inference.gguf import Header, read_header

Library = Any  # the module of C declarations, which has no useful types
SMALL_MODEL_BYTES = 64 << 20
MAX_THREADS = 8
_LOADING = threading.Lock()
_SPACES: Final = " \t\r\n\u2581"
"""White space, and what stands for a blank in some vocabularies."""


@cache
def library() -> Library:
    """Return the module with the C functions, imported once.

    Raises ModelError `unknown_model` when llama-cpp-python is not installed.
    """
    with _LOADING:
        module = _import_declarations()
        module.llama_log_set(_silent(module), ctypes.c_void_p(0))
        module.llama_backend_init()
    return module


def _import_declarations() -> Library:
    """Import `llama_cpp.llama_cpp` without running the package's own `__init__`.

    A bare package object stands in during the import and is taken away again, so that anybody else in this
    process can import the whole package as usual.
    """
    if "llama_cpp" in sys.modules:
        return importlib.import_module("llama_cpp.llama_cpp")
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.submodule_search_locations is None:
        raise ModelError(
            "this installation has no inference backend", code="unknown_model", fix="install llama-cpp-python"
        )
    package = types.ModuleType("llama_cpp")
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["llama_cpp"] = package
    try:
        return importlib.import_module("llama_cpp.llama_cpp")
    except (OSError, RuntimeError) as error:
        raise ModelError(f"the inference library does not load: {error}", code="unknown_model") from error
    finally:
        del sys.modules["llama_cpp"]


@cache
def _silent(module: Library) -> Any:  # noqa: ANN401  (a native callback)
    """A log callback that drops everything: model files choose these texts."""
    return module.llama_log_callback(lambda _level, _text, _data: None)


class Model:
    """One verified, memory-mapped model. Freed by `close`; everything made from it must be freed before."""

    def __init__(self, path: Path, digest: Digest) -> None:
        """Open, hash, check and load the file, all through one descriptor.

        Raises ModelError: `not_cached` (no such file), `digest_mismatch` (any other byte than pinned),
        `bad_format` (the header is not acceptable or the native loader refuses the file).
        """
        lib = library()
        fd = open_model(path)
        try:
            self.header = verify_file(fd, digest)
            self.size = os.fstat(fd).st_size
            self.pointer = _load(lib, fd)
        finally:
            os.close(fd)
        self.vocabulary = lib.llama_model_get_vocab(self.pointer)
        self.token_count: int = lib.llama_vocab_n_tokens(self.vocabulary)
        self.trained_context: int = lib.llama_model_n_ctx_train(self.pointer)
        self.end_tokens = frozenset(
            token for token in range(self.token_count) if lib.llama_vocab_is_eog(self.vocabulary, token)
        )
        self.threads = threads_for(self.size)
        self._use = threading.Lock()
        self._pieces: dict[int, bytes] = {}

    def close(self) -> None:
        """Free the native model; a second call does nothing."""
        with self._use:
            if self.pointer is not None:
                pointer, self.pointer = self.pointer, None
                library().llama_model_free(pointer)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the model from being freed during native calls that read its vocabulary.

        Raises InferenceError `model_error` when it was freed already.
        """
        with self._use:
            if self.pointer is None:
                raise InferenceError("the model was closed", code="model_error")
            yield

    def metadata(self, key: str) -> str | None:
        """Return a text value of the header, or None."""
        value = self.header.metadata.get(key)
        return value if isinstance(value, str) else None

    def tokenize(self, text: bytes, *, special: bool) -> list[int]:
        """Return the token ids of UTF-8 text; control tokens are recognised only when `special`."""
        lib = library()
        room = len(text) + 16
        tokens = (lib.llama_token * room)()
        with self.held():
            count = lib.llama_tokenize(self.vocabulary, text, len(text), tokens, room, False, special)
        if count < 0:
            raise InferenceError("the text cannot be tokenised", code="model_error")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for, remembered; control tokens stand for nothing."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token)
        return known

    def _read_piece(self, token: int) -> bytes:
        lib = library()
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = lib.llama_token_to_piece(self.vocabulary, token, buffer, room, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def control_texts(self) -> tuple[str, ...]:
        """Return the spellings of all control tokens, longest first; content must never become one.

        Those that a vocabulary calls user-defined count as well: they are recognised in any text, and models take
        turns by them. Only those that are white space alone stay what they are.
        """
        lib = library()
        mask = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN | lib.LLAMA_TOKEN_ATTR_USER_DEFINED
        texts = set()
        for token in range(self.token_count):
            if lib.llama_vocab_get_attr(self.vocabulary, token) & mask:
                texts.add(lib.llama_vocab_get_text(self.vocabulary, token).decode("utf-8", "replace"))
        return tuple(sorted((text for text in texts if text.strip(_SPACES)), key=len, reverse=True))


def verify_file(fd: int, digest: Digest) -> Header:
    """Hash the whole file behind the descriptor, then read its header; returns the header.

    The digest comes first: bytes that nobody pinned are not even parsed. Raises ModelError.
    """
    with os.fdopen(os.dup(fd), "rb") as file:
        file.seek(0)
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest.hex:
            raise ModelError(
                f"the model file has other bytes than its digest {digest} says",
                code="digest_mismatch",
                fix="delete this model from the cache and add it again",
            )
        file.seek(0)
        return read_header(file, os.fstat(fd).st_size)


def open_model(path: Path) -> int:
    """A descriptor of a model file: a regular file, no link. Raises ModelError `not_cached`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise ModelError(
            f"the model file cannot be opened: {error.strerror}",
            code="not_cached",
            fix="add it with `locara models import FILE`",
        ) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ModelError("the model is not a regular file", code="not_cached")
    return fd


def _load(lib: Library, fd: int) -> Any:  # noqa: ANN401  (a native pointer)
    """Hand the verified descriptor, not the path, to the native loader, which maps the file."""
    c = ctypes.CDLL(None, use_errno=True)
    c.fdopen.restype, c.fdopen.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_char_p]
    c.fclose.restype, c.fclose.argtypes = ctypes.c_int, [ctypes.c_void_p]
    copy = os.dup(fd)
    os.lseek(copy, 0, os.SEEK_SET)
    stream = c.fdopen(copy, b"rb")
    if not stream:
        os.close(copy)
        raise ModelError("the model file cannot be read", code="bad_format")
    try:
        parameters = lib.llama_model_default_params()
        parameters.n_gpu_layers = 0 if sys.platform == "linux" else parameters.n_gpu_layers
        pointer = lib.llama_model_load_from_file_ptr(stream, parameters)
    finally:
        c.fclose(stream)
    if not pointer:
        raise ModelError(
            "the model cannot be loaded: this version does not know its architecture", code="bad_format"
        )
    return pointer


def threads_for(size: int) -> int:
    """One thread for small models, where waiting for each other costs more than it saves."""
    if size < SMALL_MODEL_BYTES:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_THREADS, cores))

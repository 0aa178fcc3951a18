"""The whisper.cpp backend: a pinned speech model, loaded once and kept.

The binding of pywhispercpp is used without its Python package, which would download models by name and call a
converter program for sound it does not know. Its libraries carry names and a scope of their own, so they live
beside those of llama.cpp in one process.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import importlib
import mmap
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from locara.core.digest import Digest
from locara.errors import InferenceError, ModelError
from locara.inference.backend import Cancellation
from locara.inference.native import open_model, threads_for
from locara.inference.speech import Emit, Heard, Piece, Segment
from locara.inference.whisper_file import Shape, check_model

Binding = Any  # a native module without types
ENGLISH: Final = "en"
_SHORTEST: Final = 1_600  # samples; a tenth of a second holds no word
_LOADING = threading.Lock()


@cache
def binding() -> Binding:
    """Return the native module, imported once. Raises ModelError `unknown_model` when it is not installed."""
    with _LOADING:
        try:
            module = importlib.import_module("_pywhispercpp")
        except ImportError as error:
            raise ModelError(
                "this installation has no speech backend", code="unknown_model", fix="install pywhispercpp"
            ) from error
        module.whisper_log_set(_ignore)
        # The library keeps the callback in a variable that outlives the interpreter, which aborts the process.
        atexit.register(module.whisper_log_set, None)
    return module


def _ignore(*_line: object) -> None:
    """The native library's log, which nobody reads: model files choose some of its texts."""


class Whisper:
    """A loaded speech model. Pieces are heard one after the other; none leaves anything behind for the next.

    Words of earlier windows are never given to the model as a hint, and a doubtful window is not tried again
    with chance: equal sound gives equal text, in a time that the length of the sound bounds.
    """

    def __init__(self, path: Path, digest: Digest) -> None:
        """Open, hash, check and load the file, all from one mapping of it.

        Raises ModelError: `not_cached`, `digest_mismatch`, `bad_format`, `unknown_model`.
        """
        self._lib = binding()
        fd = open_model(path)
        try:
            self.size = os.fstat(fd).st_size
            self.shape, self._context = _load(self._lib, fd, digest)
        finally:
            os.close(fd)
        self._threads = threads_for(self.size)
        self._busy = threading.Lock()

    def close(self) -> None:
        """Free the model; waits for running work. A second call does nothing."""
        with self._busy:
            if self._context is not None:
                context, self._context = self._context, None
                self._lib.whisper_free(context)

    def check_language(self, language: str | None) -> None:
        """Raise InferenceError `bad_request` unless the model knows the language (None: it finds out)."""
        known = self.languages()
        if language is not None and language not in known:
            raise InferenceError(
                f"this model does not know the language {language!a}",
                code="bad_request",
                fix="leave the language out" if len(known) > 1 else 'use "en" or leave the language out',
            )

    def languages(self) -> frozenset[str]:
        """The codes of the languages this model knows."""
        if not self.shape.multilingual:
            return frozenset({ENGLISH})
        return frozenset(self._lib.whisper_lang_str(n) for n in range(self._lib.whisper_lang_max_id() + 1))

    def hear(self, piece: Piece, language: str | None, emit: Emit, cancel: Cancellation) -> Heard:
        """Hear one piece; see SpeechBackend. A cancel is noticed before each window of 30 seconds and each
        token. Raises InferenceError `model_error`."""
        wanted = language or ("auto" if self.shape.multilingual else ENGLISH)
        if len(piece.samples) < _SHORTEST:
            return Heard((), 0, language or "", complete=True)
        with self._busy:
            if self._context is None:
                raise InferenceError("the model was closed", code="model_error")
            return self._hear(piece, wanted, emit, cancel)

    def _hear(self, piece: Piece, language: str, emit: Emit, cancel: Cancellation) -> Heard:
        lib, context = self._lib, self._context
        found: list[Segment] = []
        failed: list[Exception] = []

        def collect(*_arguments: object) -> None:
            # Nothing may be raised through native code.
            try:
                for index in range(len(taken), lib.whisper_full_n_segments(context)):
                    taken.append(index)
                    segment = self._segment(index, piece, found)
                    if segment is not None:
                        found.append(segment)
                        emit(segment)
            except Exception as error:
                failed.append(error)

        taken: list[int] = []
        parameters = self._parameters(language)
        lib.assign_new_segment_callback(parameters, collect)
        lib.assign_abort_callback(parameters, lambda *_: bool(failed) or cancel.is_set())
        samples = np.ascontiguousarray(piece.samples, np.float32)
        try:
            status = lib.whisper_full(context, parameters, samples, len(samples))
        except (RuntimeError, IndexError, ValueError) as error:
            raise InferenceError("the model could not be evaluated", code="model_error") from error
        finally:
            lib.clear_new_segment_callback(parameters)
            lib.clear_abort_callback(parameters)
        if failed:
            raise failed[0]
        if status != 0 and not cancel.is_set():
            raise InferenceError("the model could not be evaluated", code="model_error")
        tokens = sum(lib.whisper_full_n_tokens(context, index) for index in taken)
        spoken = lib.whisper_lang_str(lib.whisper_full_lang_id(context)) if language == "auto" else language
        return Heard(tuple(found), tokens, spoken, complete=status == 0)

    def _parameters(self, language: str) -> Any:  # noqa: ANN401  (a native value)
        parameters = self._lib.whisper_full_default_params(
            self._lib.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY
        )
        parameters.n_threads = self._threads
        parameters.language = language
        parameters.n_max_text_ctx = 0  # with earlier text as a hint, long files lose sentences
        parameters.temperature_inc = 0.0
        parameters.print_progress = False
        parameters.print_timestamps = False
        return parameters

    def _segment(self, index: int, piece: Piece, before: list[Segment]) -> Segment | None:
        """A segment with times inside its piece and in order, or None for one without words."""
        raw = self._lib.whisper_full_get_segment_text(self._context, index).decode("utf-8", "replace")
        text = " ".join("".join(c if c.isprintable() else " " for c in raw).split())
        if not text:
            return None
        first = piece.start if not before else before[-1].start
        last = piece.start + len(piece.samples) / 16_000
        start = self._lib.whisper_full_get_segment_t0(self._context, index) / 100 + piece.start
        end = self._lib.whisper_full_get_segment_t1(self._context, index) / 100 + piece.start
        start = min(max(start, first), last)
        return Segment(round(start, 2), round(min(max(end, start), last), 2), text)


def _load(lib: Binding, fd: int, digest: Digest) -> tuple[Shape, Any]:
    """Map the file, hash the mapping, check its structure, and give the same bytes to the native loader."""
    if os.fstat(fd).st_size == 0:
        raise _mismatch(digest)
    with mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as mapping:
        with memoryview(mapping) as view:
            if hashlib.sha256(view).hexdigest() != digest.hex:
                raise _mismatch(digest)
            shape = check_model(view)
        # An array is the one thing that tells where the mapping lies; it must be gone before the end.
        bytes_of = np.frombuffer(mapping, np.uint8)
        try:
            capsule = _capsule(bytes_of.ctypes.data)
            options = lib.whisper_context_default_params()
            options.use_gpu = False
            context = lib.whisper_init_from_buffer_with_params(capsule, len(bytes_of), options)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise _refused() from error
        finally:
            del bytes_of
    if context is None:
        raise _refused()
    return shape, context


def _capsule(address: int) -> object:
    make = ctypes.pythonapi.PyCapsule_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    capsule: object = make(address, None, None)
    return capsule


def _mismatch(digest: Digest) -> ModelError:
    return ModelError(
        f"the model file has other bytes than its digest {digest} says",
        code="digest_mismatch",
        fix="delete this model from the cache and add it again",
    )


def _refused() -> ModelError:
    return ModelError("the speech model cannot be loaded", code="bad_format")

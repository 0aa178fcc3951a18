"""Precompiled code, kept from one start to the next.

`deserialize` runs what it is given as native code, so only what this runtime wrote itself may reach it. A folder of
the app's own private data holds the files: no other app, no command of the frontend and no tool can write there.
Each file begins with an HMAC over its key and its bytes, under a secret made in the same folder; a file that was
damaged, or moved there from another app, another module, another Wasmtime or another processor, is compiled again.
Nothing precompiled is ever read out of an app's bundle or out of the tool cache.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, Protocol, Self, TypeVar

import wasmtime

from locara.core.digest import Digest
from locara.errors import ToolError
from locara.plain_files import open_plain

_MAC_BYTES: Final = 32
_MOST_BYTES: Final = 256 * 1024 * 1024
_KEY_FILE: Final = "key"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _Code(Protocol):
    """What Wasmtime compiles, keeps as bytes and reads back."""

    def __init__(self, engine: wasmtime.Engine, wasm: bytes) -> None: ...

    @classmethod
    def deserialize(cls, engine: wasmtime.Engine, encoded: bytes) -> Self:
        """Native code that `serialize` gave."""

    def serialize(self) -> bytearray:
        """Native code as bytes."""


Code = TypeVar("Code", bound=_Code)


class Compiled(Generic[Code]):
    """Compiles for one engine, or reads what it compiled before from `folder` (None: never kept).

    `kind` makes one thing out of WebAssembly and reads it back: `wasmtime.Module`, or a component.
    """

    def __init__(
        self, kind: type[Code], engine: wasmtime.Engine, folder: Path | None, *, engine_key: str
    ) -> None:
        self._kind = kind
        self._engine = engine
        self._folder = folder
        self._engine_key = engine_key

    def get(self, wasm: bytes) -> Code:
        """What these bytes are compiled to; their digest was checked. Raises ToolError `bad_format`."""
        key = f"{Digest.of(wasm).hex}-{self._engine_key[:32]}"
        kept = self._kept(key)
        if kept is not None:
            with suppress(wasmtime.WasmtimeError):
                return self._kind.deserialize(self._engine, kept)
        name = self._kind.__name__.lower()
        try:
            made = self._kind(self._engine, wasm)
        except wasmtime.WasmtimeError as error:
            raise ToolError(f"the tool is not a WebAssembly {name}", code="bad_format") from error
        if self._folder is not None:
            self._keep(key, bytes(made.serialize()))
        return made

    def _kept(self, key: str) -> bytes | None:
        if self._folder is None:
            return None
        secret = _read(self._folder / _KEY_FILE)
        data = _read(self._folder / f"{key}.cwasm")
        if secret is None or data is None or len(secret) != _MAC_BYTES:
            return None
        body = data[_MAC_BYTES:]
        return body if hmac.compare_digest(data[:_MAC_BYTES], _mac(secret, key, body)) else None

    def _keep(self, key: str, body: bytes) -> None:
        """Write, or leave it: a full disk costs time at the next start and nothing else."""
        if self._folder is None:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            secret = self._secret()
            temporary = self._folder / f"{secrets.token_hex(8)}.part"
            try:
                _write(temporary, _mac(secret, key, body) + body)
                temporary.replace(self._folder / f"{key}.cwasm")
            finally:
                temporary.unlink(missing_ok=True)

    def _secret(self) -> bytes:
        path = (self._folder or Path()) / _KEY_FILE
        found = _read(path)
        if found is not None and len(found) == _MAC_BYTES:
            return found
        path.unlink(missing_ok=True)
        made = secrets.token_bytes(_MAC_BYTES)
        _write(path, made)
        return made


def _mac(secret: bytes, key: str, body: bytes) -> bytes:
    return hmac.digest(secret, key.encode() + b"\0" + hashlib.sha256(body).digest(), "sha256")


def _read(path: Path) -> bytes | None:
    """A regular file of this user that nobody else can write, or None."""
    try:
        file = open_plain(path)
    except OSError:
        return None
    with file:
        seen = os.fstat(file.fileno())
        mine = seen.st_uid == os.geteuid() and not seen.st_mode & 0o022
        if not mine or seen.st_nlink != 1 or seen.st_size > _MOST_BYTES:
            return None
        try:
            return file.read(_MOST_BYTES)
        except OSError:
            return None


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, _NEW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())

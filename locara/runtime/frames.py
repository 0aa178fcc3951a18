"""Length-prefixed JSON frames: the only bytes that cross between a frontend and the runtime.

A frame is a 4-byte big-endian length followed by that many bytes of UTF-8 JSON holding one object. The reader
keeps two failures apart. A frame whose *content* is wrong is answered and the next frame is read; a stream
that cannot be followed any more (a length above the cap, an end in the middle of a frame) is a `Desync`,
after which it must close.
"""

from __future__ import annotations

import errno
import json
import math
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from locara.errors import CallError

MAX_FRAME: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 64
HEADER: Final = struct.Struct(">I")
_CHUNK: Final = 262_144

type_name: Final = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
}


class Desync(CallError):
    """The byte stream lost its frame boundaries; nothing after this point can be read."""


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large for a double")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has the same key twice")
    return value


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_number
)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def decode(payload: bytes) -> dict[str, Any]:
    """The object of one frame. Raises CallError(bad_frame) for anything that is not strict JSON of depth <=
    64."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CallError(f"the frame is not UTF-8 (byte {error.start})", code="bad_frame") from error
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise CallError(f"the frame is nested deeper than {MAX_DEPTH}", code="bad_frame") from error
    except json.JSONDecodeError as error:
        raise CallError(
            f"the frame is not JSON: {error.msg} at character {error.pos}", code="bad_frame"
        ) from error
    except ValueError as error:
        raise CallError(f"the frame is not strict JSON: {_plain(error)}", code="bad_frame") from error
    if not isinstance(value, dict):
        raise CallError(
            f"a frame holds an object, not {type_name.get(type(value), 'null')}", code="bad_frame"
        )
    # Both walks are rare: depth cannot pass the cap without that many brackets, a lone surrogate needs an
    # escape.
    if payload.count(b"{") + payload.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    if b"\\u" in payload:
        _check_surrogates(value)
    return value


def _plain(error: ValueError) -> str:
    text = str(error)
    return "a number has too many digits" if "integer string conversion" in text else text


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[object] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(child for child in item.values() if isinstance(child, dict | list))
            elif isinstance(item, list):
                deeper.extend(child for child in item if isinstance(child, dict | list))
        if not deeper:
            return
        level = deeper
    raise CallError(f"the frame is nested deeper than {MAX_DEPTH}", code="bad_frame")


def _check_surrogates(value: object) -> None:
    try:
        _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise CallError("the frame holds half of a surrogate pair", code="bad_frame") from error


def encode(value: Mapping[str, Any]) -> bytes:
    """Header and payload of one frame. Raises CallError: `too_large` above the cap, `internal` if it is not
    JSON."""
    try:
        payload = _ENCODER.encode(value).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise CallError("a reply could not be written as JSON", code="internal") from error
    if len(payload) > MAX_FRAME:
        raise CallError(
            f"the reply has {len(payload)} bytes; a frame holds at most {MAX_FRAME}",
            code="too_large",
            fix="ask for less at a time: a smaller length, limit or page",
        )
    return HEADER.pack(len(payload)) + payload


class FrameReader:
    """Reads payloads from a file descriptor. Memory grows only with bytes that really arrived."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()

    def read(self, timeout: float | None = None) -> bytes | None:
        """The next payload, or None at a clean end of the stream.

        timeout is in seconds (None waits for ever). Raises Desync (`too_large`, `bad_frame`) and
        TimeoutError; after a TimeoutError the bytes so far are kept and the read can be repeated.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while len(self._buffer) < HEADER.size:
            if not self._fill(deadline):
                if self._buffer:
                    raise Desync("the stream ended inside a frame header", code="bad_frame")
                return None
        (length,) = HEADER.unpack_from(self._buffer)
        if length > MAX_FRAME:
            raise Desync(f"a frame of {length} bytes was announced; the cap is {MAX_FRAME}", code="too_large")
        end = HEADER.size + length
        while len(self._buffer) < end:
            if not self._fill(deadline):
                raise Desync("the stream ended inside a frame", code="bad_frame")
        payload = bytes(memoryview(self._buffer)[HEADER.size : end])
        del self._buffer[:end]
        return payload

    def _fill(self, deadline: float | None) -> bool:
        if deadline is not None:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([self._fd], [], [], remaining)[0]:
                raise TimeoutError("no frame arrived in time")
        chunk = os.read(self._fd, _CHUNK)
        self._buffer += chunk
        return bool(chunk)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte of data to fd, however the kernel splits it. Raises OSError (BrokenPipeError at a
    closed peer)."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def fall_silent(sock: socket.socket, *threads: threading.Thread) -> None:
    """End the stream and wait for those who read or write it, so that the descriptor can be closed.

    Its number soon belongs to something else, of which one who still reads would take the bytes.
    """
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:  # who reads a socket that was closed before is never woken
            raise
    for thread in threads:
        thread.join()

"""Frames between this process and its peer, by one inherited socket. Never blocks the thread that draws.

A frame is a 4-byte big-endian length and that many bytes. This side does not look into it: the peer judges
what a page sends, and the page what the peer answers.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Callable
from typing import Final

MAX_FRAME: Final = 16 * 1024 * 1024
MAX_QUEUED: Final = 4096
_HEADER: Final = struct.Struct(">I")
_CHUNK: Final = 1 << 20


class Link:
    """A reader and a writer thread. ``received`` and ``ended`` are called on the reader's thread."""

    def __init__(self, fd: int, received: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._socket = socket.socket(fileno=fd)
        self._received = received
        self._ended = ended
        self._out: queue.Queue[bytes] = queue.Queue(MAX_QUEUED)
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def send(self, payload: bytes) -> bool:
        """Queue one frame. False when it is larger than a frame may be, or the peer does not read."""
        if not payload or len(payload) > MAX_FRAME:
            return False
        try:
            self._out.put_nowait(_HEADER.pack(len(payload)) + payload)
        except queue.Full:
            return False
        return True

    def _write(self) -> None:
        while True:
            data = self._out.get()
            try:
                while not self._out.empty() and len(data) < _CHUNK:
                    data += self._out.get_nowait()
                self._socket.sendall(data)
            except OSError:
                return  # the reader sees the end as well, and tells

    def _read(self) -> None:
        try:
            while True:
                (length,) = _HEADER.unpack(self._exactly(_HEADER.size))
                if not 0 < length <= MAX_FRAME:
                    break
                self._received(self._exactly(length))
        except (EOFError, OSError):
            pass
        self._ended()

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._socket.recv(min(_CHUNK, size - len(data)))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

"""Frames between this process and its peer, by one inherited socket. Never blocks the thread that draws.

A frame is a 4-byte big-endian length and that many bytes. This side does not look into it: the peer judges
what a page sends, and the page what the peer answers.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

MAX_FRAME: Final = 16 * 1024 * 1024
MAX_QUEUED: Final = 4096
MAX_HELD: Final = 4 * MAX_FRAME
"""How many bytes wait for a peer that does not read: as many as it would take of open calls itself."""
_HEADER: Final = struct.Struct(">I")
_CHUNK: Final = 1 << 20
_NOW: Final = getattr(socket, "MSG_DONTWAIT", None)


class Link:
    """One end of the socket. ``received`` is called with each frame, ``ended`` once when no more will come.

    With ``watched`` the caller waits for the socket itself and calls `take` when there is something to read: each call
    then crosses no thread. Otherwise a thread of its own reads, and both are called on it.
    """

    def __init__(
        self,
        fd: int,
        received: Callable[[bytes], None],
        ended: Callable[[], None],
        *,
        watched: bool = False,
    ) -> None:
        self._socket = socket.socket(fileno=fd)
        self._received = received
        self._ended = ended
        self._over = False
        self._open = bytearray()
        self._out: deque[bytes] = deque()
        self._held = 0
        self._writing = False
        # Held for moments only, and never while something may wait for the peer.
        self._turn = threading.Condition()
        threading.Thread(target=self._write, daemon=True).start()
        if not watched:
            threading.Thread(target=self._read, daemon=True).start()

    def fileno(self) -> int:
        """The socket, to wait for."""
        return self._socket.fileno()

    def send(self, payload: bytes) -> bool:
        """Send one frame, or queue it. False when it is larger than a frame may be, or the peer does not read."""
        if not payload or len(payload) > MAX_FRAME:
            return False
        data = _HEADER.pack(len(payload)) + payload
        with self._turn:
            if len(self._out) >= MAX_QUEUED or self._held + len(data) > MAX_HELD:
                return False
            if _NOW is not None and not self._out and not self._writing:
                # Nothing is on its way that this frame could overtake: it need not wait for the writer's turn.
                with suppress(OSError):  # the socket is full, or gone: the writer finds out which
                    data = data[self._socket.send(data, _NOW) :]
            if data:
                self._out.append(data)
                self._held += len(data)
                self._turn.notify()
        return True

    def take(self) -> bool:
        """Read what is there without waiting. False at the end, which was told then."""
        try:
            piece = self._socket.recv(_CHUNK, _NOW or 0)
        except BlockingIOError:
            return True
        except OSError:
            piece = b""
        if piece and self._feed(piece):
            return True
        self._end()
        return False

    def _feed(self, piece: bytes) -> bool:
        """Cut what came into frames. False when a length is none."""
        self._open += piece
        at = 0
        while len(self._open) - at >= _HEADER.size:
            (length,) = _HEADER.unpack_from(self._open, at)
            if not 0 < length <= MAX_FRAME:
                return False
            stop = at + _HEADER.size + length
            if len(self._open) < stop:
                break
            self._received(bytes(memoryview(self._open)[at + _HEADER.size : stop]))
            at = stop
        del self._open[:at]
        return True

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._ended()

    def _write(self) -> None:
        while True:
            with self._turn:
                while not self._out:
                    self._turn.wait()
                data = self._out.popleft()
                while self._out and len(data) < _CHUNK:
                    data += self._out.popleft()
                self._held -= len(data)
                self._writing = True
            try:
                self._socket.sendall(data)
            except OSError:
                return  # the reader sees the end as well, and tells
            with self._turn:
                self._writing = False

    def _read(self) -> None:
        try:
            while (piece := self._socket.recv(_CHUNK)) and self._feed(piece):
                pass
        except OSError:
            pass
        self._end()

"""The runtime's side of one call: gives the input, takes the output, both bounded, and ends it when cancelled."""

from __future__ import annotations

import select
import socket
from typing import Final, Protocol

from locara.errors import CallError
from locara.programs.outcome import TRAILER_BYTES, Outcome, outcome

_LOOK_MS: Final = 20
_PIECE: Final = 256 * 1024


class Cancellation(Protocol):
    """Anything that can say that nobody wants the result any more."""

    def is_set(self) -> bool:
        """True once the work should stop."""
        ...


def exchange(fd: int, data: bytes, *, cancelled: Cancellation, max_output: int) -> Outcome:
    """Send all of data to the program behind fd and return what it answered and how it ended.

    fd is closed in any case, which ends the program. Raises CallError: ``cancelled``, or ``limit_exceeded`` when
    it writes more than max_output bytes.
    """
    with socket.socket(fileno=fd) as sock:
        sock.setblocking(False)
        unsent, received = memoryview(data), bytearray()
        poll = select.poll()
        poll.register(sock, select.POLLIN | select.POLLOUT)
        if not unsent:
            unsent = _finish(sock, poll)
        while True:
            if cancelled.is_set():
                raise CallError("the call was cancelled while its program ran", code="cancelled")
            for _, events in poll.poll(_LOOK_MS):
                if events & select.POLLOUT and unsent:
                    unsent = _send(sock, unsent, poll)
                if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                    piece = _receive(sock)
                    if piece == b"":
                        return outcome(received)
                    received += piece or b""
                    if len(received) > max_output + TRAILER_BYTES:
                        raise CallError("the program answered more than is taken", code="limit_exceeded")


def _send(sock: socket.socket, unsent: memoryview, poll: select.poll) -> memoryview:
    try:
        unsent = unsent[sock.send(unsent[:_PIECE]) :]
    except BlockingIOError:
        return unsent
    except OSError:
        return _finish(sock, poll)  # it ended without reading all; what it said is still to come
    return unsent or _finish(sock, poll)


def _finish(sock: socket.socket, poll: select.poll) -> memoryview:
    poll.modify(sock, select.POLLIN)
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        return memoryview(b"")
    return memoryview(b"")


def _receive(sock: socket.socket) -> bytes | None:
    """A piece, empty at the end, None when there is none yet."""
    try:
        return sock.recv(_PIECE)
    except BlockingIOError:
        return None
    except OSError:
        return b""

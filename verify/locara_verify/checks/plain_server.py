"""Web servers without TLS on this machine, each of which answers every connection in one way."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

Talk = Callable[[socket.socket], None]
"""What a server does with a connection after it read the request."""
SECONDS: Final = 10.0
_PART: Final = 65_536


@contextmanager
def server(talk: Talk, told: list[bytes] | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """The port of a server that notes in ``told`` what it was asked."""
    with socket.create_server((host, 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    threading.Thread(target=answer, args=(line,), daemon=True).start()

        def answer(line: socket.socket) -> None:
            with suppress(OSError), line:
                line.settimeout(SECONDS)
                request = line.recv(_PART)
                if told is not None:
                    told.append(request)
                talk(line)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def answer(status: bytes, body: bytes, *fields: bytes) -> Talk:
    """One whole answer."""
    lines = [
        b"HTTP/1.1 " + status,
        *fields,
        b"Content-Length: %d" % len(body),
        b"Connection: close",
        b"",
        b"",
    ]
    return lambda line: line.sendall(b"\r\n".join(lines) + body)


def lies(seconds: float) -> dict[str, Talk]:
    """Answers that are none, or that never come to their end; each goes on for so long."""

    def pieces(head: bytes, piece: bytes, pause: float) -> Talk:
        def talk(line: socket.socket) -> None:
            line.sendall(head)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                line.sendall(piece)
                time.sleep(pause)

        return talk

    half = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nxx"
    return {
        "half an answer": lambda line: line.sendall(half),
        "half a chunk": lambda line: line.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nxx"
        ),
        "an answer drop by drop": pieces(half, b"x", 0.05),
        "an answer without end": pieces(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_000, 0.01),
        "no answer": lambda _line: time.sleep(seconds),
        "no HTTP": lambda line: line.sendall(b"SSH-2.0-x\r\n"),
    }

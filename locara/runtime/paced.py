"""Text of a stream, in few events however fast it comes.

A small model makes thousands of tokens a second. One event for each costs more than the token itself, in the
runtime and in whoever reads, and nobody sees the difference from one every few milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

GAP: Final = 0.005
"""Seconds that text is held back after an event."""


class PacedText:
    """Sends text as events of a kind, within a `with` block, at the end of which all of it was sent.

    The first piece goes at once. What comes less than GAP after an event is held and goes with what follows,
    GAP later, whether or not more comes. The events joined are the text, in order, and an event has text of one
    kind. Raises what `send` raised, at the next piece or at the end.
    """

    def __init__(self, send: Callable[[str, str], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._kind = ""
        self._held: list[str] = []
        self._sent = float("-inf")
        self._sender: threading.Thread | None = None
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._failed: Exception | None = None

    def add(self, kind: str, text: str) -> None:
        """Send a piece, soon."""
        with self._lock:
            self._raise()
            if kind != self._kind:
                self._flush()
                self._kind = kind
            self._held.append(text)
            if time.monotonic() - self._sent >= GAP or not self._has_sender():
                self._flush()
            elif len(self._held) == 1:
                self._wake.set()

    def _has_sender(self) -> bool:
        if self._sender is None:
            sender = threading.Thread(target=self._send_held, daemon=True)
            try:
                sender.start()
            except RuntimeError:  # no more threads
                return False
            self._sender = sender
        return True

    def _send_held(self) -> None:
        while self._wake.wait() and not self._ended.is_set():
            self._wake.clear()
            self._ended.wait(GAP)
            with self._lock:
                try:
                    self._flush()
                except Exception as error:
                    self._failed = error
                    return

    def _flush(self) -> None:
        if self._held:
            text = "".join(self._held)
            self._held.clear()
            self._send(self._kind, text)
            self._sent = time.monotonic()

    def _raise(self) -> None:
        if self._failed is not None:
            raise self._failed

    def __enter__(self) -> PacedText:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._wake.set()
        with self._lock:
            if error is None:
                self._raise()
            self._flush()

"""Whose turn it is at a model that can do one thing at a time."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from locara.inference.backend import Cancellation

_STEP_S: Final = 0.02


class Turns:
    """Lets one caller in at a time, in the order in which they came; a cancelled one leaves the queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()
        self._taken = False

    @property
    def waiting(self) -> int:
        """How many callers wait for their turn."""
        with self._lock:
            return len(self._queue)

    def take(self, cancel: Cancellation | None = None) -> bool:
        """Wait for the turn; returns False, with nothing taken, when `cancel` is set before it comes."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Event()
            self._queue.append(mine)
        while not mine.wait(None if cancel is None else _STEP_S):
            if cancel is not None and cancel.is_set() and self._leave(mine):
                return False
        return True

    def give(self) -> None:
        """End the turn: it passes to whoever has waited longest."""
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._taken = False

    def _leave(self, mine: threading.Event) -> bool:
        """Leave the queue; False when the turn was passed on at this very moment."""
        with self._lock:
            if mine.is_set():
                return False
            self._queue.remove(mine)
            return True

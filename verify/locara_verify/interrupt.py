"""Ctrl-C and SIGTERM as a question that the engine asks, so that a run always ends in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from types import FrameType
from typing import Final

from locara.records import dataclass

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Whether the person or the system asked the run to stop. A second request raises KeyboardInterrupt."""

    _asked: threading.Event = field(default_factory=threading.Event)

    def __bool__(self) -> bool:
        return self._asked.is_set()

    def ask(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask the run to stop; usable as a signal handler."""
        if self._asked.is_set():
            raise KeyboardInterrupt
        self._asked.set()

    @contextmanager
    def on_signals(self) -> Iterator[Interrupt]:
        """Be asked by SIGINT and SIGTERM within the block (in the main thread; elsewhere nothing)."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.signal(number, self.ask) for number in _SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

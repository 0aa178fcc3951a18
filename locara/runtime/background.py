"""Whether an app goes on when the person closes its window.

An app ends with its window. With ``passive`` it finishes the calls that run; with ``active`` its page goes on in a
hidden window. It has to be granted, and it has to be asked for: a grant alone keeps nothing running.
"""

from __future__ import annotations

import threading
from typing import Final, Literal

Mode = Literal["none", "passive", "active"]
PASSIVE_SECONDS: Final = 600.0
"""How long running calls may take when nobody waits for them any more."""


class Background:
    """What was asked for in this session, and whether the window is open. Used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mode: Mode = "none"
        self._open = True

    @property
    def mode(self) -> Mode:
        """What was asked for last."""
        with self._lock:
            return self._mode

    @property
    def window_open(self) -> bool:
        """Whether the person sees the app."""
        with self._lock:
            return self._open

    def ask(self, mode: Mode) -> None:
        """Go on in this way from now on. Callers have asked the gate and the broker."""
        with self._lock:
            self._mode = mode

    def window(self, *, is_open: bool) -> None:
        """The window was opened or closed."""
        with self._lock:
            self._open = is_open

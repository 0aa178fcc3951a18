"""How often something may happen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from locara.errors import CallError


class Rate:
    """At most ``most`` times in any ``seconds``."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._times: deque[float] = deque(maxlen=most)

    def take(self, what: str) -> None:
        """Count one. Raises CallError limit_exceeded, and counts nothing, when it is one too many."""
        now = self._clock()
        if len(self._times) == self._most and now - self._times[0] < self._seconds:
            raise CallError(
                f"at most {self._most} {what} in {self._seconds:g} seconds",
                code="limit_exceeded",
                fix="wait, and ask less often",
            )
        self._times.append(now)

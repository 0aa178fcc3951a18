"""Interrupts statements that run past their time.

SQLite calls a progress handler every few thousand steps, which is enough for plain loops, but one step can
be a slow function. The watchdog is a second clock: a thread that asks SQLite to stop the statement at its
next step.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import apsw

_TICK: Final = 0.05
_LINGER: Final = 1.0


class Watchdog:
    """One thread for all connections of a store; it sleeps while nothing runs."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._armed: dict[int, tuple[float, apsw.Connection]] = {}
        self._idle = True
        self._closed = False
        self._thread: threading.Thread | None = None

    def arm(self, connection: apsw.Connection, deadline: float) -> None:
        """Interrupt ``connection`` when `time.monotonic` passes ``deadline``, unless disarmed before."""
        with self._condition:
            self._armed[id(connection)] = (deadline, connection)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="locara-sql-watchdog", daemon=True)
                self._thread.start()
            if self._idle:
                self._idle = False
                self._condition.notify()

    def disarm(self, connection: apsw.Connection) -> None:
        """The statement ended. After this returns no interrupt reaches the connection."""
        with self._condition:
            self._armed.pop(id(connection), None)

    def close(self) -> None:
        """End the thread."""
        with self._condition:
            self._closed = True
            self._armed.clear()
            self._condition.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _watch(self) -> None:
        quiet_since = time.monotonic()
        with self._condition:
            while not self._closed:
                now = time.monotonic()
                if self._armed:
                    quiet_since = now
                elif now - quiet_since > _LINGER:
                    self._idle = True
                if self._idle:
                    self._condition.wait()
                    quiet_since = time.monotonic()
                    continue
                for deadline, connection in self._armed.values():
                    if now > deadline:
                        connection.interrupt()
                self._condition.wait(_TICK)

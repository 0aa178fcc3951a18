"""Who wants to be told of changes of the settings: bounded queues between the writer and the reader.

A writer never waits for a reader. What a reader does not take in time is dropped from its queue, all of it, and
it is told that it missed something: it then reads the settings anew and misses nothing that lasts.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from locara.errors import CallError
from locara.storage.settings import Change, Settings

MAX_SUBSCRIPTIONS: Final = 8
MAX_WAITING: Final = 256
MAX_WAITING_BYTES: Final = 1024 * 1024
_LOOK_SECONDS: Final = 0.1


class Subscription:
    """The changes of some scopes that were not delivered yet, in the order in which they happened."""

    def __init__(self, scopes: frozenset[str]) -> None:
        self.name = secrets.token_hex(16)
        self._scopes = scopes
        self._waiting: deque[Change] = deque()
        self._bytes = 0
        self._missed = 0
        self._ended = False
        self._ready = threading.Condition()

    def put(self, change: Change) -> None:
        """Keep a change for the reader; never waits."""
        if change.scope not in self._scopes:
            return
        with self._ready:
            self._waiting.append(change)
            self._bytes += len(change.value or "")
            if len(self._waiting) > MAX_WAITING or self._bytes > MAX_WAITING_BYTES:
                self._missed += len(self._waiting)
                self._waiting.clear()
                self._bytes = 0
            self._ready.notify()

    def end(self) -> None:
        """Let the reader come to its end once it has taken what waits."""
        with self._ready:
            self._ended = True
            self._ready.notify()

    def events(self, is_cancelled: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        """Events as they happen, until `end` or until the call is cancelled."""
        while not is_cancelled():
            with self._ready:
                if not self._waiting and not self._missed and not self._ended:
                    self._ready.wait(_LOOK_SECONDS)
                missed, self._missed = self._missed, 0
                change = self._waiting.popleft() if self._waiting and not missed else None
                self._bytes -= len(change.value or "") if change else 0
                done = self._ended and change is None and not missed
            if missed:
                yield {"type": "missed", "count": missed}
            elif change is not None:
                yield _event(change)
            elif done:
                return


def _event(change: Change) -> Mapping[str, Any]:
    told = {"type": "changed", "scope": change.scope, "key": change.key, "found": change.value is not None}
    return {**told, "value": None if change.value is None else json.loads(change.value)}


class Subscriptions:
    """The open subscriptions of one app, by name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, tuple[Subscription, Callable[[], None]]] = {}
        self._lock = threading.Lock()

    def open(self, scopes: frozenset[str]) -> Subscription:
        """A new subscription. Raises CallError ``busy`` when there are as many as an app may have."""
        with self._lock:
            if len(self._open) >= MAX_SUBSCRIPTIONS:
                raise CallError(
                    f"an app has at most {MAX_SUBSCRIPTIONS} subscriptions",
                    code="busy",
                    fix="end one with settings.unsubscribe",
                )
            one = Subscription(scopes)
            self._open[one.name] = (one, self._settings.watch(one.put))
            return one

    def close(self, name: str) -> bool:
        """End a subscription; False when there is none of that name."""
        with self._lock:
            found = self._open.pop(name, None)
        if found is None:
            return False
        subscription, forget = found
        forget()
        subscription.end()
        return True

"""Loaded models: each is loaded once, lent to whoever works with it, and unloaded only when nobody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from locara.core.digest import Digest


class Loaded(Protocol):
    """A model in memory."""

    def close(self) -> None:
        """Free it."""
        ...


M = TypeVar("M", bound=Loaded)


class _Place(Generic[M]):
    __slots__ = ("idle_since", "model", "users")

    def __init__(self, model: M) -> None:
        self.model = model
        self.users = 0
        self.idle_since = 0.0


class Pool(Generic[M]):
    """Models of one kind by digest. Safe to use from several threads; one model is loaded at a time.

    `loads` counts how often a model was loaded: more than once for one that was unloaded in between.
    """

    def __init__(self, load: Callable[[Digest], M], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[Digest, _Place[M]] = {}
        self.loads = 0

    @contextmanager
    def lend(self, digest: Digest) -> Iterator[M]:
        """The model, loaded when it is not; it stays in memory for as long as the block runs. Raises what
        loading raises."""
        with self._lock:
            place = self._places.get(digest)
            if place is None:
                place = self._places[digest] = _Place(self._load(digest))
                self.loads += 1
            place.users += 1
        try:
            yield place.model
        finally:
            with self._lock:
                place.users -= 1
                place.idle_since = self._clock()

    def unload_idle(self, seconds: float = 0.0) -> int:
        """Free every model that nobody has used for so long; returns how many. One in use is never touched."""
        with self._lock:
            latest = self._clock() - seconds
            idle = [
                digest
                for digest, place in self._places.items()
                if not place.users and place.idle_since <= latest
            ]
            models = [self._places.pop(digest).model for digest in idle]
            for model in models:
                model.close()
        return len(models)

    def close(self) -> None:
        """Free every model, waiting for running work; the next use loads again."""
        with self._lock:
            models = [place.model for place in self._places.values()]
            self._places.clear()
        for model in models:
            model.close()

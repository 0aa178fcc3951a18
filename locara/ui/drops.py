"""What was last dropped on a window, outside of it: kept for a moment, given once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

FRESH_SECONDS: Final = 30.0
"""A drop that the page did not ask for by then is forgotten."""
ARRIVAL_SECONDS: Final = 1.0
"""The page may hear of a drop before the launcher does."""
MAX_PATHS: Final = 256


class Dropped:
    """The last drop of one window. What a window says is not believed: the person is asked before any of it is
    handed over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._came = threading.Condition()
        self._paths: tuple[Path, ...] = ()
        self._until = 0.0

    def put(self, uris: Iterable[str]) -> None:
        """Keep the files among these addresses in place of what was dropped before."""
        paths = tuple(dict.fromkeys(path for uri in uris if (path := path_of(uri)) is not None))
        with self._came:
            self._paths = paths if len(paths) <= MAX_PATHS else ()
            self._until = self._clock() + FRESH_SECONDS
            self._came.notify_all()

    def take(self, seconds: float = ARRIVAL_SECONDS) -> tuple[Path, ...]:
        """The last drop, once; nothing when none is there after ``seconds``, or when it is too long ago."""
        with self._came:
            self._came.wait_for(lambda: bool(self._paths), seconds)
            paths, self._paths = self._paths, ()
            return paths if self._clock() <= self._until else ()


def path_of(uri: str) -> Path | None:
    """The absolute path of a file's address on this machine; None for every other address."""
    try:
        parts = urlsplit(uri)
        name = unquote_to_bytes(parts.path)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
        return None
    return Path(os.fsdecode(name)) if name.startswith(b"/") and b"\0" not in name else None

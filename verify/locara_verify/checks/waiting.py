"""Waiting for what another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_STEP: Final = 0.01


def happens(holds: Callable[[], object], seconds: float) -> bool:
    """Whether it comes true in time; asked once at least."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(_STEP)
    return True

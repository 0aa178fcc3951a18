"""Waiting for what another process or thread brings about."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
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


def in_time(act: Callable[[], object], seconds: float, pipe: Path) -> bool:
    """Whether ``act`` ends in time. One that waits for whoever writes into ``pipe`` is let go on afterwards."""
    acting = threading.Thread(target=act, daemon=True)
    acting.start()
    acting.join(seconds)
    if acting.is_alive():
        with suppress(OSError):
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return False
    return True

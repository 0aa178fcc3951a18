"""What a process has open, as /proc tells it: the same before and after, or something is kept."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def open_count(pid: int | str = "self") -> int:
    """How many descriptors a process has open. Raises OSError where that is not told."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names alone


def open_on(place: Path) -> int:
    """How many descriptors of this process are open on a place."""
    count = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names alone
        with suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}") == str(place)  # noqa: PTH115
    return count

"""Processor time of a running app and of this process: what waiting on a busy machine does not change."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from locara_verify.process import descendants

_NANO: Final = 1e-9


def used(pids: tuple[int, ...]) -> float:
    """Processor seconds that the threads of these processes have had. Raises OSError where the kernel does not tell."""
    total = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text("ascii").split()[0])
    return total * _NANO


def clock_of(pid: int) -> Callable[[], float]:
    """A clock of the processor time of this process and of ``pid`` with all below it; wall time where the kernel
    does not tell."""
    pids = (pid, *descendants(pid))
    try:
        told = used(pids) > 0.0
    except (OSError, ValueError, IndexError):
        told = False
    return (lambda: time.process_time() + used(pids)) if told else time.perf_counter

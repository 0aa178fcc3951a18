"""Processor time of a running app and of this process: what waiting on a busy machine does not change."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from locara_verify.process import descendants

_SCHEDULED: Final = 2
"""Which of the clocks of a process: all the time its threads had, those that ended too (CPUCLOCK_SCHED of Linux)."""


def used(pids: tuple[int, ...]) -> float:
    """Processor seconds that these processes have had. Raises OSError where the kernel does not tell."""
    return sum(time.clock_gettime((~pid << 3) | _SCHEDULED) for pid in pids)


def clock_of(pid: int) -> Callable[[], float]:
    """A clock of the processor time of this process and of ``pid`` with all below it; wall time where the kernel
    does not tell."""
    pids = (pid, *descendants(pid))
    try:
        told = used(pids) > 0.0
    except OSError:
        told = False
    return (lambda: time.process_time() + used(pids)) if told else time.perf_counter

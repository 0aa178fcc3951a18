"""Whether the machine is short of memory, as its kernel tells it.

Linux: the pressure stall information of the whole machine, and how much memory is left. Both are files of
numbers under /proc that the sandbox leaves readable; nothing about other processes is in them. macOS: the
kernel's own pressure level. Elsewhere nothing is known, and models stay until the app ends.
"""

from __future__ import annotations

import ctypes
import math
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from locara.sandbox.linux.kernel_text import kernel_text

STALLED_PERCENT: Final = 10.0
"""Share of the last ten seconds in which some process waited for memory."""
LEFT_PERCENT: Final = 4.0
INTERVAL_S: Final = 2.0
_WARNING: Final = 2  # macOS: 1 normal, 2 warning, 4 critical


class Gauge(Protocol):
    """Something that knows whether memory is short."""

    def is_short(self) -> bool:
        """True when models that nobody uses should go. Never raises; what cannot be read is no pressure."""
        ...


class ProcGauge:
    """The gauge of Linux."""

    def __init__(self, folder: Path = Path("/proc")) -> None:
        self._stalls, self._memory = folder / "pressure/memory", folder / "meminfo"

    def is_short(self) -> bool:
        """True when some process stalls on memory, or hardly any is left."""
        return (
            stalled(kernel_text(self._stalls)) >= STALLED_PERCENT
            or left(kernel_text(self._memory)) < LEFT_PERCENT
        )


class MacGauge:
    """The gauge of macOS. Written from the documented interface; it has not been run on a Mac."""

    def is_short(self) -> bool:
        """True from the level "warning" on."""
        level, size = ctypes.c_int(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
        name = b"kern.memorystatus_vm_pressure_level"
        try:
            failed = ctypes.CDLL(None).sysctlbyname(name, ctypes.byref(level), ctypes.byref(size), None, 0)
        except (OSError, AttributeError):
            return False
        return failed == 0 and level.value >= _WARNING


def gauge() -> Gauge | None:
    """The gauge of this platform, or None."""
    platforms: dict[str, type[ProcGauge] | type[MacGauge]] = {"linux": ProcGauge, "darwin": MacGauge}
    found = platforms.get(sys.platform)
    return None if found is None else found()


def stalled(text: str) -> float:
    """The `some avg10` figure of a pressure file, in percent; 0 when it does not say."""
    for line in text.splitlines():
        fields = line.split()
        if fields[:1] == ["some"]:
            return max((_number(field[6:]) for field in fields if field.startswith("avg10=")), default=0.0)
    return 0.0


def memory(text: str) -> dict[str, float]:
    """KiB of all memory and of what is available, by their names in a meminfo file; none of what it does not say."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in {"MemTotal", "MemAvailable"}:
            found[name] = _number(rest.split()[0]) if rest.split() else 0.0
    return found


def left(text: str) -> float:
    """The memory that is available, in percent of all, by a meminfo file; 100 when it does not say."""
    found = memory(text)
    total = found.get("MemTotal", 0.0)
    return 100.0 * found["MemAvailable"] / total if total > 0 and "MemAvailable" in found else 100.0


class PressureWatch:
    """Looks at a gauge every so often and calls `relieve` while memory is short, on a thread of its own."""

    def __init__(self, gauge: Gauge, relieve: Callable[[], object], *, interval: float = INTERVAL_S) -> None:
        self._gauge, self._relieve, self._interval = gauge, relieve, interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="locara-pressure", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the watch; a second call does nothing."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(self._interval):
            if self._gauge.is_short():
                self._relieve()


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if math.isfinite(found) else 0.0

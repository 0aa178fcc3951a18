"""Working files of a check in memory: a file system of its own that is gone with the last process that sees it.

Checks make and remove many thousand small files, and a disk is slow at that. Only root may mount, so for anybody
else, and where memory is short, the files stay on the disk; what a check does and finds is the same.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from locara.runtime.pressure import memory
from locara.sandbox.linux.kernel_text import kernel_text

MEGABYTES: Final = 1_024
"""The size of the file system. The largest check needs a tenth of that."""
_MEMORY_KIB: Final = 4 << 20
"""What must be free, and then some: several checks run at a time, each with a model loaded."""


def in_memory(folder: Path) -> bool:
    """Mount a new file system on ``folder``, an absolute path, for this process and those it starts; whether it is
    so. Call it from a process without threads, before it changes into the folder."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or _available_kib() < _MEMORY_KIB:
        return False
    from locara.sandbox.linux import kernel_calls as kernel  # noqa: PLC0415 - for Linux alone

    with suppress(OSError):  # a container's root may not mount, or not leave the mounts of others
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        options = f"size={MEGABYTES}m,mode=0700"
        kernel.mount("tmpfs", str(folder), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
        return True
    return False


def _available_kib() -> float:
    return memory(kernel_text(Path("/proc/meminfo"))).get("MemAvailable", 0.0)

"""Running again whenever the app changes. What counts is its content, not the events of one file system."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from locara_verify.target import MANIFEST, is_part, read_whole

_POLL: Final = 0.4
_QUIET: Final = 0.3
"""A change is taken up when nothing has changed for so many seconds: editors and builds write in steps."""

Mark = frozenset[tuple[str, int, int, int, int]]


def mark(root: Path) -> Mark:
    """Names, rights, sizes, times and numbers of all files and links of the app; unreadable folders count as empty."""
    found = set()
    try:
        whole = read_whole((root / MANIFEST).read_bytes())
    except OSError:
        whole = ()
    for folder, names, files in os.walk(root):
        here = Path(folder).relative_to(root).parts
        links = [name for name in names if Path(folder, name).is_symlink()]
        names[:] = [name for name in names if name not in links and is_part((*here, name), whole)]
        for name in (*files, *links):
            path = Path(folder, name)
            try:
                info = path.lstat()
            except OSError:
                continue
            found.add((str(path), info.st_mode, info.st_size, info.st_mtime_ns, info.st_ino))
    return frozenset(found)


def wait_for_change(
    root: Path,
    seen: Mark,
    *,
    sleep: Callable[[float], None] = time.sleep,
    look: Callable[[Path], Mark] = mark,
) -> Mark:
    """Block until the app differs from ``seen`` and has come to rest; the new mark."""
    while True:
        now = look(root)
        if now != seen:
            sleep(_QUIET)
            while (settled := look(root)) != now:
                now = settled
                sleep(_QUIET)
            return now
        sleep(_POLL)

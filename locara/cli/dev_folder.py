"""The folder of one `locara dev`, gone when it ends; what a killed one left is taken away by the next.

A lock on a file in the folder says that its process lives: the kernel lets go of it however the process ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PREFIX: Final = "locara-dev-"
_LOCK: Final = "alive"
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def dev_folder(base: Path | None = None) -> Iterator[Path]:
    """A new private folder below ``base`` (the system's place for temporary files), removed at the end."""
    where = Path(tempfile.gettempdir()) if base is None else base
    sweep(where)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=where))
    held = os.open(folder / _LOCK, _NEW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep(base: Path) -> None:
    """Remove the folders of this person's runs that no longer live; others, and what is no such folder, stay."""
    with suppress(OSError):
        for entry in base.iterdir():
            if entry.name.startswith(PREFIX):
                _remove_dead(entry)


def _remove_dead(folder: Path) -> None:
    with suppress(OSError):
        seen = folder.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
            return
        # One without its lock file is being made at this moment, or is nothing of ours.
        held = os.open(folder / _LOCK, _OLD)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)

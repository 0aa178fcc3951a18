"""A folder in which something is made before it gets its name; what a killed attempt left is taken away by the next."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def attempt(area: Path, prefix: str = "") -> Iterator[Path]:
    """A new folder in ``area`` that nobody else may enter, removed at the end of the block.

    Each attempt locks its folder, and the lock ends with its process: a folder of this prefix that can be locked is
    abandoned, and goes when the next attempt begins. Links are left alone. ``area`` is the person's own. Raises
    OSError when it cannot be written.
    """
    with _locked(area):
        for old in area.iterdir():
            if old.name.startswith(prefix):
                _remove_abandoned(old)
        folder = area / f"{prefix}{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700)
        held = _lock(folder, fcntl.LOCK_NB)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _remove_abandoned(folder: Path) -> None:
    with suppress(OSError):  # in use, gone meanwhile, a file or a link
        held = _lock(folder, fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    held = _lock(folder, 0)
    try:
        yield
    finally:
        os.close(held)


def _lock(folder: Path, how: int) -> int:
    """A descriptor that holds the lock of a folder. OSError: another holds it, or it is none."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | how)
    except OSError:
        os.close(fd)
        raise
    return fd

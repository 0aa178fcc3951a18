"""Files that are there whole or not at all, also after a loss of power. Everything that keeps something uses this."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_whole(place: Path, data: bytes, *, mode: int = 0o600, replace: bool = True) -> None:
    """Put a file in place: after a return it is on the disk, and until then others see what was there before.

    Nobody but the owner can open it before it has its mode. Raises OSError, and FileExistsError when there is one
    and ``replace`` is false; then nothing is left behind.
    """
    part = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(data)
            file.flush()
            os.fsync(fd)
        if replace:
            part.replace(place)
        else:
            os.link(part, place, follow_symlinks=False)  # fails where replace would not
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    _sync(folder, os.O_DIRECTORY)


def sync_file(file: Path) -> None:
    """Make durable what something else wrote to a file. A folder is taken as well. Raises OSError."""
    _sync(file, 0)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""Copies of the database, made before its schema changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import apsw

from locara.durable import sync_file, sync_folder

KEEP: Final = 3
_DIRECTORY: Final = "backups"


def _copies(path: Path) -> list[Path]:
    directory = path.parent / _DIRECTORY
    return sorted(directory.glob(f"{path.stem}-[0-9]*.sqlite"), key=lambda copy: copy.name)


def newest_backup(path: Path) -> str | None:
    """The newest complete backup of the database ``path``, relative to its directory, or None."""
    copies = _copies(path)
    return f"{_DIRECTORY}/{copies[-1].name}" if copies else None


def make_backup(path: Path, source: apsw.Connection, version: int, milliseconds: int) -> Path:
    """Copy the whole database as it is now into ``backups/`` beside it and keep the newest `KEEP` copies.

    The copy appears under its name only when it is complete and on disk; a killed copy leaves a
    ``.partial`` file that the next one removes. Raises `OSError` or `apsw.Error`.
    """
    directory = path.parent / _DIRECTORY
    directory.mkdir(mode=0o700, exist_ok=True)
    for stale in directory.glob("*.partial*"):
        stale.unlink()
    final = directory / f"{path.stem}-{milliseconds:015d}-v{version:04d}.sqlite"
    partial = final.with_suffix(".partial")
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.close(descriptor)
    target = apsw.Connection(str(partial), apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
    try:
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(1_000)
        # One self-contained file: a copy in WAL mode would need its -wal beside it.
        target.pragma("journal_mode", "delete")
    finally:
        target.close(True)
    sync_file(partial)
    partial.rename(final)
    sync_folder(directory)
    for old in _copies(path)[:-KEEP]:
        old.unlink()
    return final

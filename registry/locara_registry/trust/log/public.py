"""The public side of the log: a folder of static files that any web server can serve.

Tiles and bundles are written once and never changed. Only `checkpoint` is replaced, after everything it needs
is on the disk. It is also the log's memory outside of its database: a database that contradicts it is refused.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from locara.durable import sync_folder
from locara.trust.kept_files import read_file, replace_file, unwritable
from locara.trust.log_refusal import LogRefused
from locara.trust.note import MAX_NOTE
from locara.trust.tiles import MAX_BUNDLE, WIDTH, Tile, tiles_of

_FILE: Final = 0o644
_TEMPORARY: Final = ".new-"
_AT_ONCE: Final = 200


class PublicFolder:
    """The folder and what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, path: Path) -> PublicFolder:
        """The folder, made when it is not there. Raises LogRefused."""
        try:
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        return cls(path)

    def tidy(self) -> None:
        """Take away what a killed writer left half written. Only the one writer may call this."""
        for left in (*self.path.rglob(f"{_TEMPORARY}*"), *self.path.glob(".checkpoint.*")):
            left.unlink()

    def checkpoint(self) -> bytes | None:
        """The published checkpoint, None when there is none. Raises LogRefused `state_unreadable`."""
        return read_file(self.path / "checkpoint", MAX_NOTE, code="state_unreadable")

    def add(self, size: int, since: int, read: Callable[[Tile], bytes]) -> None:
        """Write the tiles and bundles that a log of that size has beyond those of size `since`.

        Returns when they are on the disk. Raises LogRefused: `fork` when a file is there with other bytes,
        `disk_full`, `state_unwritable`.
        """
        written: list[tuple[Path, Path, int]] = []
        try:
            changed = self._stage(tiles_of(size, since), read, written)
            self._settle(written)
            for folder in sorted(changed, reverse=True):
                sync_folder(folder)
        except OSError as error:
            raise unwritable(self.path, error) from error
        finally:
            for temporary, _, fd in written:
                os.close(fd)
                temporary.unlink(missing_ok=True)

    def _stage(
        self, tiles: Iterable[Tile], read: Callable[[Tile], bytes], written: list[tuple[Path, Path, int]]
    ) -> set[Path]:
        """Write what is not there under temporary names. The folders whose names change."""
        changed = set()
        for tile in tiles:
            place = self.path / tile.path
            data = read(tile)
            if self._there(place, data):
                continue
            folder = place.parent
            while not folder.is_dir():
                folder = folder.parent
                changed.add(folder)
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            changed.add(place.parent)
            temporary = place.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(temporary, flags, _FILE)
            written.append((temporary, place, fd))
            _write_all(fd, data)
            if len(written) % _AT_ONCE == 0:  # file descriptors are not endless
                self._settle(written)
        return changed

    def _settle(self, written: list[tuple[Path, Path, int]]) -> None:
        # All are written before the first is waited for: the disk then works on them together.
        for _, _, fd in written:
            os.fsync(fd)
        while written:
            temporary, place, fd = written.pop()
            os.close(fd)
            temporary.rename(place)

    def _there(self, place: Path, data: bytes) -> bool:
        there = read_file(place, MAX_BUNDLE, code="state_unreadable")
        if there is not None and there != data:
            raise LogRefused(
                f"{place} was published with other bytes than the log holds now",
                code="fork",
                fix="keep both: this log must not go on under its name and key",
            )
        return there is not None

    def compare(self, size: int, read: Callable[[Tile], bytes]) -> int:
        """Compare every file of a log of that size; how many there are. Raises LogRefused `fork` for other
        bytes, `tile_mismatch` for a file that is not there."""
        count = 0
        for tile in tiles_of(size):
            if not self._there(self.path / tile.path, read(tile)):
                raise LogRefused(f"{tile.path} is not in {self.path}", code="tile_mismatch")
            count += 1
        return count

    def publish(self, raw: bytes) -> None:
        """Replace the checkpoint. Its tiles and bundles must be there. Raises LogRefused."""
        replace_file(self.path / "checkpoint", raw, mode=_FILE)

    def prune(self, size: int) -> None:
        """Take away unfinished tiles below that size, where the whole tile has been there for a checkpoint.

        Only disk space is lost when this is not done, so a failure is nobody's problem.
        """
        for level in (None, *range(8)):
            whole = size >> (8 * (level or 0))
            for n in range(max(0, whole // WIDTH - 2), whole // WIDTH):
                shutil.rmtree(self.path / f"{Tile(level, n).path}.p", ignore_errors=True)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]

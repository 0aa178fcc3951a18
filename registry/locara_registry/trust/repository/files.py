"""The files of a published repository, written so that a client never sees half of a state.

    public/N.role.json  public/timestamp.json  public/targets/<folder>/<sha256>.<name>

Files with a number or a digest in their name are immutable. They are all on the disk before `timestamp.json`, the
one file that is replaced, names their state: whoever reads at any moment, and whoever starts again after a kill,
finds the state before or the state after.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from locara.durable import sync_folder
from locara.trust.refusal import Reason, TrustError

_ROOT: Final = re.compile(r"([1-9][0-9]{0,9})\.root\.json")
_CURRENT: Final = "timestamp.json"
_PART: Final = ".part-"


class Published:
    """The folder that is served."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the block runs nobody else publishes. What a killed process left half-written is removed."""
        (self.folder / "targets").mkdir(parents=True, exist_ok=True)
        fd = os.open(
            self.folder.parent / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            for part in self.folder.rglob(f"{_PART}*"):
                part.unlink(missing_ok=True)
            yield
        finally:
            os.close(fd)

    def read(self, name: str) -> bytes:
        """A file. TrustError (`MATERIAL_MISSING`)."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError as error:
            raise TrustError(Reason.MATERIAL_MISSING, f"{self.folder / name} is not there") from error

    def newest_root(self) -> int:
        """The highest version of root that is published, 0 when there is none."""
        if not self.folder.is_dir():
            return 0
        found = (_ROOT.fullmatch(entry.name) for entry in self.folder.iterdir() if entry.is_file())
        return max((int(match[1]) for match in found if match), default=0)

    def targets(self) -> Mapping[str, int]:
        """The target files, by their path below `targets/`, with their sizes."""
        base = self.folder / "targets"
        return {
            entry.relative_to(base).as_posix(): entry.stat().st_size
            for entry in sorted(base.rglob("*"))
            if entry.is_file()
        }

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put files in place, in this order: none is seen before those that stand before it are safe on the disk.

        An equal file is left alone. The order is the caller's: what names others comes last.
        """
        waiting: list[tuple[Path, Path]] = []
        for name, data in files.items():
            place = self.folder / name
            with suppress(FileNotFoundError):
                if place.read_bytes() == data:
                    continue
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f"{_PART}{secrets.token_hex(8)}")
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            waiting.append((part, place))
        touched: set[Path] = set()
        for part, place in waiting:
            if place.parent == self.folder and (place.name == _CURRENT or _ROOT.fullmatch(place.name)):
                for folder in touched:
                    sync_folder(folder)
                touched.clear()
            part.replace(place)
            touched.add(place.parent)
        for folder in touched:
            sync_folder(folder)

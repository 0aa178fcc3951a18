"""Which thing a call was about, asked of the kernel while the thread stands at the call's end."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import field
from typing import Final, NamedTuple

from locara.records import dataclass
from locara_verify.oracle.trace.calls import HERE

Id = tuple[int, int]
Found = tuple[str, Id, bool]
"""A place, what lies there, and whether that is neither a file nor a folder."""

NOTHING: Final[Id] = (0, 0)
NOWHERE: Final = ""
"""The place of what lies in none of the known folders."""
NOT_FOUND: Final[Found] = (NOWHERE, NOTHING, False)
CONFINED: Final = 0x04 | 0x08
"""How openat2 resolves when no link is followed and the folder it starts at is not left."""
_OWN_DESCRIPTOR: Final = re.compile(r"(?:/proc/(?:self|thread-self)|/dev)/fd/([0-9]{1,9})/?")
_ITSELF: Final = re.compile(r"/proc/(?:self|thread-self)/")
_DEEPEST: Final = 64
_LONGEST: Final = 4096
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", 0)


class Seen(NamedTuple):
    """One call. ``mark`` is the request it belongs to, ``role`` whose it is, ``place`` the known folder in which it
    happened. ``access``: r, w or, where nothing can be read or written through it, empty; ``thing`` is (device, inode)
    of what was opened. ``error`` is 0 for a call that worked. ``follows``: a link in the name would have been
    followed. ``confined``: the kernel held it below its folder. ``special``: what was opened for reading or writing is
    neither a file nor a folder. ``waits``: an open of a pipe would have waited for its other end. ``for_others``: what
    was made is for others to write. ``alias``: a link, or a file that has a second name, was changed. ``folder``: what
    is opened is a folder or nothing."""

    mark: int
    role: str
    name: str
    kind: str
    place: str
    path: str
    access: str
    thing: Id
    error: int
    follows: bool
    confined: bool
    special: bool = False
    waits: bool = False
    for_others: bool = False
    alias: bool = False
    folder: bool = False

    def told(self) -> str:
        """The call in words."""
        how = f" for {'writing' if self.access == 'w' else 'reading'}" if self.access else ""
        end = f" ({os.strerror(self.error)})" if self.error else ""
        return f"{self.role}: {self.name} {self.path[:160]!r}{how}{end}"


def id_of(found: os.stat_result) -> Id:
    """Device and inode."""
    return found.st_dev, found.st_ino


@dataclass(slots=True)
class Lookups:
    """``places``: folders, and single files, by device and inode."""

    places: Mapping[Id, str]
    _folders: dict[Id, str] = field(default_factory=dict)
    _things: dict[Id, str] = field(default_factory=dict)

    def forget(self) -> None:
        """Folders moved or went: none is where it was any more."""
        self._folders.clear()

    def begin(self) -> None:
        """Another request: what was opened for the one before is no reason any more."""
        self._things.clear()

    def above(self, start: str) -> str:
        """The known place that the folder ``start`` is or lies in. Raises OSError."""
        fd = os.open(start, _FOLDER)
        passed: list[Id] = []
        try:
            for _ in range(_DEEPEST):
                here = id_of(os.fstat(fd))
                place = self.places.get(here) or self._folders.get(here)
                if place is not None or here in passed:
                    break
                passed.append(here)
                above = os.open("..", _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = above
        finally:
            os.close(fd)
        place = place or NOWHERE
        self._folders.update((one, place) for one in passed)
        return place

    def opened(self, thread: int, fd: int, folder: str, name: str) -> Found:
        """The place and the identity of what a descriptor of the thread is. ``folder`` and ``name`` say where it was
        looked for, which is believed only where the very thing lies there. What is opened once more, through a
        descriptor there is, is where it was found for the same request."""
        link = f"/proc/{thread}/fd/{fd}"
        try:
            found = os.stat(link)  # noqa: PTH116 - a hot path
        except OSError:
            return NOWHERE, (0, 0), False
        thing = id_of(found)
        if (place := self.places.get(thing)) is not None:
            return place, thing, False
        try:
            if stat.S_ISDIR(found.st_mode):
                return self.above(link), thing, False
            if id_of(os.lstat(f"{folder}/{name}")) == thing:
                self._things[thing] = self.above(folder)
        except OSError:
            pass
        return self._things.get(thing, NOWHERE), thing, not stat.S_ISREG(found.st_mode)

    def named(self, folder: str, name: str) -> str:
        """The place of what a name is, where that is a known one, or of the folder that it is looked for in."""
        try:
            place = self.places.get(id_of(os.lstat(f"{folder}/{name}")))
        except OSError:
            place = None
        return place or self.around(folder)

    def around(self, folder: str) -> str:
        """The place of a folder, or of the nearest one above it that is there."""
        for _ in range(_DEEPEST):
            try:
                return self.above(folder)
            except OSError:
                folder, _, last = folder.rpartition("/")
                if not last or folder.count("/") < 3:
                    break
        return NOWHERE


def start_of(thread: int, fd: int, path: str) -> str:
    """Where a path of the thread starts, as this process can name it."""
    if path.startswith("/"):
        return f"/proc/{thread}/root"
    return f"/proc/{thread}/cwd" if fd == HERE else f"/proc/{thread}/fd/{fd}"


def of_descriptor(fd: int, path: str) -> tuple[int, str]:
    """A path that names a descriptor of the thread is that descriptor."""
    found = _OWN_DESCRIPTOR.fullmatch(path)
    return (int(found[1]), "") if found else (fd, path)


def parted(thread: int, fd: int, path: str) -> tuple[str, str]:
    """The folder that a path of the thread names something in, and the name."""
    start = start_of(thread, fd, path)
    if itself := _ITSELF.match(path):
        start, path = f"/proc/{thread}", path[itself.end() :]
    folder, slash, name = path.rstrip("/").rpartition("/")
    if name in ("..", "."):
        folder, slash, name = path.rstrip("/"), "/", "."
    return (f"{start}/{folder.lstrip('/')}" if slash and folder else start), name or "."


def text_at(memory: int, address: int) -> str:
    """The text at an address of a process; empty for none."""
    data = b""
    while address and len(data) < _LONGEST:
        try:
            more = os.pread(memory, min(256, 4096 - address % 4096), address)
        except OSError:
            break
        before, end, _ = more.partition(b"\0")
        data += before
        if end or not more:
            break
        address += len(more)
    return os.fsdecode(data)

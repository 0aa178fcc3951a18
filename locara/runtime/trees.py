"""Directory trees that an app may use: the folders bound into its sandbox, opened once, used by descriptor.

A tree resolves a path with openat2 beneath its own descriptor, so links, `..` and mount tricks are refused by
the kernel and not by looking at the text. Only regular files and directories are ever handed out; a fifo,
socket or device is refused after a non-blocking open, and a file with a second hard link is never written to.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from locara.errors import CallError
from locara.records import dataclass
from locara.runtime.openat2 import open_beneath, rename_new

_READ: Final = os.O_RDONLY
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY


class Refused(Exception):
    """The effect itself has to be refused: a link, a way out of the tree, a second name, a handle without the
    right."""

    def __init__(self, because: str, *, fix: str = "use a plain file or folder inside the root") -> None:
        super().__init__(because)
        self.because = because
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file or folder is. size in bytes (0 for folders), modified in milliseconds since 1970."""

    kind: str
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. kind is file, directory or other; others have no size."""

    name: str
    kind: str
    size: int


class Tree(Protocol):
    """What the fs commands need of a root. Every path is relative; `""` is the root itself."""

    def open_read(self, path: str) -> int:
        """A descriptor of a regular file, for reading."""

    def entries(self, path: str, limit: int) -> tuple[list[Entry], bool]:
        """The names in a folder, sorted, and whether the limit cut them."""

    def metadata(self, path: str) -> Metadata:
        """What is at path."""

    def write(self, path: str, data: bytes, mode: str) -> int:
        """Write data (`create`, `replace` or `append`); the new size in bytes."""

    def remove(self, path: str) -> None:
        """Remove a regular file or an empty folder."""

    def make_folder(self, path: str) -> None:
        """Make one folder."""


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn an OSError into the CallError an app sees, or Refused. `path` is the app's own spelling."""
    shown = path if len(path) <= 120 else path[:119] + "…"
    try:
        yield
    except OSError as error:
        code = error.errno
        if code in {errno.ELOOP, errno.EXDEV}:
            raise Refused(f"{shown!r} runs through a link or leaves its root; neither is followed") from error
        raise _call_error(shown, error) from error


_ERRORS: Final[dict[int, tuple[str, str]]] = {
    errno.ENOENT: ("not_found", "there is nothing at {}"),
    errno.ENOTDIR: ("not_found", "there is nothing at {}"),
    errno.EEXIST: ("exists", "{} exists already"),
    errno.ENOSPC: ("quota_exceeded", "the disk has no room left for {}"),
    errno.EDQUOT: ("quota_exceeded", "the disk has no room left for {}"),
    errno.EFBIG: ("quota_exceeded", "{} is too large for the disk"),
    errno.ENAMETOOLONG: ("bad_request", "{} is too long for this system"),
    errno.EINVAL: ("bad_request", "{} is not a path this system can hold"),
    errno.EISDIR: ("io_error", "{} is a folder"),
    errno.ENOTEMPTY: ("io_error", "{} is a folder that is not empty"),
    errno.ENXIO: ("io_error", "{} is not a regular file or folder"),
    errno.ENODEV: ("io_error", "{} is not a regular file or folder"),
}


def _call_error(shown: str, error: OSError) -> CallError:
    code, words = _ERRORS.get(error.errno or 0, ("io_error", f"the system refused {{}}: {error.strerror}"))
    return CallError(words.format(repr(shown)), code=code)


def check_regular(fd: int, path: str, *, writing: bool) -> os.stat_result:
    """fd's status when it is a regular file that may be used so. Raises CallError(io_error) or Refused."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise CallError(f"{path!r} is not a regular file", code="io_error")
    if writing and status.st_nlink != 1:
        raise Refused(f"{path!r} has a second name (a hard link); it is not written to")
    return status


def describe(status: os.stat_result, path: str) -> Metadata:
    """Metadata of a regular file or a directory. Raises CallError(io_error) for anything else."""
    modified = status.st_mtime_ns // 1_000_000
    if stat.S_ISREG(status.st_mode):
        return Metadata("file", status.st_size, modified)
    if stat.S_ISDIR(status.st_mode):
        return Metadata("directory", 0, modified)
    raise CallError(f"{path!r} is not a regular file or folder", code="io_error")


@contextmanager
def closing(fd: int) -> Iterator[int]:
    """Close fd at the end of the block."""
    try:
        yield fd
    finally:
        os.close(fd)


class LocalTree:
    """A folder inside the sandbox. The descriptor is opened once; a rename of the folder changes nothing."""

    def __init__(self, folder: Path) -> None:
        self._root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def open_read(self, path: str) -> int:
        """See Tree. A fifo or device is refused without waiting for it."""
        with translated(path):
            fd = open_beneath(self._root, path, _READ)
        try:
            check_regular(fd, path, writing=False)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def entries(self, path: str, limit: int) -> tuple[list[Entry], bool]:
        """See Tree."""
        with translated(path), closing(open_beneath(self._root, path, _FOLDER)) as fd:
            return list_folder(fd, limit=limit)

    def metadata(self, path: str) -> Metadata:
        """See Tree. A link is refused, not described."""
        with translated(path), closing(open_beneath(self._root, path, os.O_PATH)) as fd:
            return describe(os.fstat(fd), path)

    def measure(self) -> tuple[int, int]:
        """The bytes of all regular files, and how many names there are. No link is looked through."""
        with closing(open_beneath(self._root, "", _FOLDER)) as fd:
            return measured(fd)

    def write(self, path: str, data: bytes, mode: str) -> int:
        """See Tree. create and replace are atomic: a reader sees the old content or the new, never a part. What
        could not be appended whole is taken back."""
        with translated(path):
            if mode == "append":
                return self._append(path, data)
            with self._parent(path) as (folder, name):
                return _place(folder, name, path, data, replace=mode == "replace")

    def _append(self, path: str, data: bytes) -> int:
        with closing(open_beneath(self._root, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)) as fd:
            size = check_regular(fd, path, writing=True).st_size
            append_whole(fd, size, data)
            return size + len(data)

    def remove(self, path: str) -> None:
        """See Tree."""
        with translated(path), self._parent(path) as (folder, name):
            kind = self._kind_below(folder, name, path)
            if kind == "directory":
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)

    def make_folder(self, path: str) -> None:
        """See Tree."""
        with translated(path), self._parent(path) as (folder, name):
            os.mkdir(name, 0o700, dir_fd=folder)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        folder, _, name = path.rpartition("/")
        if not name:
            raise CallError("the root itself cannot be changed", code="bad_request")
        with closing(open_beneath(self._root, folder, os.O_PATH | os.O_DIRECTORY)) as fd:
            yield fd, name

    @staticmethod
    def _kind_below(folder: int, name: str, path: str) -> str:
        with closing(open_beneath(folder, name, os.O_PATH)) as fd:
            return describe(os.fstat(fd), path).kind


def _place(folder: int, name: str, path: str, data: bytes, *, replace: bool) -> int:
    """Write a new file beside the target and rename it into place."""
    with suppress(FileNotFoundError), closing(open_beneath(folder, name, os.O_PATH)) as existing:
        if not replace:
            raise CallError(f"{path!r} exists already", code="exists")
        check_regular(existing, path, writing=True)
    temporary = f".{secrets.token_hex(8)}.part"
    fd = open_beneath(folder, temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with closing(fd):
            write_fully(fd, data)
            os.fsync(fd)
        if replace:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            rename_new(folder, temporary, name)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    return len(data)


def write_fully(fd: int, data: bytes) -> None:
    """Write all of data. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def append_whole(fd: int, size: int, data: bytes) -> None:
    """Write data at the end of a file of this size, or leave it as it was. Raises OSError."""
    try:
        write_fully(fd, data)
    except BaseException:
        with suppress(OSError):
            os.ftruncate(fd, size)
        raise


def list_folder(fd: int, *, limit: int) -> tuple[list[Entry], bool]:
    """Names in an open folder, sorted, and whether the limit cut the list. Links are `other`; nothing is
    followed.

    A name that is not UTF-8 cannot be asked for and is left out. Sizes are of the folder's own entries, never
    of what an entry points to.
    """
    entries: list[Entry] = []
    with os.scandir(fd) as found:
        for item in found:
            if not _is_utf8(item.name):
                continue
            if len(entries) == limit:
                return sorted(entries, key=lambda entry: entry.name), True
            entries.append(_entry(item))
    return sorted(entries, key=lambda entry: entry.name), False


def measured(folder: int) -> tuple[int, int]:
    """Bytes of regular files and number of names below an open folder. What is gone meanwhile, or may not be listed,
    counts as nothing."""
    total = names = 0
    folders: list[str] = []
    with suppress(OSError), os.scandir(folder) as found:
        for item in found:
            names += 1
            if item.is_dir(follow_symlinks=False):
                folders.append(item.name)
            elif item.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    total += item.stat(follow_symlinks=False).st_size
    for name in folders:
        with suppress(OSError), closing(open_beneath(folder, name, _FOLDER)) as below:
            more, further = measured(below)
            total, names = total + more, names + further
    return total, names


def _entry(item: os.DirEntry[str]) -> Entry:
    if item.is_dir(follow_symlinks=False):
        return Entry(item.name, "directory", 0)
    if not item.is_file(follow_symlinks=False):
        return Entry(item.name, "other", 0)
    try:
        return Entry(item.name, "file", item.stat(follow_symlinks=False).st_size)
    except OSError:  # gone since, or its folder may be listed but not searched
        return Entry(item.name, "file", 0)


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

"""What a person picked, held open: a handle is a descriptor and the access that was asked for and granted."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Literal

from locara.errors import CallError
from locara.records import dataclass
from locara.sandbox.linux.kernel_calls import open_beneath, open_without_links

EntryKind = Literal["file", "directory"]

_CODES = {
    errno.ENOENT: "not_found",
    errno.ENOTDIR: "not_found",
    errno.EEXIST: "exists",
    errno.ENOTEMPTY: "exists",
    errno.ENOSPC: "quota_exceeded",
    errno.EDQUOT: "quota_exceeded",
    errno.EFBIG: "quota_exceeded",
}


def call_error(error: OSError) -> CallError:
    """An operating system error as an error reply: a code and the reason, never a path."""
    return CallError(os.strerror(error.errno or 0), code=_CODES.get(error.errno or 0, "io_error"))


def kind_of(mode: int) -> EntryKind | None:
    """file or directory; None for links, devices, pipes and sockets, which are never served."""
    if stat.S_ISREG(mode):
        return "file"
    return "directory" if stat.S_ISDIR(mode) else None


@dataclass(frozen=True, slots=True)
class Handle:
    """An unguessable name for an open place. The descriptor is O_PATH: it names the thing, not the path to
    it. ``grant`` is the key of the remembered pick it stands on, if it does: it ends with it.
    """

    key: str
    fd: int
    kind: EntryKind
    name: str
    writable: bool
    recursive: bool = False
    grant: str | None = None

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)


def new_key() -> str:
    """A name that nobody guesses."""
    return secrets.token_urlsafe(24)


def place_of(path: Path) -> Path:
    """A picked path without links: the directories on the way are the person's to choose, the last name is
    left as it is."""
    return Path(os.path.realpath(path.parent)) / path.name


def open_picked(path: Path, *, writable: bool, recursive: bool = False) -> Handle:
    """Open what a person picked. The directories on the way are theirs to choose; the thing itself may not be
    a link (OSError ELOOP). CallError io_error: neither a regular file nor a directory.
    """
    fd = open_without_links(place_of(path), os.O_PATH)
    kind = kind_of(os.fstat(fd).st_mode)
    if kind is None:
        os.close(fd)
        raise CallError("only regular files and directories can be picked", code="io_error")
    return Handle(new_key(), fd, kind, path.name, writable, recursive)


def opened_place(handle: Handle) -> Path:
    """Where the thing lies that a handle holds open, as the kernel tells it now; no name is looked up.

    CallError io_error when it lies nowhere in this file system.
    """
    place = Path(f"/proc/self/fd/{handle.fd}").readlink()
    if not place.is_absolute():
        raise CallError("where this lies cannot be told", code="io_error")
    return place


def open_entry(handle: Handle, path: str, flags: int) -> int:
    """Open the handle itself (path "") or something beneath it; it must exist, and is never a link.

    The thing is looked at before it is opened, so that a device or a pipe in the folder is not touched at
    all. OSError as from open; CallError io_error for anything that is no regular file or directory.
    """
    at = open_beneath(handle.fd, path, os.O_PATH) if path else os.dup(handle.fd)
    try:
        if kind_of(os.fstat(at).st_mode) is None:
            raise CallError("not a regular file", code="io_error")
        # Opening what a descriptor names, not a path again: nothing can be swapped in between.
        return os.open(f"/proc/self/fd/{at}", flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(at)


def create_entry(handle: Handle, path: str, mode: int) -> int:
    """A new file beneath the handle, open for writing. OSError EEXIST when there is anything already."""
    return open_beneath(handle.fd, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)


def open_parent(handle: Handle, path: str) -> tuple[int, str]:
    """(descriptor of the directory that holds `path`, its last name). CallError bad_request for the handle
    itself.
    """
    if handle.kind != "directory" or not path:
        raise CallError("this needs a name below a picked directory", code="bad_request")
    parent, _, name = path.rpartition("/")
    return open_beneath(handle.fd, parent or ".", os.O_RDONLY | os.O_DIRECTORY), name


def reserve(fd: int, size: int) -> None:
    """Make sure that a file which is about to be written anew finds room. OSError ENOSPC: it is as it was.

    File systems that cannot promise room are believed to have it.
    """
    before = os.fstat(fd).st_size
    if size <= before:
        return
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        os.ftruncate(fd, before)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise


def refuse_linked(fd: int) -> None:
    """Writing through a file that has a second name elsewhere would change it there: CallError io_error."""
    if os.fstat(fd).st_nlink > 1:
        raise CallError("the file has more than one name (hard links)", code="io_error")

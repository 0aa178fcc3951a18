"""Files that are opened where somebody else may have put something: a regular file, or an error at once."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path


class NotPlainError(OSError):
    """What lies there is no regular file: a folder, a pipe, a socket, a device."""


def open_plain(path: Path | str, *, follow: bool = False, dir_fd: int | None = None) -> io.BufferedReader:
    """The regular file at ``path``, for reading. A pipe is not waited for and a device not switched on.

    A link in the last place is refused unless ``follow``. Raises OSError, NotPlainError for what is no file; nothing
    stays open then.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    return plain_file(os.open(path, flags, dir_fd=dir_fd), path)


def plain_file(fd: int, path: Path | str) -> io.BufferedReader:
    """The regular file that ``fd`` is open on, which belongs to it from now on; ``path`` says what it is in an error.

    Raises NotPlainError, and then ``fd`` is closed.
    """
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotPlainError(errno.EINVAL, "it is not a plain file", os.fspath(path))
    except BaseException:
        os.close(fd)
        raise
    # Not within: the file closes it, also one that an interrupt kept from being returned.
    return os.fdopen(fd, "rb")

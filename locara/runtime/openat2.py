"""Path resolution that the kernel confines: openat2 beneath a directory, following no link of any kind.

No path is ever compared as text here. A path is resolved once, by the kernel, starting at a directory
descriptor, and the descriptor that comes back is the thing that is used; there is no second look-up that
could see another file.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
_RESOLVE: Final = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH
_RENAME_NOREPLACE: Final = 1
_SYS_OPENAT2: Final = 437
_SYS_RENAMEAT2: Final = {"x86_64": 316, "aarch64": 276}
_ALWAYS: Final = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_RETRIES: Final = 8


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc: Final = ctypes.CDLL(None, use_errno=True)


def open_beneath(directory: int, path: str, flags: int, mode: int = 0) -> int:
    """A new descriptor for path below the open directory.

    Raises OSError: ELOOP for a link anywhere in the path, EXDEV for a path that leaves the directory, and the
    usual ones. `""` is the directory itself. Never blocks on a fifo, never becomes a controlling terminal.
    """
    name = os.fsencode(path or ".")
    if b"\0" in name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    # No O_NOFOLLOW: RESOLVE_NO_SYMLINKS says the same of every part, and alone it makes a last link ELOOP for
    # every kind of open. O_PATH takes few other flags.
    extra = os.O_CLOEXEC if flags & os.O_PATH else _ALWAYS
    how = _OpenHow(flags | extra, mode if flags & os.O_CREAT else 0, _RESOLVE)
    for _ in range(_RETRIES):
        fd: int = _libc.syscall(_SYS_OPENAT2, directory, name, ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        # EAGAIN: the kernel saw a rename race and asks for another try. EINTR: a signal.
        if code not in {errno.EAGAIN, errno.EINTR}:
            break
    raise OSError(code, os.strerror(code))


def rename_new(directory: int, old: str, new: str) -> None:
    """Rename within one directory, atomically refusing (EEXIST) when the new name is already there."""
    number = _SYS_RENAMEAT2.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    result: int = _libc.syscall(
        number, directory, os.fsencode(old), directory, os.fsencode(new), ctypes.c_uint(_RENAME_NOREPLACE)
    )
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))

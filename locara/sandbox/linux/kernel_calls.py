"""System calls the standard library does not wrap: openat2, statx, open_tree, move_mount, mount, unshare."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import Final

RESOLVE_NO_XDEV: Final = 0x01
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08

CLONE_NEWNS: Final = 0x00020000
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18

_STATX_BTIME: Final = 0x800
_STATX_BYTES: Final = 256
_STATX_BORN: Final = 0x50  # where struct statx keeps stx_btime: 64 bits of seconds, 32 of nanoseconds

_OPENAT2: Final = 437
_OPEN_TREE: Final = 428
_MOVE_MOUNT: Final = 429
_AT_FDCWD: Final = -100
_AT_EMPTY_PATH: Final = 0x1000
_AT_RECURSIVE: Final = 0x8000
_OPEN_TREE_CLONE: Final = 1
_MOVE_MOUNT_F_EMPTY_PATH: Final = 4

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, path: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), path)
    return result


def openat2(dir_fd: int, path: str, flags: int, resolve: int, mode: int = 0) -> int:
    """Open `path` below `dir_fd` under the `resolve` rules. O_CLOEXEC is always set. ValueError: a NUL in
    the path.

    With BENEATH, NO_SYMLINKS and NO_MAGICLINKS the kernel itself guarantees that no link and no `..` led out.
    """
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("a path cannot hold a NUL byte")
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, resolve)
    result = _libc.syscall(
        _OPENAT2, ctypes.c_int(dir_fd), ctypes.c_char_p(name), ctypes.c_char_p(how), ctypes.c_size_t(len(how))
    )
    return _checked(result, path)


def open_without_links(path: Path, flags: int) -> int:
    """Open an absolute path none of whose components is a symbolic link (ELOOP otherwise)."""
    return openat2(_AT_FDCWD, str(path), flags, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)


def open_beneath(dir_fd: int, path: str, flags: int, mode: int = 0) -> int:
    """Open a path that stays below `dir_fd`: no links, no `..` past the top (ELOOP, EXDEV otherwise)."""
    return openat2(dir_fd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, mode)


def born(fd: int) -> int | None:
    """When the thing behind a descriptor was made, in nanoseconds since 1970; None where its file system does
    not tell.
    """
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    _checked(_libc.statx(fd, b"", _AT_EMPTY_PATH, ctypes.c_uint(_STATX_BTIME), buffer), f"/proc/self/fd/{fd}")
    (told,) = struct.unpack_from("=I", buffer)
    if not told & _STATX_BTIME:
        return None
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _STATX_BORN)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def clone_tree(fd: int) -> int:
    """A detached copy of the mount tree at an open descriptor; needs CAP_SYS_ADMIN."""
    flags = _OPEN_TREE_CLONE | _AT_EMPTY_PATH | _AT_RECURSIVE | os.O_CLOEXEC
    result = _libc.syscall(_OPEN_TREE, ctypes.c_int(fd), ctypes.c_char_p(b""), ctypes.c_uint(flags))
    return _checked(result, f"/proc/self/fd/{fd}")


def attach_tree(tree_fd: int, target: str) -> None:
    """Mount a detached tree at `target` in this thread's mount namespace."""
    result = _libc.syscall(
        _MOVE_MOUNT,
        ctypes.c_int(tree_fd),
        ctypes.c_char_p(b""),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH),
    )
    _checked(result, target)


def unshare(flags: int) -> None:
    """Leave the shared namespaces named by `flags`, for this thread only."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "/")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        None if data is None else data.encode(),
    )
    _checked(result, target)

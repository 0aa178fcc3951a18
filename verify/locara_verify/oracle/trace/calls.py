"""The calls that are looked at: their numbers from the kernel's tables, and where each keeps what it is about."""

from __future__ import annotations

import platform
from functools import cache
from typing import Final

from locara.records import dataclass

OPEN: Final = "open"
LOOK: Final = "look"
CHANGE: Final = "change"
HELD: Final = "held"
WRITTEN: Final = "written"
SOCKET: Final = "socket"
RUN: Final = "run"
POWER: Final = "power"

HERE: Final = -100
"""The folder that a path without a descriptor starts at."""
NO_FOLLOW: Final = 0x100
_WAYS: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``names`` are (argument of the folder or HERE, argument of the path); ``flags`` says which argument
    says whether a last link is followed, ``follows`` what holds without it, ``mode`` which argument has the rights of
    what is made. Of a call about a descriptor ``flags`` is the argument that it is."""

    name: str
    kind: str
    names: tuple[tuple[int, int], ...] = ()
    flags: int | None = None
    follows: bool = False
    mode: int | None = None


def _path(*arguments: int) -> tuple[tuple[int, int], ...]:
    return tuple((HERE, at) for at in arguments)


def _opens(name: str, *names: tuple[int, int], flags: int | None = None, mode: int | None = None) -> Call:
    return Call(name, OPEN, names, flags, True, mode)


TABLE: Final[tuple[tuple[Call, int | None, int | None], ...]] = (
    (_opens("open", *_path(0), flags=1, mode=2), 2, None),
    (_opens("creat", *_path(0), mode=1), 85, None),
    (_opens("openat", (0, 1), flags=2, mode=3), 257, 56),
    (_opens("openat2", (0, 1), mode=2), 437, 437),
    (Call("stat", LOOK, _path(0), follows=True), 4, None),
    (Call("lstat", LOOK, _path(0)), 6, None),
    (Call("newfstatat", LOOK, ((0, 1),), 3, follows=True), 262, 79),
    (Call("statx", LOOK, ((0, 1),), 2, follows=True), 332, 291),
    (Call("access", LOOK, _path(0), follows=True), 21, None),
    (Call("faccessat", LOOK, ((0, 1),), follows=True), 269, 48),
    (Call("faccessat2", LOOK, ((0, 1),), 3, follows=True), 439, 439),
    (Call("readlink", LOOK, _path(0)), 89, None),
    (Call("readlinkat", LOOK, ((0, 1),)), 267, 78),
    (Call("statfs", LOOK, _path(0), follows=True), 137, 43),
    (Call("chdir", LOOK, _path(0), follows=True), 80, 49),
    (Call("getxattr", LOOK, _path(0), follows=True), 191, 8),
    (Call("lgetxattr", LOOK, _path(0)), 192, 9),
    (Call("listxattr", LOOK, _path(0), follows=True), 194, 11),
    (Call("llistxattr", LOOK, _path(0)), 195, 12),
    (Call("inotify_add_watch", LOOK, _path(1), follows=True), 254, 27),
    (Call("name_to_handle_at", LOOK, ((0, 1),), follows=True), 303, 264),
    (Call("unlink", CHANGE, _path(0)), 87, None),
    (Call("unlinkat", CHANGE, ((0, 1),)), 263, 35),
    (Call("rmdir", CHANGE, _path(0)), 84, None),
    (Call("rename", CHANGE, _path(0, 1)), 82, None),
    (Call("renameat", CHANGE, ((0, 1), (2, 3))), 264, 38),
    (Call("renameat2", CHANGE, ((0, 1), (2, 3))), 316, 276),
    (Call("mkdir", CHANGE, _path(0), mode=1), 83, None),
    (Call("mkdirat", CHANGE, ((0, 1),), mode=2), 258, 34),
    (Call("link", CHANGE, _path(0, 1)), 86, None),
    (Call("linkat", CHANGE, ((0, 1), (2, 3))), 265, 37),
    (Call("symlink", CHANGE, _path(1)), 88, None),
    (Call("symlinkat", CHANGE, ((1, 2),)), 266, 36),
    (Call("mknod", CHANGE, _path(0), mode=1), 133, None),
    (Call("mknodat", CHANGE, ((0, 1),), mode=2), 259, 33),
    (Call("chmod", CHANGE, _path(0), follows=True, mode=1), 90, None),
    (Call("fchmodat", CHANGE, ((0, 1),), follows=True, mode=2), 268, 53),
    (Call("fchmodat2", CHANGE, ((0, 1),), 3, follows=True, mode=2), 452, 452),
    (Call("chown", CHANGE, _path(0), follows=True), 92, None),
    (Call("lchown", CHANGE, _path(0)), 94, None),
    (Call("fchownat", CHANGE, ((0, 1),), 4, follows=True), 260, 54),
    (Call("utime", CHANGE, _path(0), follows=True), 132, None),
    (Call("utimes", CHANGE, _path(0), follows=True), 235, None),
    (Call("futimesat", CHANGE, ((0, 1),), follows=True), 261, None),
    (Call("utimensat", CHANGE, ((0, 1),), 3, follows=True), 280, 88),
    (Call("setxattr", CHANGE, _path(0), follows=True), 188, 5),
    (Call("lsetxattr", CHANGE, _path(0)), 189, 6),
    (Call("removexattr", CHANGE, _path(0), follows=True), 197, 14),
    (Call("lremovexattr", CHANGE, _path(0)), 198, 15),
    (Call("truncate", CHANGE, _path(0), follows=True), 76, 45),
    (Call("ftruncate", HELD), 77, 46),
    (Call("fallocate", HELD), 285, 47),
    (Call("fchmod", HELD), 91, 52),
    (Call("fchown", HELD), 93, 55),
    (Call("fsetxattr", HELD), 190, 7),
    (Call("fremovexattr", HELD), 199, 16),
    (Call("write", WRITTEN), 1, 64),
    (Call("pwrite64", WRITTEN), 18, 68),
    (Call("writev", WRITTEN), 20, 66),
    (Call("pwritev", WRITTEN), 296, 70),
    (Call("sendfile", WRITTEN), 40, 71),
    (Call("copy_file_range", WRITTEN, flags=2), 326, 285),
    (Call("socket", SOCKET), 41, 198),
    (Call("bind", SOCKET), 49, 200),
    (Call("connect", SOCKET), 42, 203),
    (Call("sendto", SOCKET), 44, 206),
    (Call("sendmsg", SOCKET), 46, 211),
    (Call("clone", RUN), 56, 220),
    (Call("clone3", RUN), 435, 435),
    (Call("fork", RUN), 57, None),
    (Call("vfork", RUN), 58, None),
    (Call("execve", RUN, _path(0)), 59, 221),
    (Call("execveat", RUN, ((0, 1),)), 322, 281),
    (Call("kill", POWER), 62, 129),
    (Call("tkill", POWER), 200, 130),
    (Call("tgkill", POWER), 234, 131),
    *((Call(name, POWER), x86_64, aarch64) for name, x86_64, aarch64 in (
        ("ptrace", 101, 117), ("process_vm_readv", 310, 270), ("process_vm_writev", 311, 271),
        ("pidfd_open", 434, 434), ("pidfd_getfd", 438, 438), ("pidfd_send_signal", 424, 424),
        ("rt_sigqueueinfo", 129, 138), ("rt_tgsigqueueinfo", 297, 240),
        ("mount", 165, 40), ("umount2", 166, 39), ("move_mount", 429, 429), ("open_tree", 428, 428),
        ("fsopen", 430, 430), ("fsmount", 432, 432), ("mount_setattr", 442, 442), ("pivot_root", 155, 41),
        ("chroot", 161, 51), ("setns", 308, 268), ("unshare", 272, 97), ("open_by_handle_at", 304, 265),
        ("setuid", 105, 146), ("setgid", 106, 144), ("setresuid", 117, 147), ("setresgid", 119, 149),
        ("setgroups", 116, 159), ("capset", 126, 91), ("bpf", 321, 280), ("io_uring_setup", 425, 425),
        ("perf_event_open", 298, 241), ("userfaultfd", 323, 282), ("keyctl", 250, 219), ("add_key", 248, 217),
        ("personality", 135, 92), ("init_module", 175, 105), ("finit_module", 313, 273),
    )),
)  # fmt: skip


@cache
def table() -> dict[int, Call]:
    """The calls of this machine by number. KeyError where its numbers are not known."""
    column, _ = _WAYS[platform.machine()]
    numbers = ((row[1 + column], row[0]) for row in TABLE)
    return {number: call for number, call in numbers if isinstance(number, int) and isinstance(call, Call)}


def architecture() -> int:
    """How this machine's own calls are marked. KeyError as above."""
    return _WAYS[platform.machine()][1]


def known() -> bool:
    """Whether this machine's numbers are known."""
    return platform.machine() in _WAYS

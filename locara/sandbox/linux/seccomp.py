"""The seccomp filters. A deny list (an allow list breaks OpenBLAS, SQLite and llama.cpp across versions)
with a ceiling.

What keeps the deny list honest: every number above the newest one we know answers ENOSYS, so a mount call
added to a future kernel is closed before anybody has heard of it; a foreign architecture or the x32 table
is death.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

from locara.sandbox.linux.bpf import AND, JEQ, JGE, JGT, JSET, NR_OFFSET, Insn, arg_low, encode, load, returns
from locara.sandbox.linux.bpf import ARCH_OFFSET as ARCH
from locara.sandbox.linux.syscalls import AUDIT_ARCH, Arch, machine_arch, number

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000

CEILING: Final = 466
"""The newest call known here (removexattrat). Anything above it answers ENOSYS, as on an older kernel."""

X32_BIT: Final = 0x40000000

DENIED: Final = (
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "fanotify_init",
    "fanotify_mark",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_kernel_syms",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "listmount",
    "lookup_dcookie",
    "lsm_set_self_attr",
    "mbind",
    "migrate_pages",
    "modify_ldt",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "statmount",
    "swapoff",
    "swapon",
    "_sysctl",
    "sysfs",
    "syslog",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "ustat",
    "vhangup",
    "vserver",
)
"""Answered with EPERM."""

ABSENT: Final = (
    "clone3",
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_setup",
    "io_submit",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "memfd_secret",
)
"""Answered with ENOSYS, so that libc falls back to a call whose arguments a filter can read."""

NAMESPACE_FLAGS: Final = 0x7E020080
"""Every CLONE_NEW* bit: NEWTIME NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET."""

TERMINAL_REQUESTS: Final = (0x5412, 0x541C, 0x541D, 0x5423)
"""TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD: pushing input to a terminal, or code paths of line disciplines."""

THREAD_FLAG: Final = 0x10000
"""CLONE_THREAD: without it a clone is a new process."""

AF_UNIX: Final = 1
AF_INET: Final = 2
SOCK_STREAM: Final = 1
SOCK_TYPE_MASK: Final = 0xF
TCP: Final = 6
PERSONALITY_QUERY: Final = 0xFFFFFFFF

PROGRAM_DENIED: Final = (
    "execveat",
    "fork",
    "memfd_create",
    "socket",
    "socketpair",
    "vfork",
)
"""What a program that reads hostile bytes is denied besides: processes, sockets, files without a name."""

NESTING: Final = frozenset({"mount", "umount2", "pivot_root", "unshare", "setns", "sethostname"})
"""What of `DENIED` a program needs that starts sandboxes of its own; its namespaces bound them."""

_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2


def refuse(error: int) -> int:
    """The verdict "answer with this errno"."""
    return _ERRNO | error


def host_arch() -> Arch:
    """This machine's architecture. SandboxError layer_missing where no filter is written for it."""
    arch = machine_arch(os.uname().machine)
    if arch is None:
        from locara.errors import SandboxError  # noqa: PLC0415 - keeps what each sandbox loads first small

        raise SandboxError(
            f"no seccomp filter is written for the processor type {os.uname().machine!r}",
            code="layer_missing",
            fix="run on x86_64 or aarch64",
        )
    return arch


def _guard(arch: Arch) -> list[Insn]:
    guard = [
        load(ARCH),
        Insn(JEQ, AUDIT_ARCH[arch], jt=1),
        returns(KILL_PROCESS),
        load(NR_OFFSET),
    ]
    if arch == "x86_64":
        guard += [Insn(JGE, X32_BIT, jf=1), returns(KILL_PROCESS)]
    return guard


def _answer(arch: Arch, names: tuple[str, ...], verdict: int) -> list[Insn]:
    numbers = sorted(n for n in (number(name, arch) for name in names) if n is not None)
    return [insn for n in numbers for insn in (Insn(JEQ, n, jf=1), returns(verdict))]


def _by_argument(arch: Arch, name: str, body: list[Insn]) -> list[Insn]:
    """`body` judges the arguments of one call and must return on every path: the accumulator is lost."""
    n = number(name, arch)
    return [] if n is None else [Insn(JEQ, n, jf=len(body)), *body]


def _one_of(values: tuple[int, ...], on_hit: int, otherwise: int) -> list[Insn]:
    tests = [Insn(JEQ, value, jt=len(values) - at) for at, value in enumerate(values)]
    return [*tests, returns(otherwise), returns(on_hit)]


def _socket_rules(arch: Arch, *, inet: bool, unix: bool) -> list[Insn]:
    # Pathname unix sockets are invisible to network namespaces and to Landlock, so socket(AF_UNIX) is
    # closed as well: the runtime talks to the broker over one inherited pair, and asyncio needs
    # socketpair() alone. A window must reach its display server; its mounts show no other socket.
    no_family = refuse(errno.EAFNOSUPPORT)
    if inet:
        allow_stream = [
            load(arg_low(0)),
            Insn(JEQ, AF_INET, jt=1),
            returns(no_family),
            load(arg_low(1)),
            Insn(AND, SOCK_TYPE_MASK),
            Insn(JEQ, SOCK_STREAM, jt=1),
            returns(no_family),
            load(arg_low(2)),
            *_one_of((0, TCP), ALLOW, no_family),
        ]
    else:
        allow_stream = (
            [load(arg_low(0)), *_one_of((AF_UNIX,), ALLOW, no_family)] if unix else [returns(no_family)]
        )
    pair = [load(arg_low(0)), *_one_of((AF_UNIX,), ALLOW, no_family)]
    return _by_argument(arch, "socket", allow_stream) + _by_argument(arch, "socketpair", pair)


def _head(arch: Arch, denied: tuple[str, ...]) -> list[Insn]:
    """What a filter begins with: foreign tables, calls nobody knows yet, absent ones, those that are denied, and of two
    others the arguments that are."""
    eperm = refuse(errno.EPERM)
    ioctl = [load(arg_low(1)), *_one_of(TERMINAL_REQUESTS, eperm, ALLOW)]
    persona = [load(arg_low(0)), *_one_of((PERSONALITY_QUERY,), ALLOW, eperm)]
    return [
        *_guard(arch),
        Insn(JGT, CEILING, jf=1),
        returns(refuse(errno.ENOSYS)),
        *_answer(arch, ABSENT, refuse(errno.ENOSYS)),
        *_answer(arch, denied, eperm),
        *_by_argument(arch, "ioctl", ioctl),
        *_by_argument(arch, "personality", persona),
    ]


def program(*, inet: bool, unix: bool = False, arch: Arch | None = None) -> bytes:
    """The filter bubblewrap installs before anything of ours runs; `inet` opens TCP over IPv4 and nothing
    else.

    `unix` opens socket(AF_UNIX), for the window's process alone and never together with `inet`.

    ioctl requests, socket families and clone flags are compared in the low 32 bits only, which is all the
    kernel reads: high bits set by a caller change nothing.
    """
    if inet and unix:
        raise ValueError("one filter opens the network or unix sockets, never both")
    arch = arch or host_arch()
    eperm = refuse(errno.EPERM)
    clone = [load(arg_low(0)), Insn(JSET, NAMESPACE_FLAGS, jf=1), returns(eperm), returns(ALLOW)]
    return encode(
        [
            *_head(arch, DENIED),
            *_by_argument(arch, "clone", clone),
            *_socket_rules(arch, inet=inet, unix=unix),
            returns(ALLOW),
        ]
    )


def nesting_program(*, arch: Arch | None = None) -> bytes:
    """The filter around programs that start apps in sandboxes of their own, as an app's tests do: as `program`, but
    for `NESTING`, namespaces and sockets, of which their network namespace holds none that leads anywhere."""
    arch = arch or host_arch()
    return encode([*_head(arch, tuple(name for name in DENIED if name not in NESTING)), returns(ALLOW)])


def exec_program(*, arch: Arch | None = None) -> bytes:
    """The second filter, applied just before the payload: from here on no other program can be started.

    Landlock already withholds execute rights from every file; this closes what has no path, a memfd.
    """
    arch = arch or host_arch()
    return encode(
        [*_guard(arch), *_answer(arch, ("execve", "execveat"), refuse(errno.EACCES)), returns(ALLOW)]
    )


def lonely_program(*, threads: bool, arch: Arch | None = None) -> bytes:
    """The further filter of a program that reads hostile bytes: it stays one process, with one thread unless
    `threads`, and makes no socket."""
    arch = arch or host_arch()
    eperm = refuse(errno.EPERM)
    clone = [
        load(arg_low(0)),
        Insn(JSET, THREAD_FLAG, jf=1),
        returns(ALLOW if threads else eperm),
        returns(eperm),
    ]
    return encode(
        [
            *_guard(arch),
            *_answer(arch, PROGRAM_DENIED, eperm),
            *_by_argument(arch, "clone", clone),
            returns(ALLOW),
        ]
    )


def install(filter_bytes: bytes) -> None:
    """Apply a filter to this thread and all it starts; no_new_privs must be set. OSError when the kernel
    refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    class _Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    buffer = ctypes.create_string_buffer(filter_bytes, len(filter_bytes))
    fprog = _Program(len(filter_bytes) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(fprog), 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, "the kernel refused the seccomp filter")

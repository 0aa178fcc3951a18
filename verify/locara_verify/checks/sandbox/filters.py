"""LC101 and LC103 from the plan itself: what the filters and the rules would let through, call by call.

A probe needs a kernel on which the attempt works; many do not work for an ordinary user anyway. So the filter's
own program is run here, by an interpreter of its instructions, over every call number and both architectures,
and compared with a list that shares nothing with the product's. The eyes of the first program inside are tested
by showing them this process, which has no layer at all.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, Literal

from locara.sandbox.linux import landlock, readback, seccomp
from locara_verify.check import CheckResult, check
from locara_verify.checks.sandbox.eyes import half_blind
from locara_verify.context import Context
from locara_verify.finding import Finding

LAYERS: Final = "LC101"
EYES: Final = "LC103"
Arch = Literal["x86_64", "aarch64"]
_ARCHES: Final[dict[Arch, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FOREIGN: Final = (0x40000003, 0x40000028, 0xC00000F3, 0)
_ALLOW: Final = 0x7FFF0000
_NEWEST: Final = 470

# Call numbers as (x86_64, aarch64), from the kernel's tables; None where there is none.
REFUSED: Final[dict[str, tuple[int | None, int | None]]] = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "clone3": (435, 435), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "finit_module": (313, 273),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433),
    "init_module": (175, 105), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None), "kcmp": (312, 272),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "listmount": (458, 458),
    "lookup_dcookie": (212, 18), "mbind": (237, 235), "memfd_secret": (447, 447), "migrate_pages": (256, 238),
    "modify_ldt": (154, None), "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429),
    "move_pages": (279, 239), "name_to_handle_at": (303, 264), "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265), "open_tree": (428, 428), "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438), "pivot_root": (155, 41), "process_madvise": (440, 440),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "reboot": (169, 142), "request_key": (249, 218), "set_mempolicy": (238, 237),
    "setdomainname": (171, 162), "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170),
    "statmount": (457, 457), "swapoff": (168, 225), "swapon": (167, 224), "syslog": (103, 116),
    "umount2": (166, 39), "unshare": (272, 97), "uselib": (134, None), "userfaultfd": (323, 282),
    "ustat": (136, None), "vhangup": (153, 58), "_sysctl": (156, None), "create_module": (174, None),
    "get_kernel_syms": (177, None), "io_cancel": (210, 3), "io_destroy": (207, 1), "io_getevents": (208, 4),
    "io_pgetevents": (333, 292), "io_setup": (206, 0), "io_submit": (209, 2), "lsm_set_self_attr": (460, 460),
    "query_module": (178, None), "set_mempolicy_home_node": (450, 450), "sysfs": (139, None), "vserver": (236, None),
}  # fmt: skip
WANTED: Final = {
    "read": (0, 63),
    "write": (1, 64),
    "mmap": (9, 222),
    "futex": (202, 98),
    "openat2": (437, 437),
}
_SOCKET: Final = (41, 198)
_PAIR: Final = (53, 199)
_IOCTL: Final = (16, 29)
_CLONE: Final = (56, 220)
_PERSONALITY: Final = (135, 92)
_EXECS: Final = {"execve": (59, 221), "execveat": (322, 281)}
_TERMINAL: Final = {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C, "TIOCCONS": 0x541D, "TIOCSETD": 0x5423}
_NEW: Final = {
    "time": 0x80,
    "mount": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
_FORK: Final = 0x01200011
_THREAD: Final = 0x003D0F00
_HIGH: Final = 1 << 32


def verdict(program: bytes, number: int, arguments: tuple[int, ...] = (), *, arch: int) -> int:
    """What a filter answers for one call. ValueError for an instruction that is not classic BPF as seccomp has
    it."""
    words = struct.unpack("<16I", struct.pack("<iIQ6Q", number, arch, 0, *(arguments + (0,) * 6)[:6]))
    instructions = _read(program)
    at = value = 0
    while True:
        code, jump, other, k = instructions[at]
        at += 1
        if code == 0x20:
            value = words[k >> 2]
        elif code == 0x54:
            value &= k
        elif code == 0x06:
            return int(k)
        elif code in _TESTS:
            at += jump if _TESTS[code](value, k) else other
        else:
            raise ValueError(f"instruction {code:#x} is not known")


@cache
def _read(program: bytes) -> tuple[tuple[int, int, int, int], ...]:
    return tuple(struct.iter_unpack("<HBBI", program))


_TESTS: Final[dict[int, Callable[[int, int], bool]]] = {
    0x15: lambda value, k: value == k,
    0x25: lambda value, k: value > k,
    0x35: lambda value, k: value >= k,
    0x45: lambda value, k: bool(value & k),
}


def leaks(arch: Arch, *, inet: bool, unix: bool = False) -> Iterator[str]:
    """What the filters of an architecture let through although they must not, or refuse although they must
    not."""
    number, at = _ARCHES[arch], 0 if arch == "x86_64" else 1
    program = seccomp.program(inet=inet, unix=unix, arch=arch)

    def passes(call: int | None, *arguments: int, arch: int = number, filter_: bytes = program) -> bool:
        return call is not None and verdict(filter_, call, arguments, arch=arch) == _ALLOW

    yield from (name for name, pair in REFUSED.items() if passes(pair[at]))
    yield from (f"call {call}" for call in (*range(_NEWEST, 1_200), 100_000) if passes(call))
    yield from (f"a call of architecture {other:#x}" for other in _FOREIGN if passes(0, arch=other))
    if arch == "x86_64":
        yield from (f"x32 call {call}" for call in range(600) if passes(0x40000000 | call))
    for name, request in _TERMINAL.items():
        yield from (f"ioctl {name}" for high in (0, _HIGH) if passes(_IOCTL[at], 0, request | high))
    yield from (
        f"clone of a {name} namespace"
        for name, flag in _NEW.items()
        for high in (0, _HIGH)
        if passes(_CLONE[at], flag | 17 | high)
    )
    yield from (
        "a change of personality"
        for persona in (0x40000, 8, 0)
        for high in (0, _HIGH)
        if passes(_PERSONALITY[at], persona | high)
    )
    yield from _sockets(passes, at, inet=inet, unix=unix)
    yield from _lonely(passes, at, arch)
    second = seccomp.exec_program(arch=arch)
    yield from (name for name, pair in _EXECS.items() if passes(pair[at], filter_=second))
    yield from (f"{name} refused" for name, pair in WANTED.items() if not passes(pair[at]))
    yield from ("fork refused" for _ in range(1) if not passes(_CLONE[at], _FORK))


def _sockets(passes: Callable[..., bool], at: int, *, inet: bool, unix: bool) -> Iterator[str]:
    """Sockets that the filter lets make although it must not, or the other way round."""
    for family in range(46):
        for kind in range(1, 11):
            for protocol in (0, 6, 17, 132, 262):
                tcp = inet and family == 2 and kind == 1 and protocol in (0, 6)
                if passes(_SOCKET[at], family, kind, protocol) != (tcp or (unix and family == 1)):
                    yield f"socket({family}, {kind}, {protocol})"
        if passes(_PAIR[at], family, 1, 0) != (family == 1):
            yield f"socketpair of family {family}"
        # The kernel reads 32 bits of each: those above them change nothing of what it does.
        local = unix and family == 1
        bent = ((family | _HIGH, 2, _HIGH), (family, 3 | _HIGH, 0), (family, 1, 262 | _HIGH))
        if not local and any(passes(_SOCKET[at], *arguments) for arguments in bent):
            yield f"socket({family}) with high bits"
        if passes(_PAIR[at], family | _HIGH, 1, 0) and family != 1:
            yield f"socketpair of family {family} with high bits"


def _lonely(passes: Callable[..., bool], at: int, arch: Arch) -> Iterator[str]:
    """Processes and threads that the further filter of a program beside an app is wrong about."""
    for threads in (False, True):
        lonely = seccomp.lonely_program(threads=threads, arch=arch)
        for flags, wanted in ((_FORK, False), (_THREAD, threads)):
            for high in (0, _HIGH):
                if passes(_CLONE[at], flags | high, filter_=lonely) != wanted:
                    yield f"clone({flags | high:#x}) of a program with{'' if threads else 'out'} threads"


def rule_faults() -> Iterator[str]:
    """What a Landlock domain of any kernel version leaves to everybody, and what a rule gives too much of."""
    files = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF, 6: 0xFFFF, 9: 0xFFFF}
    for version, rights in files.items():
        network, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
        names = ("file rights", "TCP", "signals and abstract sockets")
        for name, taken, wanted in zip(
            names, landlock.handled(version), (rights, network, scope), strict=True
        ):
            if wanted & ~taken:
                yield f"a Landlock domain of version {version} leaves {name} {wanted & ~taken:#x} alone"
    at_most = {"read": 0x000C, "write": 0x61BE, "device": 0x0006}
    given = {"read": landlock.READ, "write": landlock.WRITE, "device": landlock.DEVICE}
    for access, most in at_most.items():
        if given[access] & ~most:
            yield f"a Landlock rule for {access} also gives {given[access] & ~most:#x}"


def blind_eyes() -> Iterator[str]:
    """The readings of the first program inside that see nothing wrong with this process, which has no layer."""
    here = readback.namespace_ids()
    mine = os.stat("/proc/self")  # noqa: PTH116
    wrong = ["/proc/self", mine.st_dev, mine.st_ino + 1, False]
    bare = {"Uid": "0 0 0 0", "Gid": "0 0 0 0", "Seccomp": "0", "NoNewPrivs": "0", "CapEff": "1"}
    looks: dict[str, bool] = {
        "identity": bool(readback.identity_faults(bare)),
        "capabilities": bool(readback.capability_faults(bare)),
        "seccomp": bool(readback.seccomp_faults(bare)),
        "exec": bool(readback.exec_faults()),
        "binds": any("not the file" in fault for fault in readback.bind_faults([wrong])),
        "env": bool(readback.environment_faults({**os.environ, "LOCARA_NEVER_SET": "1"})),
        "fds": bool(readback.descriptor_faults(())),
    }
    looks |= {name: bool(readback.namespace_faults(name, here, here)) for name in here}
    yield from (name for name, sees in looks.items() if not sees)


@check("sandbox.filters", rules=(LAYERS, EYES), needs=frozenset({"kernel"}), quick=True)
def run(_ctx: Context) -> CheckResult:
    """Both filters on both architectures, the rights of Landlock, and the eyes of the readback."""
    findings = []
    for arch in _ARCHES:
        for kind, inet, unix in (
            ("no socket", False, False),
            ("TCP", True, False),
            ("the display", False, True),
        ):
            found = list(dict.fromkeys(leaks(arch, inet=inet, unix=unix)))
            if found:
                what = f"the {arch} filter with {kind} is wrong about {', '.join(found[:6])}"
                findings.append(
                    _finding(LAYERS, what, f"{len(found)} calls, by running the filter's own program")
                )
    findings += [
        _finding(LAYERS, fault, "compared with the kernel's table of rights") for fault in rule_faults()
    ]
    findings += [
        _finding(EYES, f"the readback of {name} sees nothing", "it was shown a process that has no layer")
        for name in blind_eyes()
    ]
    findings += [
        _finding(
            EYES,
            f"the readback does not tell this apart: {told}",
            "it was shown one fault, and none beside it",
        )
        for told in half_blind()
    ]
    calls = 6 * (len(REFUSED) + 3_500)
    return CheckResult(findings=tuple(findings), attempts={LAYERS: calls, EYES: 12}, probes=calls)


def _finding(rule: str, message: str, because: str) -> Finding:
    return Finding(rule, message, because=because)

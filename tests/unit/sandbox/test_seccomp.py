from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.sandbox.linux import seccomp
from locara.sandbox.linux.bpf import JEQ, Insn, encode, load, returns
from locara.sandbox.linux.syscalls import Arch, machine_arch, number

from . import bpf_machine as machine

X86 = 0xC000003E
ARM = 0xC00000B7
I386 = 0x40000003
ALLOW = 0x7FFF0000
KILL = 0x80000000
EPERM = 0x00050000 | errno.EPERM
ENOSYS = 0x00050000 | errno.ENOSYS
EACCES = 0x00050000 | errno.EACCES
EAFNOSUPPORT = 0x00050000 | errno.EAFNOSUPPORT

# From the x86_64 kernel table, by number and not by the product's names.
X86_EPERM = {
    101,
    103,
    134,
    136,
    139,
    153,
    154,
    155,
    156,
    159,
    161,
    163,
    164,
    165,
    166,
    167,
    168,
    169,
    170,
    171,
    172,
    173,
    174,
    175,
    176,
    177,
    178,
    179,
    180,
    212,
    227,
    236,
    237,
    238,
    246,
    248,
    249,
    250,
    256,
    272,
    279,
    298,
    300,
    301,
    303,
    304,
    305,
    308,
    310,
    311,
    312,
    313,
    320,
    321,
    323,
    428,
    429,
    430,
    431,
    432,
    433,
    438,
    440,
    442,
    443,
    450,
    457,
    458,
    460,
}
X86_ENOSYS = {206, 207, 208, 209, 210, 333, 425, 426, 427, 435, 447}
X86_BY_ARGUMENT = {16, 41, 53, 56, 135}


PROGRAMS = {
    (inet, arm): seccomp.program(inet=inet, arch="aarch64" if arm else "x86_64")
    for inet in (False, True)
    for arm in (False, True)
}


def verdict(nr: int, *args: int, inet: bool = False, arch: int = X86) -> int:
    program = PROGRAMS[inet, arch == ARM]
    return machine.run(program, nr=nr, arch=arch, args=args)


def test_every_x86_64_number_has_the_expected_verdict() -> None:
    program = seccomp.program(inet=False, arch="x86_64")
    for nr in range(600):
        if nr in X86_BY_ARGUMENT:
            continue
        expected = ENOSYS if nr in X86_ENOSYS or nr > 466 else EPERM if nr in X86_EPERM else ALLOW
        assert machine.run(program, nr=nr, arch=X86) == expected, nr


def test_the_runtime_keeps_what_it_needs() -> None:
    # read write mmap mprotect munmap futex openat sendmsg recvmsg getrandom landlock memfd_create openat2
    for nr in (0, 1, 9, 10, 11, 202, 257, 46, 47, 318, 444, 445, 446, 319, 257, 437):
        assert verdict(nr) == ALLOW


@pytest.mark.parametrize("nr", [0, 39, 59, 165, 999])
def test_foreign_architectures_and_the_x32_table_are_death(nr: int) -> None:
    program = seccomp.program(inet=False, arch="x86_64")
    for arch in (I386, ARM, 0, 0xFFFFFFFF):
        assert machine.run(program, nr=nr, arch=arch) == KILL
    assert machine.run(program, nr=0x40000000 | nr, arch=X86) == KILL
    assert machine.run(program, nr=0xFFFFFFFF, arch=X86) == KILL
    assert machine.run(seccomp.program(inet=False, arch="aarch64"), nr=nr, arch=X86) == KILL


@settings(max_examples=300, deadline=None)
@given(nr=st.integers(467, 0x3FFFFFFF))
def test_calls_newer_than_the_filter_do_not_exist(nr: int) -> None:
    assert verdict(nr) == ENOSYS


@pytest.mark.parametrize(
    "flag", [0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000, 0x4000000, 0x2000000]
)
def test_clone_makes_threads_and_no_namespaces(flag: int) -> None:
    thread = 0x3D0F00
    assert verdict(56, thread) == ALLOW
    assert verdict(56, 17) == ALLOW
    assert verdict(56, thread | flag) == EPERM
    assert verdict(56, flag | 17 | 1 << 40) == EPERM
    assert verdict(220, flag | 17, arch=ARM) == EPERM
    assert verdict(220, thread, arch=ARM) == ALLOW


@settings(max_examples=200, deadline=None)
@given(high=st.integers(0, 2**32 - 1), request=st.sampled_from([0x5412, 0x541C, 0x541D, 0x5423]))
def test_terminal_requests_are_refused_whatever_the_high_bits(high: int, request: int) -> None:
    assert verdict(16, 0, high << 32 | request) == EPERM
    assert verdict(29, 0, high << 32 | request, arch=ARM) == EPERM
    assert verdict(16, 0, high << 32 | 0x5413) == ALLOW


@settings(max_examples=200, deadline=None)
@given(family=st.integers(0, 2**32 - 1), kind=st.integers(0, 2**32 - 1), protocol=st.integers(0, 300))
def test_without_net_there_is_no_socket_at_all(family: int, kind: int, protocol: int) -> None:
    assert verdict(41, family, kind, protocol) == EAFNOSUPPORT


@settings(max_examples=400, deadline=None)
@given(
    family=st.one_of(st.just(2), st.integers(0, 50)),
    kind=st.one_of(st.just(1), st.integers(0, 10)),
    protocol=st.one_of(st.sampled_from([0, 6, 17, 262]), st.integers(0, 300)),
    high=st.sampled_from([0, 1 << 32, 0xFFFFFFFF << 32]),
    flags=st.sampled_from([0, 0o2000000, 0o4000, 0o2004000]),
)
def test_with_net_only_tcp_over_ipv4_opens(
    family: int, kind: int, protocol: int, high: int, flags: int
) -> None:
    allowed = family == 2 and kind == 1 and protocol in (0, 6)
    got = verdict(41, family | high, kind | flags | high, protocol | high, inet=True)
    assert got == (ALLOW if allowed else EAFNOSUPPORT)


def test_pairs_are_unix_only() -> None:
    for inet in (False, True):
        assert verdict(53, 1, 1, 0, inet=inet) == ALLOW
        assert all(verdict(53, family, 1, 0, inet=inet) == EAFNOSUPPORT for family in (0, 2, 10, 16, 30, 38))


def test_personality_may_be_asked_and_not_changed() -> None:
    assert verdict(135, 0xFFFFFFFF) == ALLOW
    assert verdict(135, 0xFFFFFFFFFFFFFFFF) == ALLOW
    assert verdict(135, 0x0040000) == EPERM
    assert verdict(135, 0) == EPERM


def test_the_second_filter_ends_the_starting_of_programs() -> None:
    program = seccomp.exec_program(arch="x86_64")
    assert {nr for nr in range(600) if machine.run(program, nr=nr, arch=X86) != ALLOW} == {59, 322}
    assert machine.run(program, nr=59, arch=X86) == EACCES
    assert machine.run(program, nr=59, arch=I386) == KILL
    assert machine.run(seccomp.exec_program(arch="aarch64"), nr=221, arch=ARM) == EACCES
    assert machine.run(seccomp.exec_program(arch="aarch64"), nr=281, arch=ARM) == EACCES


@pytest.mark.parametrize(("arch", "audit"), [("x86_64", X86), ("aarch64", ARM)])
def test_around_sandboxes_only_what_makes_them_is_opened(arch: Arch, audit: int) -> None:
    program = seccomp.nesting_program(arch=arch)
    for name in (*seccomp.DENIED, *seccomp.ABSENT):
        nr = number(name, arch)
        if nr is not None:
            expected = ALLOW if name in seccomp.NESTING else ENOSYS if name in seccomp.ABSENT else EPERM
            assert machine.run(program, nr=nr, arch=audit) == expected, name
    assert set(seccomp.DENIED) > seccomp.NESTING
    assert machine.run(program, nr=seccomp.CEILING + 1, arch=audit) == ENOSYS
    assert machine.run(program, nr=0, arch=I386) == KILL
    ioctl = number("ioctl", arch)
    assert ioctl is not None
    assert machine.run(program, nr=ioctl, arch=audit, args=(0, 0x5412)) == EPERM


def test_both_architectures_refuse_the_same_names() -> None:
    program = seccomp.program(inet=False, arch="aarch64")
    for name in (*seccomp.DENIED, *seccomp.ABSENT):
        nr = number(name, "aarch64")
        if nr is not None:
            assert machine.run(program, nr=nr, arch=ARM) in (EPERM, ENOSYS), name


def test_machines() -> None:
    assert machine_arch("x86_64") == "x86_64"
    assert machine_arch("arm64") == "aarch64"
    assert machine_arch("riscv64") is None


def test_the_assembler_refuses_programs_the_kernel_would_misread() -> None:
    with pytest.raises(ValueError, match="1 to 4096"):
        encode([])
    with pytest.raises(ValueError, match="runs out"):
        encode([load(0)])
    with pytest.raises(ValueError, match="jumps or"):
        encode([Insn(JEQ, 1, jt=1), returns(0)])
    with pytest.raises(ValueError, match="jumps or"):
        encode([Insn(JEQ, 1, jt=256), *[returns(0)] * 300])
    assert len(encode([Insn(JEQ, 1, jt=1), returns(0), returns(1)])) == 24


@pytest.mark.parametrize("threads", [True, False])
def test_a_program_beside_an_app_stays_alone(threads: bool) -> None:
    program = seccomp.lonely_program(threads=threads, arch="x86_64")
    always = {41, 53, 57, 58, 319, 322}  # socket, socketpair, fork, vfork, memfd_create, execveat
    assert {nr for nr in range(600) if machine.run(program, nr=nr, arch=X86) == EPERM} == always | {56}
    thread, process = 0x3D0F00, 0x01200011  # what the threads library asks for, and what fork does
    assert machine.run(program, nr=56, arch=X86, args=(thread,)) == (ALLOW if threads else EPERM)
    assert machine.run(program, nr=56, arch=X86, args=(process,)) == EPERM
    assert machine.run(program, nr=56, arch=X86, args=(process | 1 << 48,)) == EPERM
    assert machine.run(program, nr=59, arch=I386) == KILL
    arm = seccomp.lonely_program(threads=threads, arch="aarch64")
    assert machine.run(arm, nr=220, arch=ARM, args=(process,)) == EPERM

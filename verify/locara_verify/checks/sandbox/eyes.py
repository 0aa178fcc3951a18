"""LC103: what the first program inside reads back, shown one fault at a time: each part of a reading sees it alone."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Final

from locara.sandbox.linux import readback

_ONE: Final = "1000"
_SETS: Final = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_FLAGS: Final = {"read-only": os.ST_RDONLY, "without set-uid": os.ST_NOSUID, "without devices": os.ST_NODEV}
_HIGH: Final = 900


def half_blind() -> Iterator[str]:
    """What a reading does not see although nothing else is wrong; what it sees where nothing is wrong."""
    yield from _facts(
        "identity",
        readback.identity_faults,
        _identity(),
        dict.fromkeys(("Uid", "Gid"), "\t".join([_ONE] * 4)),
    )
    right = {**dict.fromkeys(_SETS, "0" * 16), "NoNewPrivs": "1"}
    yield from _facts("capabilities", readback.capability_faults, _capabilities(right), right)
    if not readback.seccomp_faults({"Seccomp": "2"}):
        yield "seccomp: a filter that is not ours"
    yield from _facts(
        "seccomp",
        readback.seccomp_faults,
        [("another mode", {"Seccomp": "1"}), ("no mode", {})],
        {"Seccomp": "2"},
    )
    yield from _root()
    yield from _binds()
    yield from _environment()
    yield from _descriptors()
    for name, told in readback.namespace_ids().items():
        if not readback.namespace_faults(name, {}, {name: told}):
            yield f"{name}: a namespace of which the launcher said nothing"
        if readback.namespace_faults(name, {name: f"{told}x"}, {name: told}):
            yield f"{name}: its own namespace is taken for the launcher's"


def _facts(
    what: str,
    reading: Callable[[dict[str, str]], list[str]],
    wrong: Iterable[tuple[str, dict[str, str]]],
    right: dict[str, str],
) -> Iterator[str]:
    known = set(reading(right))  # of this process, which is confined by nothing
    yield from (f"{what}: {told}" for told, facts in wrong if not set(reading(facts)) - known)


def _identity() -> Iterator[tuple[str, dict[str, str]]]:
    right = {"Uid": [_ONE] * 4, "Gid": [_ONE] * 4}
    for key in right:
        for place in range(4):
            bent = {name: list(numbers) for name, numbers in right.items()}
            bent[key][place] = "0"
            yield f"number {place} of {key}", {name: "\t".join(numbers) for name, numbers in bent.items()}


def _capabilities(right: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    for name in right:
        other = "0" if name == "NoNewPrivs" else "1".rjust(16, "0")
        yield name, {**right, name: other}
        yield f"no {name}", {key: value for key, value in right.items() if key != name}


def _root() -> Iterator[str]:
    owner = os.stat("/proc/sys/kernel").st_uid  # noqa: PTH116
    facts = {key: " ".join([_ONE] * 4) for key in ("Uid", "Gid")}
    for who, wrong in ((owner, True), (owner + 1, False)):
        with _pretending("getuid", lambda who=who: who):
            if bool(readback.identity_faults(facts)) != wrong:
                yield f"identity: the host's root, as {'the same' if wrong else 'another'} user"


def _binds() -> Iterator[str]:
    here = os.stat("/proc")  # noqa: PTH116
    every = sum(_FLAGS.values())
    bind = ["/proc", here.st_dev, here.st_ino, False]
    cases: list[tuple[str, list[object], int, int, bool]] = [
        ("nothing", bind, every, every, False),
        ("another device", [bind[0], here.st_dev + 1, *bind[2:]], every, every, True),
        ("another file", [*bind[:2], here.st_ino + 1, False], every, every, True),
        ("a root that can be written", bind, every, every & ~os.ST_RDONLY, True),
        ("what may be written", [*bind[:3], True], every & ~os.ST_RDONLY, every, False),
    ]
    cases += [(f"not {name}", bind, every & ~flag, every, True) for name, flag in _FLAGS.items()]
    for told, expected, flags, of_root, wrong in cases:
        seen = {"/proc": flags, "/": of_root}
        with _pretending("statvfs", lambda path, seen=seen: SimpleNamespace(f_flag=seen[path])):
            if bool(readback.bind_faults([expected])) != wrong:
                yield f"binds: {told}"


def _environment() -> Iterator[str]:
    os.environ.pop("PWD", None)
    whole = dict(os.environ)
    some = next(iter(whole))
    cases = {
        "nothing": (whole, False),
        "a further variable": ({name: value for name, value in whole.items() if name != some}, True),
        "a variable that is not there": ({**whole, "LOCARA_NEVER_SET": "1"}, True),
        "another value": ({**whole, some: f"{whole[some]}x"}, True),
    }
    yield from (
        f"env: {told}"
        for told, (expected, wrong) in cases.items()
        if bool(readback.environment_faults(expected)) != wrong
    )


def _descriptors() -> Iterator[str]:
    before = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    with ExitStack() as stack:
        left, right = socket.socketpair()
        stack.enter_context(left)
        stack.enter_context(right)
        folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        pipe, written = os.pipe()
        file = stack.enter_context(tempfile.TemporaryFile())
        opened = {
            "a folder": folder,
            "a pipe": pipe,
            "the other end of a pipe": written,
            "a file in memory": os.memfd_create("eyes"),
            "a high number": fcntl.fcntl(folder, fcntl.F_DUPFD_CLOEXEC, _HIGH),
        }
        for fd in opened.values():
            stack.callback(os.close, fd)
        opened |= {
            "a socket": left.fileno(),
            "its other end": right.fileno(),
            "a file without a name": file.fileno(),
        }
        every = {*before, *opened.values()}
        if readback.descriptor_faults(tuple(every)):
            yield "fds: nothing"
        yield from (
            f"fds: {told}"
            for told, fd in opened.items()
            if not readback.descriptor_faults(tuple(every - {fd}))
        )


@contextmanager
def _pretending(name: str, told: Callable[..., object]) -> Iterator[None]:
    """During the block a function of `os` tells something else."""
    before = vars(os)[name]
    setattr(os, name, told)
    try:
        yield
    finally:
        setattr(os, name, before)

"""LC407 at its files: a log that is opened again, torn, changed, closed and begun anew, or cut by a full disk."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from locara.errors import AuditError
from locara.runtime.audit import AuditLog, Sizes
from locara.runtime.audit_chain import verify_chain
from locara_verify.context import Context
from locara_verify.tally import Tally

_NOW: Final = 1_790_000_000.0
_SMALL: Final = Sizes(full=1)
"""Every open closes the file before and begins another."""


def judge(tally: Tally, rule: str, ctx: Context) -> None:
    """All of it."""
    whole_or_refused(tally, rule, ctx)
    several_files(tally, rule, ctx)
    cut_by_a_full_disk(tally, rule, ctx)


def whole_or_refused(tally: Tally, rule: str, ctx: Context) -> None:
    """A log goes on where it ended; what was torn is told; what was changed, dropped or swapped is refused."""
    path = ctx.fresh_dir("log") / "log.jsonl"
    write(path, 3)
    write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    tally.judge(
        rule,
        len(lines) == 6,
        "a log that is opened again has lost what was in it",
        f"{len(lines)} lines of 6",
    )
    links = {json.loads(line)["prev"] for line in lines}
    tally.judge(
        rule,
        len(links) == len(lines),
        "lines of the log do not follow from one another",
        f"{len(links)} links",
    )
    tally.twin(rule, verify_chain(path).sound, "an honest log is sound")
    path.write_bytes(b"".join(lines) + b'{"v":1,"seq":7,"torn')
    write(path, 1)
    told = [json.loads(line)["cmd"] for line in path.read_bytes().splitlines()]
    tally.judge(rule, "audit.repair" in told, "a torn line is cut and nobody is told", str(told[-2:]))
    changed = lines[2].replace(b'"cmd":"c', b'"cmd":"d')
    damages = (
        [*lines[:2], changed, *lines[3:]],
        [*lines[:2], *lines[3:]],
        [lines[1], lines[0], *lines[2:]],
        [*lines, lines[-1]],
        lines[1:],
    )
    for number, damage in enumerate(damages):
        path.write_bytes(b"".join(damage))
        sound = verify_chain(path).sound
        try:
            write(path, 1)
        except AuditError as error:
            opened = error.code != "broken_chain"
        else:
            opened = True
        tally.judge(
            rule, not (sound or opened), "a log that was changed is taken for whole", f"damage {number}"
        )


def several_files(tally: Tally, rule: str, ctx: Context) -> None:
    """A log of several files is one chain: each file goes on where the one before it ended."""
    folder = ctx.fresh_dir("logs")
    path = folder / "log.jsonl"
    for _ in range(4):
        write(path, 3, _SMALL)
    files = sorted(folder.iterdir())
    tally.twin(rule, len(files) == 4 and verify_chain(path).sound, f"{len(files)} files are one sound log")
    good = {file: file.read_bytes().splitlines(keepends=True) for file in files}
    older, newest, first = files[-2] if files[-1] == path else files[-1], path, good[files[0]]
    stranger = ctx.fresh_dir("stranger") / "log.jsonl"
    write(stranger, 3)
    ways: dict[str, tuple[dict[Path, list[bytes]], bool]] = {
        "the newest begins one line late": ({newest: good[newest][1:]}, True),
        "the newest is a log of its own": ({newest: stranger.read_bytes().splitlines(keepends=True)}, True),
        "the newest is an older file": ({newest: good[files[0]]}, True),
        "the older one lost its end": ({older: good[older][:-1]}, True),
        "the older one is empty": ({older: []}, True),
        "the first one was changed": ({files[0]: [first[0].replace(b"c0", b"d0"), *first[1:]]}, False),
        "the first one is empty": ({files[0]: []}, False),
        "two files exchanged": ({files[0]: good[files[1]], files[1]: good[files[0]]}, False),
    }  # fmt: skip
    for what, (changed, at_open) in ways.items():
        for file, lines in (good | changed).items():
            file.write_bytes(b"".join(lines))
        believed = verify_chain(path).sound or (at_open and opens(path))
        tally.judge(rule, not believed, "a log of several files that was changed is taken for whole", what)


def opens(path: Path) -> bool:
    """Whether the log can be gone on with."""
    try:
        write(path, 1)
    except AuditError as error:
        return error.code != "broken_chain"
    return True


def cut_by_a_full_disk(tally: Tally, rule: str, ctx: Context) -> None:
    """An entry that does not fit is refused, whole, wherever the room ends; the log stays sound and goes on."""
    path = ctx.fresh_dir("full") / "log.jsonl"
    write(path, 2)
    before = path.read_bytes()
    line = len(before) // 2
    for room in (0, 1, line // 2, line - 1):
        with at_most(len(before) + room):
            try:
                write(path, 1)
            except AuditError as error:
                refused = error.code == "write_failed"
            else:
                refused = False
        kept = path.read_bytes() == before and verify_chain(path).sound
        told = f"room for {room} of {line} bytes: refused {refused}, the log as before {kept}"
        tally.judge(rule, refused and kept, "an entry that does not fit counts as written", told)
    write(path, 1)
    tally.twin(rule, verify_chain(path).entries == 3, "a log goes on once there is room again")


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def write(path: Path, count: int, sizes: Sizes | None = None) -> None:
    """Open the log, append, close."""
    log = AuditLog.open(path, app="test/log", clock=lambda: _NOW, sizes=sizes)
    try:
        for number in range(count):
            log.append(f"c{number}", "net", {"host": "x"}, allowed=False, because="a test")
    finally:
        log.close()

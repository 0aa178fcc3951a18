"""LC407 at the files of an audit log: one process writes it, every text is bounded, no file grows beyond its cap, and
the files that were closed belong to the chain. The log is written and damaged in this process.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from locara.errors import AuditError, LocaraError
from locara.runtime.audit import AuditLog, Sizes, verify_chain
from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.audit import CHAIN, GENESIS
from locara_verify.context import Context
from locara_verify.tally import Tally

SIZES: Final = Sizes(full=4_000, most=20_000)
_LONGEST_LINE: Final = 16_384  # three texts of 512 characters, each of six bytes
_TEXTS: Final = (
    "x" * 200_000, "\n" * 5_000, '"},{"', "\\", '\\"', "\0", "\r\n", "\u2028", "\ud800", "ä" * 100_000, "\x7f\x1b[2J",
    '","allowed":true,"because":"', '"}\n{"v":1,"seq":1}\n',
)  # fmt: skip


@check("escape-log-files", rules=(CHAIN,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Two writers, texts of any kind, caps, and files that were closed."""
    tally, rng = Tally(), ctx.rng("escape-log-files")
    alone(tally, ctx.fresh_dir("log") / "log.jsonl")
    texts(tally, ctx.fresh_dir("log") / "log.jsonl")
    capped(tally, ctx.fresh_dir("log") / "log.jsonl")
    closed_files(tally, ctx.fresh_dir("log") / "log.jsonl", rng)
    return tally.result()


def _write(log: AuditLog, count: int) -> int:
    """How many entries of so many could be written."""
    for number in range(count):
        try:
            log.append("fs.read", "fs", {"path": f"{number}"}, allowed=True, because="declared")
        except AuditError:
            return number
    return count


def alone(tally: Tally, path: Path) -> None:
    """A second writer of the same log is refused, until the first has closed it."""
    first = AuditLog.open(path, app="acme/log")
    code = "opened"
    try:
        AuditLog.open(path, app="acme/log").close()
    except AuditError as error:
        code = error.code
    tally.judge(CHAIN, code == "in_use", "two processes write one log", code)
    first.close()
    with suppress(AuditError):
        AuditLog.open(path, app="acme/log").close()
        code = "closed"
    tally.twin(CHAIN, code == "closed", "a log that was closed opens again")


def texts(tally: Tally, path: Path) -> None:
    """Texts of an app in every place: each entry is one bounded line that says the text or its beginning."""
    log = AuditLog.open(path, app="acme/log")
    for text in _TEXTS:
        log.append(text, "fs", {"path": text, "access": "read"}, allowed=False, because=text)
    log.close()
    lines = path.read_bytes().split(b"\n")[:-1]
    longest = max(map(len, lines))
    tally.judge(
        CHAIN, longest <= _LONGEST_LINE, "the log keeps texts of any length", f"a line of {longest} bytes"
    )
    tally.judge(CHAIN, len(lines) == len(_TEXTS), "a text breaks the lines of the log", f"{len(lines)} lines")
    for text, line in zip(_TEXTS, lines, strict=False):
        told = ascii(text)[:60]
        try:
            entry = json.loads(line)
            said = (entry["cmd"], entry["request"]["path"], entry["because"])
            right = all(one[:256] == text[:256] for one in said) and entry["allowed"] is False
        except (ValueError, KeyError):
            right = False
        tally.judge(CHAIN, right, "a text of an app changes what its entry says", told)
    tally.twin(CHAIN, verify_chain(path).sound, "a log of odd texts is sound")


def capped(tally: Tally, path: Path) -> None:
    """A file at its cap takes no further entry, and says so."""
    log = AuditLog.open(path, app="acme/log", sizes=SIZES)
    written = _write(log, 400)
    log.close()
    size = path.stat().st_size
    tally.judge(CHAIN, written < 400 and size <= SIZES.most, "a log grows beyond its cap", f"{size} bytes")
    tally.twin(CHAIN, written > 10, "a log takes entries")


def closed_files(tally: Tally, path: Path, rng: random.Random) -> None:
    """A log in several files: each of them, changed or taken away, breaks the chain."""
    for _ in range(4):
        log = AuditLog.open(path, app="acme/log", sizes=SIZES)
        _write(log, 20)
        log.close()
    older = sorted(path.parent.glob("log.0*.jsonl"))
    state = verify_chain(path)
    tally.twin(
        CHAIN, len(older) >= 2 and state.sound and state.entries == 80, "a log in several files is sound"
    )
    ways: dict[str, Callable[[Path], object]] = {
        "taken away": Path.unlink,
        "emptied": lambda file: file.write_bytes(b""),
        "cut by a line": lambda file: file.write_bytes(b"".join(file.read_bytes().splitlines(True)[:-1])),
        "changed": lambda file: file.write_bytes(
            file.read_bytes().replace(b'"allowed":true', b'"allowed":false', 1)
        ),
        "begun anew": lambda file: file.write_bytes(
            file.read_bytes().replace(GENESIS.encode(), b"1" * 64)[:-1]
        ),
    }
    for name, damage in ways.items():
        file = rng.choice(older)
        copy = path.parent / f"copy-{name.replace(' ', '-')}"
        copy.mkdir()
        for one in (*older, path):
            shutil.copy(one, copy)
        damage(copy / file.name)
        sound = False
        with suppress(LocaraError):
            sound = verify_chain(copy / path.name).sound
        tally.judge(
            CHAIN, not sound, "damage to a closed file of the log was not noticed", f"{file.name} was {name}"
        )

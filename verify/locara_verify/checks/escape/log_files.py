"""LC407 at the files of an audit log: one process writes it, every text is bounded, no file grows beyond its cap, and
the files that were closed belong to the chain. The log is written and damaged in this process.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from locara.errors import AuditError, LocaraError
from locara.runtime.audit import AuditLog, Sizes, verify_chain
from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.audit import CHAIN, GENESIS, file_limit
from locara_verify.context import Context
from locara_verify.tally import Tally

SIZES: Final = Sizes(full=4_000, most=20_000)
EACH: Final = Sizes(full=1)
"""Every open closes the file before and begins another."""
_NOW: Final = 1_790_000_000.0
_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_LINE: Final = 16_384  # three texts of 512 characters, each of six bytes
_TEXTS: Final = (
    "x" * 200_000, "\n" * 5_000, '"},{"', "\\", '\\"', "\0", "\r\n", "\u2028", "\ud800", "ä" * 100_000, "\x7f\x1b[2J",
    '","allowed":true,"because":"', '"}\n{"v":1,"seq":1}\n',
)  # fmt: skip


@check("escape-log-files", rules=(CHAIN,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Two writers, texts of any kind, caps, files that were closed, opened again or cut by a full disk."""
    tally, rng = Tally(), ctx.rng("escape-log-files")
    for law in (alone, texts, capped, respelled):
        honest(tally, lambda law=law: law(tally, ctx.fresh_dir("log") / "log.jsonl"))  # type: ignore[misc]
    honest(tally, lambda: closed_files(tally, ctx.fresh_dir("log") / "log.jsonl", rng))
    for whole in (opened_again, goes_on, cut_by_a_full_disk, led_elsewhere):
        honest(tally, lambda whole=whole: whole(tally, ctx.fresh_dir("log")))  # type: ignore[misc]
    for drawn in (written_anew, stamped):
        honest(tally, lambda drawn=drawn: drawn(tally, ctx.fresh_dir("log"), rng))  # type: ignore[misc]
    return tally.result()


def honest(tally: Tally, law: Callable[[], None]) -> None:
    """One law, in which the product's own word that its log is damaged counts where nobody damaged it."""
    try:
        law()
    except AuditError as error:
        tally.judge(CHAIN, False, "a log that nobody changed is not gone on with", error.message)


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
    if not older:
        return  # the twin has said so
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


def opened_again(tally: Tally, folder: Path) -> None:
    """A log goes on where it ended; what was torn is told; what was changed, dropped or swapped is refused."""
    path = folder / "log.jsonl"
    written(path, 3)
    written(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    tally.judge(
        CHAIN,
        len(lines) == 6,
        "a log that is opened again has lost what was in it",
        f"{len(lines)} lines of 6",
    )
    links = {json.loads(line)["prev"] for line in lines}
    tally.judge(
        CHAIN,
        len(links) == len(lines),
        "lines of the log do not follow from one another",
        f"{len(links)} links",
    )
    tally.twin(CHAIN, verify_chain(path).sound, "an honest log is sound")
    path.write_bytes(b"".join(lines) + b'{"v":1,"seq":7,"torn')
    written(path, 1)
    told = [json.loads(line)["cmd"] for line in path.read_bytes().splitlines()]
    tally.judge(CHAIN, "audit.repair" in told, "a torn line is cut and nobody is told", str(told[-2:]))
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
        tally.judge(
            CHAIN, not (sound or opens(path)), "a log that was changed is taken for whole", f"damage {number}"
        )


def goes_on(tally: Tally, folder: Path) -> None:
    """A log of several files is one chain: each file goes on where the one before it ended."""
    path = folder / "log.jsonl"
    for _ in range(4):
        written(path, 3, EACH)
    files = sorted(folder.iterdir())
    tally.twin(CHAIN, len(files) == 4 and verify_chain(path).sound, f"{len(files)} files are one sound log")
    good = {file: file.read_bytes().splitlines(keepends=True) for file in files}
    *_, older, newest = files
    stranger = folder / "stranger/log.jsonl"
    stranger.parent.mkdir()
    written(stranger, 3)
    ways: dict[str, tuple[dict[Path, list[bytes]], bool]] = {
        "the newest begins one line late": ({newest: good[newest][1:]}, True),
        "the newest is a log of its own": ({newest: stranger.read_bytes().splitlines(keepends=True)}, True),
        "the newest is an older file": ({newest: good[files[0]]}, True),
        "the older one lost its end": ({older: good[older][:-1]}, True),
        "the older one is empty": ({older: []}, True),
        "two files exchanged": ({files[0]: good[files[1]], files[1]: good[files[0]]}, False),
    }  # fmt: skip
    for what, (changed, at_open) in ways.items():
        for file, lines in (good | changed).items():
            file.write_bytes(b"".join(lines))
        believed = verify_chain(path).sound or (at_open and opens(path))
        tally.judge(CHAIN, not believed, "a log of several files that was changed is taken for whole", what)


def opens(path: Path) -> bool:
    """Whether the log can be gone on with."""
    try:
        written(path, 1)
    except AuditError as error:
        return error.code != "broken_chain"
    return True


def cut_by_a_full_disk(tally: Tally, folder: Path) -> None:
    """An entry that does not fit is refused, whole, wherever the room ends; the log stays sound and goes on."""
    path = folder / "log.jsonl"
    written(path, 2)
    before = path.read_bytes()
    line = len(before) // 2
    for room in (0, 1, line // 2, line - 1):
        with file_limit(len(before) + room):
            try:
                written(path, 1)
            except AuditError as error:
                refused = error.code == "write_failed"
            else:
                refused = False
        kept = path.read_bytes() == before and verify_chain(path).sound
        told = f"room for {room} of {line} bytes: refused {refused}, the log as before {kept}"
        tally.judge(CHAIN, refused and kept, "an entry that does not fit counts as written", told)
    written(path, 1)
    tally.twin(CHAIN, verify_chain(path).entries == 3, "a log goes on once there is room again")


def written_anew(tally: Tally, folder: Path, rng: random.Random) -> None:
    """A log that somebody wrote from its first line to its last, each hash fitting, with one line out of form."""
    path = folder / "log.jsonl"
    written(path, 5)
    entries = [json.loads(line) for line in path.read_bytes().splitlines()]
    at = rng.randrange(1, len(entries))
    tally.twin(
        CHAIN, _believed(path, entries, at, entries[at]), "a log that is written anew as it was is sound"
    )
    for what, changed in _out_of_form(entries[at]):
        believed = _believed(path, entries, at, changed)
        tally.judge(
            CHAIN, not believed, "a log with a line out of form is taken for whole", f"line {at + 1}: {what}"
        )


def respelled(tally: Tally, path: Path) -> None:
    """A log whose bytes were changed and whose meaning was not: what is chained is the bytes."""
    written(path, 5)
    good = path.read_bytes()
    lines = good.splitlines(keepends=True)
    ways: dict[str, Callable[[bytes], bytes]] = {
        "a blank after a colon": lambda line: line.replace(b'"cmd":', b'"cmd": ', 1),
        "a blank in front": lambda line: b" " + line,
        "blanks behind": lambda line: line[:-1] + b"  \n",
        "a carriage return": lambda line: line[:-1] + b"\r\n",
        "another spelling of a letter": lambda line: line.replace(b'"cmd":', b'"\\u0063md":', 1),
        "an empty line before": lambda line: b"\n" + line,
        "a blank line behind": lambda line: line + b" \n",
    }
    for what, way in ways.items():
        for at in (0, 2, 4):
            path.write_bytes(
                b"".join(way(line) if number == at else line for number, line in enumerate(lines))
            )
            held = not verify_chain(path).sound and not opens(path)
            tally.judge(
                CHAIN, held, "a log whose bytes were changed is taken for whole", f"line {at + 1}: {what}"
            )
    path.write_bytes(good)
    tally.twin(CHAIN, verify_chain(path).sound, "the log as it was is sound")


def _out_of_form(entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """One entry in every form that none has."""
    names = list(entry)[:-2]  # those that come before the links to other lines
    for name in names:
        yield f"without {name}", {key: value for key, value in entry.items() if key != name}
    for one, other in itertools.pairwise(names):
        order = [{one: other, other: one}.get(name, name) for name in entry]
        yield f"{other} before {one}", {name: entry[name] for name in order}
    yield "a field more", {"more": 1, **entry}
    for seq in (0, entry["seq"] - 1, entry["seq"] + 1, -entry["seq"], str(entry["seq"]), None):
        yield f"number {seq!r}", entry | {"seq": seq}
    for version in (0, 2, "1", None):
        yield f"version {version!r}", entry | {"v": version}
    yield "after another line", entry | {"prev": "1" * 64}


def _believed(path: Path, entries: list[dict[str, Any]], at: int, changed: dict[str, Any]) -> bool:
    """Whether a log of these entries with one exchanged, all linked and hashed as they are now, is taken for whole."""
    before, lines = GENESIS, b""
    for number, entry in enumerate(entries):
        one = changed if number == at else entry
        linked = {**one, "prev": one["prev"] if number == at and one["prev"] != entry["prev"] else before}
        body = json.dumps(
            {key: value for key, value in linked.items() if key != "hash"}, separators=(",", ":")
        ).encode()
        before = hashlib.sha256(body).hexdigest()
        lines += b'%b,"hash":"%b"}\n' % (body[:-1], before.encode())
    path.write_bytes(lines)
    return verify_chain(path).sound or opens(path)


def led_elsewhere(tally: Tally, folder: Path) -> None:
    """A link in the place of a log: what it leads to is not written, whether it is there or not."""
    for number, there in enumerate((True, False)):
        path, aim = folder / f"log-{number}.jsonl", folder / f"aim-{number}"
        path.symlink_to(aim)
        if there:
            aim.touch()
        with suppress(AuditError):
            written(path, 1)
        held = aim.stat().st_size == 0 if there else not aim.exists()
        tally.judge(CHAIN, held, "a log was written behind a link", f"what it leads to was there: {there}")


def stamped(tally: Tally, folder: Path, rng: random.Random) -> None:
    """The time of an entry is that of the clock, in UTC, whatever time this machine shows to people."""
    moments = [_NOW, float(rng.randrange(2**31)), rng.randrange(2**31) + 0.25, 951_782_400.5]
    for number, zone in enumerate(("UTC0", "AHEAD-14", "BEHIND12", "SUMMER-1DAY,M3.5.0,M10.5.0")):
        path, clock = folder / f"stamped-{number}.jsonl", iter(moments)
        with _zone(zone):
            log = AuditLog.open(path, app="test/log", clock=lambda clock=clock: next(clock))  # type: ignore[misc]
            for _ in moments:
                log.append("c", "net", {}, allowed=False, because="a test")
            log.close()
        told = [json.loads(line)["time"] for line in path.read_bytes().splitlines()]
        due = [_UTC + timedelta(seconds=moment) for moment in moments]
        right = [datetime.fromisoformat(one) for one in told] == due and all(
            one.endswith("Z") for one in told
        )
        tally.judge(
            CHAIN, right, "an entry of the log tells another time than it was written at", f"{zone}: {told}"
        )


@contextmanager
def _zone(name: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def written(path: Path, count: int, sizes: Sizes | None = None) -> None:
    """Open a log, append, close."""
    log = AuditLog.open(path, app="test/log", clock=lambda: _NOW, sizes=sizes)
    try:
        for number in range(count):
            log.append(f"c{number}", "net", {"host": "x"}, allowed=False, because="a test")
    finally:
        log.close()

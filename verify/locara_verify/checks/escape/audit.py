"""LC407 and LC408: the audit log is complete, chained, written before the effect, and damage to it is
noticed."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from locara.errors import LocaraError
from locara.runtime.audit import verify_chain
from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.agreement import attack_agreement, everything
from locara_verify.checks.escape.arena import Arena, open_arena
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.checks.escape.paths import ordinary_use
from locara_verify.context import Context
from locara_verify.strategies.frames import call

CHAIN: Final = "LC407"
ORDER: Final = "LC408"
GENESIS: Final = "0" * 64
BATCH: Final = 50  # calls sent at once while a log is filled; below the cap of open calls
FULL: Final = 512 * 1024  # bytes that any file of the app may have in the run with a full log
_LENGTHS: Final = (8, 63, 64)  # of names of commands; longer ones are cut
WATCHED: Final = 30  # effects whose entry is looked for at the moment they appear

Json = Any


def walk(data: bytes) -> tuple[list[dict[str, Json]], str | None]:
    """An independent walk over a log: its entries, and what is wrong with the chain."""
    entries: list[dict[str, Json]] = []
    before = GENESIS
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            entry = json.loads(line)
        except ValueError:
            return entries, f"line {number} is not JSON"
        marker = line.rfind(b',"hash":"')
        digest = hashlib.sha256(line[:marker] + b"}").hexdigest()
        if marker < 0 or entry.get("hash") != digest or line[marker:] != b',"hash":"%b"}' % digest.encode():
            return entries, f"line {number} does not have the hash of its bytes"
        if entry.get("prev") != before or entry.get("seq") != number:
            return entries, f"line {number} does not follow the one before"
        entries.append(entry)
        before = digest
    return entries, None if data.endswith(b"\n") or not data else "the last line is unfinished"


def log_of(arena: Arena) -> Path:
    """Where the log of the running app lies on the host."""
    return arena.data / "audit/log.jsonl"


@check("escape-audit", rules=(CHAIN, ORDER, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Make decisions of every kind and compare the log with what was asked; then damage copies of it."""
    with open_arena(ctx) as arena:
        trial = Trial(arena, (CHAIN, ORDER))
        outcome = conduct(trial, attack)
        data = log_of(arena).read_bytes()
    first = damaged(ctx, trial, data, outcome)
    with open_arena(ctx, app=ctx.variant("wider", everything, page=False)) as arena:
        wider = Trial(arena, (CHAIN,))
        second = conduct(wider, lambda trial: attack_agreement(trial, CHAIN, log_of(arena)))
    return first.joined(second, "with wider grants")


def attack(trial: Trial) -> None:
    """The part of the attack that needs the app running."""
    works, what = ordinary_use(trial.arena)
    for rule in (CHAIN, ORDER):
        trial.twin(rule, works, what)
    attack_completeness(trial, share(trial.arena.ctx, 0.05))
    attack_order(trial)
    attack_full_log(trial)


def attack_completeness(trial: Trial, count: int) -> None:
    """Denied and permitted calls, each with a name of its own: the log must hold each of them once, in
    order."""
    arena, link = trial.arena, trial.arena.link
    root = arena.handles.get("folder", "$APP_DATA")
    asked: list[tuple[str, str, bool]] = []
    for number in range(count):
        name = f"entry-{number}"
        command, args, allowed = (
            ("fs.read", {"root": root, "path": f"{name}/../x"}, False),
            (
                "fs.stat",
                {"root": "$MUSIC", "path": name},
                "music" in arena.capabilities.get("fs.user-paths", {}),
            ),
            (f"no.such.{name}".rjust(_LENGTHS[number // 4 % len(_LENGTHS)], "x"), {}, False),
            (
                "fs.stat",
                {"root": root, "path": name},
                root in arena.handles.values() or bool(arena.access("fs.app-data")),
            ),
        )[number % 4]
        link.ask(command, args)
        trial.tried(CHAIN)
        if command in arena.commands or "no.such." in command:
            asked.append((command, name, allowed))
    entries, wrong = walk(log_of(arena).read_bytes())
    if wrong:
        trial.fail(CHAIN, "the audit log's chain is broken", wrong)
    compare(trial, asked, entries)
    begun(trial, entries[0] if entries else {})


def begun(trial: Trial, first: Mapping[str, Json]) -> None:
    """The log of a session begins with the manifest that rules it."""
    digest = hashlib.sha256((trial.arena.app.bundle.path / "locara.json").read_bytes()).hexdigest()
    told = first.get("request", {}).get("manifest")
    trial.tried(CHAIN)
    if first.get("cmd") != "runtime.start" or told != f"sha256:{digest}":
        trial.fail(CHAIN, "the log does not begin with the manifest that rules", f"{first.get('cmd')} {told}")


def compare(trial: Trial, asked: list[tuple[str, str, bool]], entries: list[dict[str, Json]]) -> None:
    """Each asked call against its entry: present once, in order, with the right answer."""
    at = -1
    for command, name, allowed in asked:
        found = [index for index, entry in enumerate(entries) if names(entry, command, name)]
        if len(found) != 1:
            trial.fail(
                CHAIN,
                "a decision is not in the log exactly once",
                f"{command} {name}: {len(found)} entries",
                command,
            )
            return
        if found[0] < at:
            trial.fail(CHAIN, "decisions are in the log in another order", f"{command} {name}", command)
        if entries[found[0]]["allowed"] is not allowed:
            trial.fail(
                CHAIN,
                "the log tells another decision than was made",
                f"{command} {name}: {entries[found[0]]}",
                command,
            )
        at = found[0]


def names(entry: Mapping[str, Json], command: str, name: str) -> bool:
    """Tell whether an entry is about the call of ``command`` that carried ``name``."""
    path = str(entry.get("request", {}).get("path", ""))
    return entry.get("cmd") == command and (
        path == name or path.startswith(name + "/") or command.endswith(name)
    )


def attack_order(trial: Trial) -> None:
    """Watch from outside: the moment a file appears, its entry must be in the log already."""
    arena = trial.arena
    if arena.access("fs.app-data") != "read-write":
        trial.tried(ORDER)
        return
    log = log_of(arena)
    for number in range(WATCHED):
        name = f"order-{number}.txt"
        seen: list[bool] = []
        watcher = threading.Thread(target=watch_for, args=(arena.data / "files" / name, log, name, seen))
        watcher.start()
        reply = arena.link.ask(
            "fs.write", {"root": "$APP_DATA", "path": name, "data": "x", "encoding": "utf8", "mode": "create"}
        )
        watcher.join(30)
        trial.tried(ORDER)
        if not reply.ok:
            trial.twin(ORDER, False, f"writing a file in $APP_DATA: {reply.error}")
        elif seen and not seen[0]:
            trial.fail(
                ORDER,
                "an effect was visible before its entry in the log",
                f"{name} existed, the log did not name it",
            )


def watch_for(path: Path, log: Path, name: str, seen: list[bool]) -> None:
    """Spin until ``path`` exists, then say whether ``log``, as long as it was at that moment, names it."""
    with log.open("rb") as file:
        for _ in range(20_000_000):
            try:
                os.stat(path)  # noqa: PTH116 - as quick as it can be: the window is a few microseconds
            except FileNotFoundError:
                continue
            size = os.fstat(file.fileno()).st_size
            seen.append(name.encode() in file.read(size))
            return


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Let processes that start within the block write no file beyond ``size`` bytes; this one is as before
    after it."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def attack_full_log(outer: Trial) -> None:
    """Run the app where no file may grow beyond a size, fill its log, and see that nothing happens any
    more."""
    if outer.arena.access("fs.app-data") != "read-write":
        return
    limit = ExitStack()
    limit.enter_context(file_limit(FULL))
    with limit, open_arena(outer.arena.ctx, pick=False) as arena:
        limit.close()
        link, log = arena.link, log_of(arena)
        write = {"root": "$APP_DATA", "data": "x", "encoding": "utf8", "mode": "create"}
        works = link.ask("fs.write", {**write, "path": "while-there-is-room.txt"})
        outer.twin(ORDER, works.ok, f"writing while the log has room: {works.error}")
        filled = fill(arena)
        unlogged = 0
        for number in range(8):
            name = f"unlogged-{number}.txt"
            reply = link.ask("fs.write", {**write, "path": name})
            outer.tried(ORDER)
            if name.encode() in log.read_bytes():
                continue  # a short entry found room
            unlogged += 1
            if reply.ok or (arena.data / "files" / name).exists():
                outer.fail(
                    ORDER, "an effect happened although it could not be logged", f"{reply.code or 'ok'}"
                )
        if not filled or not unlogged:
            outer.inconclusive.setdefault(ORDER, "the log could not be filled")
        wrong = walk(log.read_bytes())[1]
        if wrong:
            outer.fail(ORDER, "a full disk damaged the audit log", wrong)
        outer.arena.link.attacks += link.attacks


def fill(arena: Arena) -> bool:
    """Call commands that do not exist, each recorded, until the log cannot grow; whether it came so far."""
    link, log, size = arena.link, log_of(arena), -1
    for batch in range(4 * FULL // (BATCH * 200)):
        ids = [f"fill-{batch}-{number}" for number in range(BATCH)]
        link.send(b"".join(call(call_id, f"no.such.command.{call_id}") for call_id in ids))
        link.attacks += len(ids) - 1
        for _ in ids:
            link.receive(60)
        if log.stat().st_size == size:
            return size > FULL // 2
        size = log.stat().st_size
    return False


def damaged(ctx: Context, trial: Trial, data: bytes, outcome: CheckResult) -> CheckResult:
    """Damage copies of a real log: the product's verification must find each, and must accept the whole
    one."""
    folder = ctx.fresh_dir("logs")
    whole = folder / "whole.jsonl"
    whole.write_bytes(data)
    trial.twin(CHAIN, verify_chain(whole).sound and walk(data)[1] is None, "the undamaged log is accepted")
    lines = data.splitlines(keepends=True)
    if len(lines) < 4:
        trial.inconclusive.setdefault(CHAIN, f"the log has only {len(lines)} lines")
        lines += [b""] * (4 - len(lines))
    rng = ctx.rng("escape-audit-damage")
    at = rng.randrange(1, len(lines) - 2)
    middle = lines[at]
    copies = {
        "changed": [*lines[:at],
        middle.replace(b'"allowed":false',
        b'"allowed":true') if b"false" in middle else middle[:-70] + b"x" + middle[-69:], *lines[at + 1:]],
        "dropped": [*lines[:at], *lines[at + 1:]],
        "doubled": [*lines[:at], middle, middle, *lines[at + 1:]],
        "exchanged": [*lines[:at], lines[at + 1], middle, *lines[at + 2:]],
        "first dropped": lines[1:],
        "cut": [*lines[:-1], lines[-1][: len(lines[-1]) // 2]],
        "foreign line": [*lines, b'{"v":1}\n'],
        "rehashed": [*lines[:at], rehashed(middle), *lines[at + 1:]],
    }  # fmt: skip
    for name, parts in copies.items():
        copy = folder / f"{name.replace(' ', '-')}.jsonl"
        copy.write_bytes(b"".join(parts))
        trial.tried(CHAIN)
        with suppress(LocaraError):
            if verify_chain(copy).sound:
                trial.fail(CHAIN, "damage to the audit log was not noticed", f"a line was {name}")
    from locara_verify.checks.escape.live import result  # noqa: PLC0415 - the outcome is made anew

    del outcome
    return result(trial)


def rehashed(line: bytes) -> bytes:
    """A changed line with a hash of its own that fits: only the line after it can tell."""
    if b'"allowed":' not in line:
        return line + line
    body = (
        line[: line.rfind(b',"hash":"')]
        .replace(b'"allowed":false', b'"allowed":true')
        .replace(b'"v":1', b'"v": 1')
    )
    return body + b',"hash":"%b"}\n' % hashlib.sha256(body + b"}").hexdigest().encode()

"""LC404: every argument of every command, of the wrong type, size or name."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.desktop.stage import EVERYTHING, narrowed, watched
from locara_verify.checks.escape.arena import open_arena
from locara_verify.checks.escape.entry_points import EntryPoint, entry_points
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.checks.escape.published import published
from locara_verify.context import Context
from locara_verify.strategies import arguments

RULE: Final = "LC404"
WRONG: Final = frozenset({"bad_request", "bad_frame", "too_large"})
SETTINGS: Final = (
    "debug",
    "sandbox",
    "layer",
    "policy",
    "unsafe",
    "trusted",
    "profile",
    "grants",
    "allow_net",
    "noSandbox",
    "dev",
)

# Nearly base64, and nearly a decimal integer: what a lenient reader makes something of.
NO_BASE64: Final = (
    "Q", "QQ", "QQ=", "QQ===", "Q Q==", "QQ==\n", " QQ==", "QQ==!", "Q\u0051==\u0661", "QQ==QQ==", "-_-_", "Q-==",
    "=QQ=", "!!!!", "\u212a\u212a==", "data:;base64,QQ==",
)  # fmt: skip
NO_INTEGER: Final = (
    "", " 1", "1 ", "1\n", "+1", "1_000", "0x1", "1.0", "1e3", "--1", "-", "\u0661", "\uff11", "\u00b2", "1" * 20,
    "9223372036854775808", "-9223372036854775809", "NaN",
)  # fmt: skip
MADE_UP: Final = "a-name-that-a-caller-made-up"
WAITING: Final = ("fs.pick", "net.fetch")  # for a person, or for the network

Json = Any


@check("escape-arguments", rules=(RULE, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Confuse the arguments of every command in the live table."""
    with open_arena(ctx) as arena:
        first = conduct(Trial(arena, (RULE,)), attack)
        first = first.joined(conduct(Trial(arena, (RULE,)), published), "with what was published")
    desk = watched(ctx)
    with open_arena(ctx, app=ctx.variant("desktop", widen), pick=False, desktop=desk.desktop) as arena:
        return first.joined(conduct(Trial(arena, (RULE,)), attack), "with devices and desktop")


def widen(document: dict[str, Json]) -> None:
    """Give a manifest devices, clipboard, notifications, pages and background, and take the models away."""
    narrowed(document, EVERYTHING)


def attack(trial: Trial) -> None:
    """Listed wrongs first (every argument of every command), then random ones until the budget is used."""
    import jsonschema_rs  # noqa: PLC0415 - only this check needs it

    points = entry_points(trial.arena)
    spelt(trial, [point.command for point in points])
    rng, count = trial.arena.ctx.rng("escape-arguments"), share(trial.arena.ctx, 0.12)
    fits = {point.command: jsonschema_rs.validator_for(dict(point.schema)).is_valid for point in points}
    twin(trial, [point for point in points if point.command not in WAITING])
    for point in points:
        for name in (*SETTINGS, "__proto__", "", MADE_UP):
            send(trial, point, {**point.base, name: True}, f"extra {name!r}", wrong=True)
        for args, what in nearly(point):
            if not fits[point.command](args):
                send(trial, point, args, what, wrong=True)
    for number in range(count if points else 0):
        point = points[number % len(points)]
        full = full_example(rng, point)
        args, what = arguments.confuse(rng, full)
        send(trial, point, args, what, wrong=not fits[point.command](args))
        trial.arena.ctx.progress(number, count, "confused arguments")


def nearly(point: EntryPoint) -> Iterator[tuple[dict[str, Json], str]]:
    """Ordinary arguments with one place, however deep, that nearly fits."""
    every: dict[str, Json] = arguments.example(point.schema, point.schema, all_fields=True)
    for place, value in arguments.misfits(point.schema, point.schema):
        top = str(place[0])
        whole: dict[str, Json] = {**point.base, top: every.get(top)}
        told = ".".join(map(str, place))
        yield arguments.put(whole, place, value), f"{told} = {str(value)[:40]!r}"


def full_example(rng: random.Random, point: EntryPoint) -> dict[str, Json]:
    """Ordinary arguments, now and then with every optional one."""
    if rng.random() < 0.5:
        return dict(point.base)
    every: dict[str, Json] = arguments.example(point.schema, point.schema, all_fields=True)
    return {**every, **point.base}


def twin(trial: Trial, points: Sequence[EntryPoint]) -> None:
    """Ordinary arguments work: for most commands made-up values do, and each that needs none answers."""
    works = [point.command for point in points if trial.arena.link.ask(point.command, point.base).ok]
    bare = [point.command for point in points if not point.schema.get("properties")]
    trial.twin(
        RULE,
        set(bare) <= set(works) and len(works) * 3 >= len(points),
        f"only these work: {', '.join(works)}",
    )


def spelt(trial: Trial, live: Sequence[str]) -> None:
    """Bytes and big integers that are not written as they must be are no value at all, wherever a value goes."""
    values = [{"$blob": text} for text in NO_BASE64] + [{"$int": text} for text in NO_INTEGER]
    for value in ({"$blob": "QQ=="}, {"$int": "-9007199254740993"}):
        reply = trial.arena.link.ask("db.query", {"sql": "SELECT ?", "params": [value]})
        trial.twin(RULE, reply.ok and reply.result["rows"] == [[value]], f"{value} is a value")
    for value in values:
        one = {"sql": "SELECT ?", "params": [value]}
        for command, args in (
            ("db.query", one),
            ("db.exec", {"sql": "SELECT :a", "params": {"a": value}}),
            ("db.batch", {"statements": [{"sql": "SELECT 1"}, one]}),
        ):
            _refused(trial, command, args)
    if "fs.write" in live and trial.arena.access("fs.app-data") == "read-write":
        base = {"root": "$APP_DATA", "path": "spelt", "encoding": "base64"}
        for text in NO_BASE64:
            for mode in ("create", "replace", "append"):
                _refused(trial, "fs.write", {**base, "data": text, "mode": mode})
        found = trial.arena.link.ask("fs.stat", {"root": "$APP_DATA", "path": "spelt"})
        if found.ok:
            trial.fail(RULE, "what is no base64 was written", f"a file of {found.result.get('size')} bytes")


def _refused(trial: Trial, command: str, args: Mapping[str, Json]) -> None:
    reply = trial.arena.link.ask(command, args)
    trial.tried(RULE)
    if reply.ok or reply.code not in WRONG:
        told = f"{command}: {json.dumps(args)[:120]}"
        trial.fail(RULE, "a value was guessed", f"it answered {reply.code or 'ok'}: {reply.result}", told)


def send(trial: Trial, point: EntryPoint, args: Mapping[str, Json], what: str, *, wrong: bool) -> None:
    """Send one set of arguments; what the command's own schema refuses must be answered as a bad request."""
    reply = trial.arena.link.ask(point.command, args)
    trial.tried(RULE)
    call = f"{point.command}: {what}"
    if wrong and (reply.ok or reply.code not in WRONG):
        trial.fail(
            RULE,
            "wrong arguments were not refused as such",
            f"{point.command} answered {reply.code or 'ok'}",
            call,
        )
    elif MADE_UP.encode() in reply.raw:
        trial.fail(RULE, "a name that a caller made up is said back", str(reply.error.get("message")), call)
    elif reply.code == "internal":
        trial.fail(RULE, "arguments led to an internal error", str(reply.error.get("message")), call)

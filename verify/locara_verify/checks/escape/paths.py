"""LC201 and LC205: paths out of their root, and what the answers tell about files outside."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import ORDINARY_TEXT, Arena, open_arena
from locara_verify.checks.escape.entry_points import entry_points, everywhere
from locara_verify.checks.escape.link import Reply
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.context import Context
from locara_verify.oracle import names
from locara_verify.strategies import paths

TRAVERSAL: Final = "LC201"
METADATA: Final = "LC205"
FILE_COMMANDS: Final = ("fs.read", "fs.list", "fs.stat", "fs.write", "fs.remove", "fs.mkdir")
REFUSALS: Final = frozenset({"capability_denied", "bad_request", "bad_frame", "unknown_command"})
MARKER: Final = "written by an attack"
CHANGES_EVERY: Final = 200

Json = Any


def targets(arena: Arena) -> tuple[str, ...]:
    """What attacks aim at: canaries beside every root, on the host, and the app's own protected files."""
    return (
        "secret.txt", "files-evil/secret.txt", "files.bak/secret.txt", "tmp/secret.txt",
        "picked-evil/secret.txt",
        "private/.ssh/id_ed25519", "documents/secret.txt", "audit/log.jsonl", "db/app.sqlite3",
        "acme.other/files/secret.txt",
        str(arena.outside / "secret.txt"), str(arena.outside / "etc/passwd"), str(arena.data / "secret.txt"),
        "etc/passwd",
    )  # fmt: skip


def roots(arena: Arena) -> tuple[str, ...]:
    """Roots to climb out of: the granted ones first, then every other name a root could have."""
    named = ["$APP_DATA", *(f"${name.upper()}" for name in arena.capabilities.get("fs.user-paths", {}))]
    return (*arena.handles.values(), *named, *ODD_ROOTS)


ODD_ROOTS: Final = (
    "$DOCUMENTS", "$DOWNLOADS", "$DESKTOP", "$PICTURES", "$MUSIC", "$MOVIES", "$HOME", "$TMP", "$ROOT",
    "$app_data",
    "$APP_DATA/..", "$APP_DATA/../db", "$DOCUMENTS/..", "$SHARED/inbox", "$SHARED/../db", "$SHARED/", "/",
    "/data/files", "/data", "/etc",
    ".", "..", "files", "app-data", "user-selected", "documents", "$", "$$", "\x00", "/proc/self/root",
    "C:\\", "~",
)  # fmt: skip


def arguments_for(command: str, root: str, path: str) -> dict[str, Json]:
    """Well-formed arguments of a file command around a hostile root or path."""
    value: dict[str, Json] = {"root": root, "path": path}
    if command == "fs.write":
        value |= {"data": MARKER, "encoding": "utf8", "mode": "replace"}
    elif command == "fs.read":
        value |= {"encoding": "utf8"}
    return value


def ordinary_use(arena: Arena) -> tuple[bool, str]:
    """The allow twin: an ordinary file, written and read where the grants allow it."""
    link = arena.link
    if arena.access("fs.app-data") == "read-write":
        written = link.ask("fs.write", arguments_for("fs.write", "$APP_DATA", "twin.txt"))
        read = link.ask("fs.read", arguments_for("fs.read", "$APP_DATA", "twin.txt"))
        return written.ok and read.ok and read.result[
            "data"
        ] == MARKER, "writing and reading twin.txt in $APP_DATA"
    if "folder" in arena.handles:
        read = link.ask("fs.read", arguments_for("fs.read", arena.handles["folder"], "ordinary.txt"))
        return read.ok and read.result["data"] == ORDINARY_TEXT, "reading ordinary.txt in the picked folder"
    return link.alive(), "app.info"


def hostile_paths(rng: random.Random, arena: Arena) -> Iterator[str]:
    """Without end: the enumerated corpus in a random order, then climbs to host canaries, then random
    ones."""
    aims = targets(arena)
    listed = [attack.text for attack in paths.corpus(aims[:9])]
    listed += [attack.text for aim in aims[-4:] for attack in paths.towards(aim)]
    rng.shuffle(listed)
    yield from listed
    while True:
        yield paths.draw(rng, aims).text


def attack_roots(trial: Trial, rng: random.Random, count: int) -> None:
    """Every file command, every root, with paths that are not portable or roots that are not granted."""
    arena, places = trial.arena, roots(trial.arena)
    granted = len(arena.handles) + 1
    source = hostile_paths(rng, arena)
    for number in range(count):
        command = FILE_COMMANDS[number % len(FILE_COMMANDS)]
        root = rng.choice(places[:granted]) if rng.random() < 0.6 else rng.choice(places)
        path = next(source)
        reply = arena.link.ask(command, arguments_for(command, root, path))
        trial.tried(TRAVERSAL)
        judge(trial, command, root, path, reply)
        if number % CHANGES_EVERY == CHANGES_EVERY - 1:
            stop_at_change(trial, f"the last {CHANGES_EVERY} calls before {command} {path!r}")
        arena.ctx.progress(number, count, "paths")


def attack_plainly(trial: Trial) -> None:
    """The canaries by their plain names in every root: nothing to climb, if a root is wider than it should
    be."""
    arena = trial.arena
    for root in (*arena.handles.values(), "$APP_DATA", "$DOCUMENTS", "$HOME", "/"):
        for aim in targets(arena):
            for command in ("fs.read", "fs.stat"):
                reply = arena.link.ask(command, arguments_for(command, root, aim))
                trial.tried(TRAVERSAL)
                judge(trial, command, root, aim, reply)


def judge(trial: Trial, command: str, root: str, path: str, reply: Reply) -> None:
    """A path that is not portable, or a root that names nothing granted, must be refused, and by the
    policy."""
    wrong_path = path != "" and not names.is_portable_path(path)
    wrong_root = root in ODD_ROOTS and f"{root[1:].lower()}" not in trial.arena.capabilities.get(
        "fs.user-paths", {}
    )
    if not (wrong_path or wrong_root):
        return
    call = f"{command} {root!r} {path[:200]!r}"
    if reply.ok:
        trial.fail(TRAVERSAL, "a path outside its root was served", f"{command} answered ok", call)
    elif reply.code not in REFUSALS:
        trial.fail(
            TRAVERSAL,
            "a path outside its root was not refused by the policy",
            f"the code is {reply.code}",
            call,
        )


def stop_at_change(trial: Trial, where: str) -> None:
    """Report a change outside as soon as it is seen, so that the report can name the calls."""
    changed = trial.arena.changes()
    if changed:
        trial.fail(TRAVERSAL, "something outside the roots was changed", "; ".join(changed[:4]), where)
        for tree in trial.arena.trees.values():
            tree.mark()


def attack_everything(trial: Trial, rng: random.Random, count: int) -> None:
    """Every text argument of every command gets hostile paths: judged by canaries alone."""
    pairs = everywhere(entry_points(trial.arena))
    source = hostile_paths(rng, trial.arena)
    for number in range(count if pairs else 0):
        point, place = pairs[number % len(pairs)]
        trial.arena.link.ask(point.command, point.with_text(place, next(source)))
        trial.tried(TRAVERSAL)
        trial.arena.ctx.progress(number, count, "paths in every argument")


# Pairs of the same length: one names something that exists outside the root, the other does not.
PAIRS: Final = (
    ("../files-evil/secret.txt", "../files-evil/absent.txt"),
    ("../secret.txt", "../absent.txt"),
    ("../db/app.sqlite3", "../db/no_.sqlite3"),
    ("../audit/log.jsonl", "../audit/nil.jsonl"),
    ("../../app/locara.json", "../../app/absent.json"),
    ("../picked-evil/secret.txt", "../picked-evil/absent.txt"),
    ("/etc/hosts", "/etc/hostz"),
    ("/proc/self/environ", "/proc/self/environz"),
    ("sub/../../secret.txt", "sub/../../absent.txt"),
    ("..", "..z/.."),
)


def attack_metadata(trial: Trial, count: int) -> None:
    """The same call towards something and towards nothing: the answers must not differ."""
    arena = trial.arena
    pairs = [*PAIRS, (str(arena.outside / "secret.txt"), str(arena.outside / "absent.txt"))]
    calls: list[tuple[str, Mapping[str, Json], Mapping[str, Json]]] = []
    for there, not_there in pairs:
        for command in FILE_COMMANDS:
            for root in (*arena.handles.values(), "$APP_DATA", "$DOCUMENTS"):
                calls.append(
                    (command, arguments_for(command, root, there), arguments_for(command, root, not_there))
                )
        for point, place in everywhere(entry_points(arena)):
            if point.command not in FILE_COMMANDS:
                calls.append(
                    (point.command, point.with_text(place, there), point.with_text(place, not_there))
                )
    arena.ctx.rng("metadata-order").shuffle(calls)
    for command, present, absent in calls[: count // 2]:
        first, second = arena.link.ask(command, present), arena.link.ask(command, absent)
        trial.tried(METADATA, 2)
        if told(first, present) != told(second, absent):
            trial.fail(
                METADATA, "an answer tells whether something outside exists",
                f"{first.code or 'ok'} for what exists, {second.code or 'ok'} for what does not",
                f"{command} {present}",
            )  # fmt: skip


def told(reply: Reply, sent: Mapping[str, Json]) -> tuple[Json, ...]:
    """What a reply tells besides what the caller said itself: code, capability, and the words without the
    path."""
    words = str(reply.error.get("message", "")) + str(reply.error.get("because", ""))
    for text in sorted(strings(sent), key=len, reverse=True):
        words = words.replace(text, "…") if len(text) > 1 else words
    return reply.ok, reply.code, reply.error.get("capability"), words if not reply.ok else ""


def strings(value: Json) -> Iterator[str]:
    """Every text inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


@check("escape-paths", rules=(TRAVERSAL, METADATA, "LC406"), needs=frozenset({"live"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Climb out of every root with every command, then put paths into every other argument."""
    with open_arena(ctx) as arena:
        return conduct(Trial(arena, (TRAVERSAL, METADATA)), attack)


def attack(trial: Trial) -> None:
    """The whole attack, with its allow twin before and after."""
    arena, rng = trial.arena, trial.arena.ctx.rng("escape-paths")
    for when in ("before", "after"):
        works, what = ordinary_use(arena)
        for rule in (TRAVERSAL, METADATA):
            trial.twin(rule, works, f"{what}, {when} the attack")
        if when == "before":
            attack_plainly(trial)
            attack_roots(trial, rng, share(arena.ctx, 0.2))
            attack_everything(trial, rng, share(arena.ctx, 0.08))
            attack_metadata(trial, share(arena.ctx, 0.06))

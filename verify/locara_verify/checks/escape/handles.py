"""LC203 and LC207: forged handles open nothing, and a right to read never writes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.descriptors import open_on
from locara_verify.checks.escape.arena import ORDINARY_TEXT, Arena, open_arena
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.checks.escape.paths import FILE_COMMANDS, arguments_for
from locara_verify.context import Context

FORGERY: Final = "LC203"
WIDENING: Final = "LC207"
WRITING: Final = ("fs.write", "fs.remove", "fs.mkdir")
MODES: Final = ("create", "replace", "append")

Json = Any


def forged(rng: random.Random, real: str) -> Iterator[str]:
    """Texts near ``real`` and texts that other systems use as handles."""
    yield from (
        "0",
        "1",
        "2",
        "3",
        "-1",
        "null",
        "handle",
        "user-selected",
        "$USER_SELECTED",
        "$PICKED",
        "*",
        "..",
        "/",
        "\x00",
    )
    yield from (
        "__proto__",
        "constructor",
        "{}",
        "[]",
        "0" * len(real),
        "f" * len(real),
        "a" * 128,
        real[:-1],
        real[1:],
        real + real[-1],
    )
    yield from (
        real + "/",
        real + "/..",
        "./" + real,
        real + "\x00",
        real + " ",
        " " + real,
        real + "%00",
        real + "/../private",
        real.upper(),
    )
    yield from (
        real.swapcase(),
        real[::-1],
        real + "#",
        real + "?x",
        f"{real}/sub",
        f"../{real}",
        real.replace(real[0], "A", 1),
        f"{real}\n",
    )
    while True:
        at = rng.randrange(len(real))
        letter = rng.choice("0123456789abcdefABCDEF-_xyzXYZ")
        yield real[:at] + letter + real[at + 1 :]


def attack_forged(trial: Trial, count: int) -> None:
    """Forged ids in every command that takes a root or a handle."""
    arena, rng = trial.arena, trial.arena.ctx.rng("escape-handles")
    real = arena.handles.get("folder", "0123456789abcdef0123456789abcdef")
    valid = set(arena.handles.values())
    source = forged(rng, real)
    for number in range(count):
        handle = next(source)
        if handle in valid:
            continue
        command = (*FILE_COMMANDS, "fs.release")[number % 7]
        args = (
            {"handle": handle}
            if command == "fs.release"
            else arguments_for(command, handle, ("ordinary.txt", "")[number % 2])
        )
        reply = arena.link.ask(command, args)
        trial.tried(FORGERY)
        if reply.ok:
            trial.fail(
                FORGERY, "a forged handle was accepted", f"{command} answered ok", f"{command} {handle!r}"
            )


def attack_real(trial: Trial) -> None:
    """A file's handle is not its folder, a released one is nothing, and another run's ids mean nothing
    here."""
    arena, link = trial.arena, trial.arena.link
    file_handle, folder = arena.handles["file"], arena.handles["folder"]
    for path in ("ordinary.txt", "sub/also.txt", "..", ".", "../private/secret.txt", "/", "x"):
        for command in ("fs.read", "fs.stat", "fs.list"):
            reply = link.ask(command, arguments_for(command, file_handle, path))
            trial.tried(FORGERY)
            if reply.ok:
                trial.fail(
                    FORGERY, "the handle of a file opened something below or beside it", f"{command} {path!r}"
                )
    whole = link.ask("fs.read", arguments_for("fs.read", file_handle, ""))
    inner = link.ask("fs.read", arguments_for("fs.read", folder, "sub/also.txt"))
    trial.twin(
        FORGERY, whole.ok and inner.ok and whole.result["data"] == ORDINARY_TEXT, "reading what was picked"
    )
    with open_arena(arena.ctx) as other:
        for handle in arena.handles.values():
            for command in FILE_COMMANDS:
                reply = other.link.ask(command, arguments_for(command, handle, "ordinary.txt"))
                trial.tried(FORGERY)
                if reply.ok:
                    trial.fail(
                        FORGERY, "a handle of one run was accepted in another", f"{command} answered ok"
                    )
        arena.link.attacks += other.link.attacks
    before = open_on(arena.picked_file)
    link.ask("fs.release", {"handle": file_handle})
    released(trial, before)
    for command in FILE_COMMANDS:
        reply = link.ask(command, arguments_for(command, file_handle, ""))
        trial.tried(FORGERY)
        if reply.ok:
            trial.fail(FORGERY, "a released handle was accepted", f"{command} answered ok")


def released(trial: Trial, before: int) -> None:
    """What a handle held open outside the sandbox is let go with it."""
    left = open_on(trial.arena.picked_file)
    trial.tried(FORGERY)
    trial.twin(FORGERY, before > 0, "a picked file is held open for its handle")
    if left >= before:
        trial.fail(
            FORGERY, "what was picked is held open after its handle was released", f"{left} descriptors"
        )


def attack_picker(trial: Trial) -> None:
    """Asking the person for more than the manifest grants is refused before anybody is asked."""
    arena = trial.arena
    if arena.access("fs.user-selected") != "read-write":
        for kind in ("file", "directory"):
            reply = arena.link.ask("fs.pick", {"kind": kind, "access": "read-write", "multiple": True})
            trial.tried(WIDENING)
            if reply.ok or reply.code not in ("capability_denied", "unknown_command"):
                trial.fail(
                    WIDENING,
                    "a picker for writing was opened",
                    f"the manifest grants reading; {reply.code or 'ok'}",
                )


def attack_writing(trial: Trial, roots: tuple[str, ...]) -> None:
    """Every way of writing to roots that may only be read; the trees around the app judge."""
    arena = trial.arena
    for root in roots:
        for path in ("ordinary.txt", "sub/also.txt", "new.txt", "sub", "sub/new", "", "secret.txt"):
            calls: list[tuple[str, dict[str, Json]]] = [("fs.remove", {}), ("fs.mkdir", {})]
            calls += [("fs.write", {"data": "x", "encoding": "utf8", "mode": mode}) for mode in MODES]
            for command, extra in calls:
                reply = arena.link.ask(command, {"root": root, "path": path, **extra})
                trial.tried(WIDENING)
                if reply.ok or reply.code not in ("capability_denied", "unknown_command", "bad_request"):
                    trial.fail(
                        WIDENING,
                        "a read-only root was written to",
                        f"{command} answered {reply.code or 'ok'}",
                        f"{root} {path}",
                    )


def read_only_roots(arena: Arena) -> tuple[str, ...]:
    """Roots the app may not write to: picked ones without write access, and every user folder not granted for
    it."""
    handles = tuple(arena.handles.values()) if arena.access("fs.user-selected") != "read-write" else ()
    paths = arena.capabilities.get("fs.user-paths", {})
    folders = tuple(
        f"${name.upper()}"
        for name in ("documents", "downloads", "pictures")
        if paths.get(name) != "read-write"
    )
    own = () if arena.access("fs.app-data") == "read-write" else ("$APP_DATA",)
    return (*handles, *folders, *own)


def writes_exactly(trial: Trial) -> None:
    """The allow twin of writing: the named file changes, its neighbours do not."""
    arena, link = trial.arena, trial.arena.link
    if arena.access("fs.app-data") == "read-write":
        for name, text in (("one.txt", "first"), ("two.txt", "second")):
            link.ask(
                "fs.write",
                {"root": "$APP_DATA", "path": name, "data": text, "encoding": "utf8", "mode": "create"},
            )
        link.ask(
            "fs.write",
            {
                "root": "$APP_DATA",
                "path": "one.txt",
                "data": "changed",
                "encoding": "utf8",
                "mode": "replace",
            },
        )
        files = arena.data / "files"
        there = (files / "one.txt").read_text("utf-8") == "changed" and (files / "two.txt").read_text(
            "utf-8"
        ) == "second"
        trial.twin(WIDENING, there, "writing one file in $APP_DATA and leaving the other")
    elif "folder" in arena.handles:
        reply = link.ask("fs.read", arguments_for("fs.read", arena.handles["folder"], "ordinary.txt"))
        trial.twin(WIDENING, reply.ok, "reading the picked folder")


@check("escape-handles", rules=(FORGERY, WIDENING, "LC406"), needs=frozenset({"live"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Forge handles, outlive them, and try to write with a right to read."""
    with open_arena(ctx) as arena:
        return conduct(Trial(arena, (FORGERY, WIDENING)), attack)


def attack(trial: Trial) -> None:
    """The whole attack."""
    arena = trial.arena
    writes_exactly(trial)
    attack_picker(trial)
    attack_writing(trial, read_only_roots(arena))
    attack_forged(trial, share(arena.ctx, 0.06))
    if arena.handles:
        attack_real(trial)
    else:
        trial.twin(FORGERY, arena.link.alive(), "app.info")
    changed = arena.changes()
    if changed:
        trial.fail(WIDENING, "a read-only tree was changed", "; ".join(changed[:6]))

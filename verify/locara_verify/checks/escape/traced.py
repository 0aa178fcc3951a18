"""LC210 and LC113: what the runtime and the broker ask of the kernel while hostile requests for files are answered.

Other checks look at what an attack leaves behind. Here each system call is seen: a file that is opened and then
refused, a name that is looked up before it is judged, a folder that is held for writing where it may be read.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any, Final

import locara
from locara.records import dataclass
from locara.sandbox.picker import ScriptedPicker
from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import Arena, hand_over, open_arena
from locara_verify.checks.escape.entry_points import entry_points, everywhere
from locara_verify.checks.escape.link import Gone
from locara_verify.checks.escape.links import plant_links
from locara_verify.checks.escape.live import Trial, conduct, share, widen
from locara_verify.checks.escape.paths import FILE_COMMANDS, ODD_ROOTS, arguments_for, hostile_paths
from locara_verify.context import Context
from locara_verify.oracle import names
from locara_verify.oracle.trace.judge import BROKER, RUNTIME, Request, judged
from locara_verify.oracle.trace.lookups import Id, Seen, id_of
from locara_verify.oracle.trace.watch import STAND_IN, Trace, TraceError, refused, tracing
from locara_verify.process import descendants

FILES: Final = "LC210"
POWERS: Final = "LC113"
WRITING: Final = frozenset({"fs.write", "fs.remove", "fs.mkdir"})
MODES: Final = ("append", "create", "replace")
TEXT: Final = "written while it is watched"
TWIN: Final = "twin.txt"
OTHER: Final = "other.txt"
EMPTY: Final = "empty.txt"
BROKER_NAME: Final = "locara-broker"
SECOND: Final = "file with a second name"
RELEASED: Final = "given back"
PICKED: Final = (
    ("picked to read", "directory", "read", True),
    ("picked to write", "directory", "read-write", True),
    ("picked without its folders", "directory", "read-write", False),
    ("file to read", "file", "read", False),
    ("file to write", "file", "read-write", False),
    (SECOND, "file", "read-write", False),
    (RELEASED, "directory", "read-write", True),
)
SPECIAL: Final = (
    "to-file",
    "to-folder",
    "to-plain",
    "plain/up",
    "pipe",
    "socket",
    "second-name",
    EMPTY,
    "plain/inner.txt",
)
IDLE: Final = -1
STARTS: Final = 0.02

Json = Any


@dataclass(frozen=True, slots=True)
class Place:
    """A root, with the name that it has in the trace. ``one``: a picked file, whose only path is empty; not ``deep``:
    a folder that was picked without what lies in its folders."""

    root: str
    name: str
    where: Path
    writable: bool
    one: bool = False
    deep: bool = True

    @property
    def who(self) -> str:
        """Who opens what lies there."""
        return RUNTIME if self.root.startswith("$") else BROKER


@dataclass(frozen=True, slots=True)
class Twin:
    """An ordinary use that must be seen: ``who`` opened exactly ``thing`` for ``access``, for request ``number``."""

    number: int
    who: str
    thing: Id
    access: str
    told: str


@dataclass(slots=True)
class Watched:
    """One session under the trace. ``requests`` are all that were sent, by number."""

    trial: Trial
    trace: Trace
    places: list[Place]
    rng: random.Random
    requests: list[Request] = field(default_factory=list)
    twins: list[Twin] = field(default_factory=list)

    def ask(self, command: str, args: Mapping[str, Json]) -> bool:
        """Send a request; whether it was answered well."""
        told = f"{command} {str(dict(args))[:200]}"
        self.trace.mark(len(self.requests))
        self.requests.append(Request(told, self.uses(command, args), str(args.get("path", ""))))
        reply = self.trial.arena.link.ask(command, args)
        for rule in (FILES, POWERS):
            self.trial.tried(rule)
        return reply.ok

    def uses(self, command: str, args: Mapping[str, Json]) -> Mapping[str, str]:
        """Which places a request may use: the folder that it names, if it is granted for that and the path may name
        something in it."""
        place = next((one for one in self.places if one.root == args.get("root")), None)
        path = args.get("path")
        if command not in FILE_COMMANDS or place is None:
            return {}
        if path != "" and (place.one or not names.is_portable_path(path)):
            return {}
        if not place.deep and ("/" in str(path) or (command == "fs.list" and path)):
            return {}
        if command in WRITING:
            return {place.name: "w"} if place.writable else {}
        return {place.name: "r"}

    def ordinary(self) -> None:
        """The allow twins: in each place something is read and, where that is granted, written."""
        for place in self.places:
            path = "" if place.one else TWIN
            thing = place.where if place.one else place.where / path
            if place.writable and place.name != SECOND:
                self.twin(place, "fs.write", path, thing, "w")
            self.twin(place, "fs.read", path, thing, "r")

    def twin(self, place: Place, command: str, path: str, thing: Path, access: str) -> None:
        """One ordinary use, and what must be seen of it."""
        number = len(self.requests)
        works = self.ask(command, arguments_for(command, place.root, path))
        told = f"{command} in {place.name}"
        self.trial.twin(FILES, works, told)
        if works:
            self.twins.append(Twin(number, place.who, id_of(thing.stat()), access, told))


@check(
    "escape-traced",
    rules=(FILES, POWERS, "LC406"),
    needs=frozenset({"live", "kernel"}),
    applies=lambda _: refused(),
)
def run(ctx: Context) -> CheckResult:
    """Trace the app with every file capability while hostile requests for files are answered."""
    with tracing() as trace:
        picker, state = ScriptedPicker(), ctx.fresh_dir("state")
        app = ctx.variant("traced", widen, page=False)
        with open_arena(ctx, app=app, pick=False, picker=picker, state=state) as arena:
            attack = partial(attacked, trace, picker, state)
            return conduct(Trial(arena, (FILES, POWERS)), attack)


def attacked(trace: Trace, picker: ScriptedPicker, state: Path, trial: Trial) -> None:
    """The whole attack. What is made once, at first use, is made before the trace begins."""
    arena, own = trial.arena, str(trial.arena.ctx.workdir)
    places = granted(arena, picker)
    watched = Watched(trial, trace, places, arena.ctx.rng("escape-traced"))
    requests = [*hostile(watched, planted(arena, places))]
    warm(watched)
    runtime, secret = runtime_of(arena), arena.outside / "secret.txt"
    before = descriptors(runtime), descriptors(os.getpid(), own)
    try:
        trace.begin(
            known(arena, places, state, runtime),
            processes=[(runtime, RUNTIME)],
            threads=[(thread, BROKER) for thread in broker_threads()],
            stand_in=secret,
        )
        try:
            watched.ordinary()
            for number, (command, args) in enumerate(requests):
                watched.ask(command, args)
                arena.ctx.progress(number, len(requests), "traced requests")
            given_back(watched)
            watched.ordinary()
        finally:
            trace.mark(IDLE)
            judge(watched, trace.finish(), id_of(secret.stat()))
    except TraceError as error:
        for rule in (FILES, POWERS):
            trial.inconclusive.setdefault(rule, str(error))
        return
    after = descriptors(runtime), descriptors(os.getpid(), own)
    for who, had, has in zip((RUNTIME, BROKER), before, after, strict=True):
        for path in (has - had).elements():
            trial.fail(FILES, "a descriptor stayed open", f"{who}: {path}")
        if any(path.endswith(f"/{RELEASED}") for path in has):
            trial.fail(FILES, "what was given back stayed open", who)


def broker_threads() -> list[int]:
    """The broker is a thread of this process. Where it is called otherwise, the twins are not seen."""
    return [one.native_id for one in threading.enumerate() if one.name == BROKER_NAME and one.native_id]


def granted(arena: Arena, picker: ScriptedPicker) -> list[Place]:
    """Every kind of root, for reading and for writing: named folders, picked folders, picked files."""
    found = [Place(root.name, root.folder.name, root.folder, root.writable) for root in arena.roots()]
    for name, kind, access, deep in PICKED:
        path = arena.picked_folder.parent / name
        if kind == "directory":
            path.mkdir()
        else:
            path.write_text(TEXT, "utf-8")
        if name == SECOND:
            (path.parent / "its other name").hardlink_to(path)
        hand_over(arena.picked_folder.parent)
        picker.add(path)
        reply = arena.link.ask("fs.pick", {"kind": kind, "access": access, "recursive": deep})
        if not reply.ok or not reply.result["handles"]:
            raise Gone(f"fs.pick did not hand over the picked {kind}: {reply.error}")
        handle = reply.result["handles"][0]["handle"]
        found.append(Place(handle, name, path, access == "read-write", kind == "file", deep))
    return found


def planted(arena: Arena, places: Sequence[Place]) -> dict[str, str]:
    """Plant links and what is no file in every folder; their names with what they are."""
    secret, kinds = arena.picked_folder.parent / "private/secret.txt", {}
    for place in places:
        if not place.one:
            place.where.mkdir(parents=True, exist_ok=True)
            kinds = plant_links(place.where, secret)
            for name in (TWIN, OTHER):
                (place.where / name).write_text(TEXT, "utf-8")
            (place.where / EMPTY).touch()
            hand_over(place.where)
        arena.forget(place.where)
    for tree in arena.trees.values():
        tree.mark()
    return kinds


def hostile(watched: Watched, kinds: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Json]]]:
    """Paths that climb, links and the like in every root, roots that are none, and text in what else takes it."""
    arena = watched.trial.arena
    source = hostile_paths(watched.rng, arena)
    yield from climbing(watched, source)
    yield from special(watched, kinds)
    yield from misnamed(watched)
    for point, place in everywhere(entry_points(arena)):
        if point.command.startswith("fs."):
            for _ in range(3):
                yield point.command, dict(point.with_text(place, next(source)))


def climbing(watched: Watched, source: Iterator[str]) -> Iterator[tuple[str, dict[str, Json]]]:
    """Every file command in every root, with paths of all families."""
    turns = [(command, place.root) for command in FILE_COMMANDS for place in watched.places]
    watched.rng.shuffle(turns)
    for number in range(share(watched.trial.arena.ctx, STARTS)):
        command, root = turns[number % len(turns)]
        yield shaped(watched.rng, command, root, next(source))


def special(watched: Watched, kinds: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Json]]]:
    """What is no file, or has a second name, at every file command; then what is not there, and the root itself."""
    links = [name for name, kind in kinds.items() if kind == "link"]
    through = [*links, *(f"{name}/secret.txt" for name in links)]
    for place in watched.places:
        for path in ("",) if place.one else ("", "second-name", "to-file", "pipe"):
            for mode in MODES:
                yield "fs.write", {**arguments_for("fs.write", place.root, path), "mode": mode}
    for command in FILE_COMMANDS:
        for place in watched.places:
            more = () if place.one else (*SPECIAL, watched.rng.choice(through))
            for path in (*more, "", "absent.txt", "plain/absent.txt"):
                yield shaped(watched.rng, command, place.root, path)


def misnamed(watched: Watched) -> Iterator[tuple[str, dict[str, Json]]]:
    """A file that is there, by roots that are none, and by names that are almost the one of a root."""
    for command in FILE_COMMANDS:
        for root in watched.rng.sample(ODD_ROOTS, 4):
            yield shaped(watched.rng, command, root, OTHER)
    for place in watched.places:
        for root in nearly(place.root):
            for command in ("fs.read", watched.rng.choice(FILE_COMMANDS)):
                yield shaped(watched.rng, command, root, "" if place.one else OTHER)


def nearly(root: str) -> tuple[str, ...]:
    """Names that are almost the one of a root."""
    half = root[: len(root) // 2]
    return root[:-1], f"{root}x", half, f"{half}*", root.swapcase()


def given_back(watched: Watched) -> None:
    """A handle is released; from then on it names nothing, inside and outside."""
    place = next(place for place in watched.places if place.name == RELEASED)
    watched.ask("fs.release", {"handle": place.root})
    watched.places.remove(place)
    for command in FILE_COMMANDS:
        watched.ask(command, arguments_for(command, place.root, TWIN))


def warm(watched: Watched) -> None:
    """Use everything once, and forget it."""
    watched.ordinary()
    for place in watched.places:
        for command in FILE_COMMANDS:
            for path in ("absent.txt", "../absent.txt", "to-file"):
                watched.ask(command, arguments_for(command, place.root, path))
    for point in entry_points(watched.trial.arena):
        if point.command.startswith("fs."):
            watched.ask(point.command, point.base)
    for kept in (watched.requests, watched.twins, watched.trial.attempts):
        kept.clear()


def shaped(rng: random.Random, command: str, root: str, path: str) -> tuple[str, dict[str, Json]]:
    """A call of a file command; what is written, in one of the ways there are."""
    args = arguments_for(command, root, path)
    return command, {**args, "mode": rng.choice(MODES)} if command == "fs.write" else args


def runtime_of(arena: Arena) -> int:
    """The process that answers: the innermost of the sandbox."""
    return descendants(arena.app.pid)[-1]


def known(arena: Arena, places: Sequence[Place], state: Path, runtime: int) -> dict[Id, str]:
    """The places that the trace tells apart, by device and inode; all else is nowhere."""
    inside = f"/proc/{runtime}/root"
    own = {path: "code" for entry in code() for path in (Path(entry), Path(f"{inside}{entry}"))}
    own |= {
        arena.ctx.workdir: "elsewhere",
        arena.ctx.target.path: "the app",
        arena.data: "data",
        **{arena.data / name: name for name in ("audit", "db", "tmp")},
        state: "picked before",
        Path(f"{inside}/proc"): "proc",
    }
    found = {id_of(path.stat()): name for path, name in own.items() if path.exists()}
    return found | {id_of(place.where.stat()): place.name for place in places}


def code() -> set[str]:
    """Folders that this program is loaded from, as the app is."""
    return {entry for entry in sys.path if entry.startswith("/")} | {*locara.__path__}


def descriptors(pid: int, below: str = "") -> Counter[str]:
    """What a process has open, by name: what lies below a folder, or all."""
    found: Counter[str] = Counter()
    with contextlib.suppress(OSError):  # of a process that has ended
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # of the listing itself
                name = str(entry.readlink())
                found[name] += name.startswith(below)
    return found


def judge(watched: Watched, seen: Sequence[Seen], secret: Id) -> None:
    """Judge every call by the request it belongs to; the twins must be among them, and what the stand-in did."""
    trial, requests = watched.trial, watched.requests
    controls = [fault for one in seen if one.role == STAND_IN and (fault := judged(one, None))]
    opened = any(fault.files and fault.seen.thing == secret for fault in controls)
    powers = {fault.seen.name for fault in controls if not fault.files}
    trial.twin(FILES, opened, "a file that is opened outside is seen")
    trial.twin(POWERS, {"connect", "execve"} <= powers, "what reaches for a socket and a program is seen")
    by_number: dict[int, list[Seen]] = {}
    for one in seen:
        by_number.setdefault(one.mark, []).append(one)
    for twin in watched.twins:
        found = any(
            one.role == twin.who and one.thing == twin.thing and one.access == twin.access and not one.error
            for one in by_number.get(twin.number, ())
        )
        trial.twin(FILES, found, f"{twin.told}: {twin.who} is seen to open that very file")
    told = set()
    for one in seen:
        request = requests[one.mark] if 0 <= one.mark < len(requests) else None
        fault = None if one.role == STAND_IN else judged(one, request)
        if fault is None or (fault.message, one.role, one.name) in told:
            continue
        told.add((fault.message, one.role, one.name))
        rule = FILES if fault.files else POWERS
        trial.fail(rule, fault.message, one.told(), "" if request is None else request.told)
    trial.notes.append(
        f"{len(seen)} calls about files, sockets, processes and powers in {len(requests)} requests"
    )

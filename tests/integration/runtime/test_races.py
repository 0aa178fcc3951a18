"""Links and renames that are swapped in while a command runs: nothing outside the root is read or changed.

A process of its own exchanges a folder and a link to the outside, and a file and a link to a file there, as
fast as the kernel lets it. Both sides of every exchange must be met, and a naive reader that looks first and
opens afterwards must be fooled in the same race: else the race was none.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from locara.errors import CallError, CapabilityDenied, SandboxError
from locara.runtime.launch import RunningApp
from locara.sandbox.picker import Answer, Ask

from .world import AlwaysPicks, World, tree_hash

INSIDE, OUTSIDE = "inside", "outside-canary"
SHORT, LONG = 40, 10_000
TRIES = 500_000
WIDE: dict[str, Any] = {
    "fs.user-selected": "read-write",
    "fs.user-paths": {"documents": "read-write", "pictures": "read-write"},
    "shared-folders": [{"id": "notes", "with": ["acme/editor"], "access": "read-write"}],
}
SWAPPER = """
import ctypes, os, select, sys
libc = ctypes.CDLL(None, use_errno=True)
pairs = [tuple(map(os.fsencode, pair.split("|"))) for pair in sys.argv[1:]]
count = 0
print("ready", flush=True)
while True:
    for one, two in pairs:
        count += libc.renameat2(-100, one, -100, two, 2) == 0
    if not count % 256 and select.select([0], [], [], 0)[0]:
        break
print(count, flush=True)
"""


@contextmanager
def swapping(*pairs: tuple[Path, Path]) -> Iterator[list[int]]:
    """While the block runs, the two names of each pair are exchanged all the time; yields the count, later."""
    command = [sys.executable, "-c", SWAPPER, *(f"{one}|{two}" for one, two in pairs)]
    count: list[int] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield count
        finally:
            told, _ = process.communicate(timeout=60)
            count.append(int(told))


def put(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o666)


def lay(folder: Path, outside: Path | str) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
    """The two pairs below a folder: `turn` and `leaf`, each beside a link that leads outside."""
    (folder / "turn").mkdir(exist_ok=True)
    (folder / "turn").chmod(0o777)
    for name in ("leaf.txt", "victim"):
        put(folder / "turn" / name, INSIDE)
    (folder / "turn2").symlink_to(outside)
    put(folder / "leaf", INSIDE)
    (folder / "leaf2").symlink_to(f"{outside}/leaf.txt")
    return (folder / "turn", folder / "turn2"), (folder / "leaf", folder / "leaf2")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    outside = tmp_path / "pictures"
    for name in ("leaf.txt", "victim", "outside-only"):
        put(outside / name, OUTSIDE)
    return world


@pytest.fixture
def app(world: World) -> Iterator[RunningApp]:
    bundle = world.app("racer", WIDE)
    with world.begin(bundle, world.plan(bundle)) as running:
        yield running


# The outside is a folder that this app may use by another name: only the root's own confinement stands
# between a followed link and it, no mount and no Landlock rule.
ROOTS = {"$DOCUMENTS": ("documents", "../pictures"), "$SHARED/notes": ("shared", "../../pictures")}


class Racer:
    """Calls commands in the race and counts how each ended: `met` the folder, or the `link`."""

    def __init__(self, app: RunningApp, root: str) -> None:
        self.app = app
        self.root = root
        self.ends: Counter[tuple[str, str]] = Counter()

    def call(self, cmd: str, path: str, **args: Any) -> Any:
        try:
            result = self.app.client.call(cmd, {"root": self.root, "path": path, **args})
        except CapabilityDenied as denied:
            assert "link" in denied.because, denied.because
            self.ends[cmd, "link"] += 1
            return None
        except CallError as error:
            # Names come and go while they are exchanged; nothing else may be wrong.
            assert error.code in {"not_found", "exists", "io_error"}, error.diagnostics()
            self.ends[cmd, "other"] += 1
            return None
        self.ends[cmd, "met"] += 1
        return result

    def round(self, number: int) -> None:
        """Every file command once, on the exchanged folder and on the exchanged file."""
        text = {"encoding": "utf8"}
        for path in ("turn/leaf.txt", "leaf"):
            read = self.call("fs.read", path, **text)
            assert read is None or read["data"].replace(INSIDE, "") == "", "the outside was read"
            found = self.call("fs.stat", path)
            assert found is None or found["size"] % len(INSIDE) == 0, "the outside was described"
        listed = self.call("fs.list", "turn")
        assert listed is None or "outside-only" not in {entry["name"] for entry in listed["entries"]}
        self.call("fs.write", "turn/leaf.txt", data=INSIDE, mode="replace", **text)
        self.call("fs.write", "leaf", data=INSIDE, mode="append", **text)
        self.call("fs.mkdir", f"turn/made{number % 7}")
        self.call("fs.remove", f"turn/made{number % 7}")
        self.call("fs.remove", "turn/victim")
        self.call("fs.write", "turn/victim", data=INSIDE, mode="create", **text)

    def proven(self) -> None:
        """Each command met the folder and the link."""
        for cmd in ("fs.read", "fs.stat", "fs.list", "fs.write", "fs.mkdir", "fs.remove"):
            assert self.ends[cmd, "met"], (cmd, self.ends)
            assert self.ends[cmd, "link"], (cmd, self.ends)


def fooled(folder: Path) -> int:
    """How many tries a reader needs that looks first and opens afterwards until it reads the outside."""
    for count in range(1, TRIES):
        with suppress(OSError):
            if not (folder / "turn").is_symlink() and (folder / "turn/leaf.txt").read_text() == OUTSIDE:
                return count
    raise AssertionError("the window was never hit: the race proves nothing")


def race(app: RunningApp, world: World, root: str, folder: Path, outside: Path | str, calls: int) -> None:
    pairs = lay(folder, outside)
    before = tree_hash(world.folder / "pictures")
    racer = Racer(app, root)
    with swapping(*pairs) as swaps:
        number = 0
        while racer.ends.total() < calls:
            racer.round(number)
            number += 1
        tries = fooled(folder) if (folder / str(outside) / "leaf.txt").exists() else 0
    assert tree_hash(world.folder / "pictures") == before
    racer.proven()
    assert swaps[0] > number
    print(
        f"{root}: {racer.ends.total()} calls, {swaps[0]} exchanges, naive fooled at {tries}, {dict(racer.ends)}"
    )


COUNTS = [
    pytest.param(SHORT * 12, id="short"),
    pytest.param(LONG, id="long", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("calls", COUNTS)
@pytest.mark.parametrize("root", ROOTS)
def test_a_bound_folder(app: RunningApp, world: World, root: str, calls: int) -> None:
    name, outside = ROOTS[root]
    race(app, world, root, world.folder / name, outside, calls)


@pytest.mark.parametrize("calls", COUNTS)
def test_a_picked_folder(app: RunningApp, world: World, calls: int) -> None:
    asked = {"kind": "directory", "recursive": True, "access": "read-write"}
    (handle,) = app.client.call("fs.pick", asked)["handles"]
    outside = world.folder / "pictures"
    race(app, world, handle["handle"], world.folder / "picked", outside, calls)


def use(call: Callable[..., Any], root: str, kind: str) -> None:
    """Read, write and give up a handle, which must be of the inside."""
    path = "" if kind == "file" else "leaf.txt"
    text = call("fs.read", {"root": root, "path": path, "encoding": "utf8"})["data"]
    assert text == INSIDE, "a handle of the outside"
    written = {"data": INSIDE, "encoding": "utf8", "mode": "replace"}
    call("fs.write", {"root": root, "path": path, **written})
    call("fs.release", {"handle": root})


class PicksByKind:
    """A person who picks the one folder or the one file that is exchanged."""

    def __init__(self, picked: Path) -> None:
        self.things = {"directory": AlwaysPicks(picked / "turn"), "file": AlwaysPicks(picked / "leaf")}

    def pick(self, ask: Ask) -> Answer:
        return self.things[ask.kind].pick(ask)


@pytest.mark.parametrize("calls", COUNTS)
def test_what_is_remembered_is_swapped_while_it_is_reopened(world: World, calls: int) -> None:
    picked, outside = world.folder / "picked", world.folder / "pictures"
    pair, leaf = lay(picked, outside)
    before = tree_hash(outside)
    ends: Counter[str] = Counter()
    bundle = world.app("racer", WIDE)
    grants = {}
    world.person = person = PicksByKind(picked)
    with world.begin(bundle, world.plan(bundle)) as app:
        call = app.client.call
        for kind in person.things:
            (handle,) = call("fs.pick", {"kind": kind, "access": "read-write", "remember": True})["handles"]
            grants[kind] = handle["grant"]
        with swapping(pair, leaf) as swaps:
            while ends.total() < calls // 4:
                kind = "file" if ends.total() % 2 else "directory"
                try:
                    handle = call("fs.reopen", {"grant": grants[kind]})
                except (CallError, CapabilityDenied):
                    ends[f"{kind} refused"] += 1
                    continue
                use(call, handle["handle"], kind)
                ends[f"{kind} reopened"] += 1
    assert tree_hash(outside) == before
    assert min(ends[f"{kind} {end}"] for kind in grants for end in ("reopened", "refused")) > 0
    assert swaps[0] > ends.total() // 2


@pytest.mark.parametrize("calls", COUNTS)
def test_what_is_picked_is_swapped_while_it_is_picked(world: World, calls: int) -> None:
    picked, outside = world.folder / "picked", world.folder / "pictures"
    pair, leaf = lay(picked, outside)
    before = tree_hash(outside)
    ends: Counter[str] = Counter()
    bundle = world.app("racer", WIDE)
    world.person = person = PicksByKind(picked)
    with world.begin(bundle, world.plan(bundle)) as app, swapping(pair, leaf) as swaps:
        call = app.client.call
        while ends.total() < calls // 4:
            kind = "file" if ends.total() % 2 else "directory"
            try:
                (handle,) = call("fs.pick", {"kind": kind, "access": "read-write"})["handles"]
            except (CallError, CapabilityDenied):
                ends[f"{kind} refused"] += 1
                continue
            use(call, handle["handle"], kind)
            ends[f"{kind} picked"] += 1
    assert tree_hash(outside) == before
    assert min(ends[f"{kind} {end}"] for kind in person.things for end in ("picked", "refused")) > 0, ends
    assert swaps[0] > ends.total()
    print(f"picks: {dict(ends)}, {swaps[0]} exchanges")


@pytest.mark.parametrize(
    "starts", [pytest.param(6, id="short"), pytest.param(60, id="long", marks=pytest.mark.slow)]
)
def test_a_shared_folder_is_swapped_while_the_app_starts(world: World, starts: int) -> None:
    """A start either shows the folder itself or is refused; the outside is neither shown nor given away."""
    shared, link = world.folder / "shared", world.folder / "shared2"
    outside = world.folder / "pictures"
    put(shared / "leaf.txt", INSIDE)
    link.symlink_to(outside)
    before, owner = tree_hash(outside), outside.stat().st_uid
    ends: Counter[str] = Counter()
    bundle = world.app("racer", WIDE)
    with swapping((shared, link)) as swaps:
        for _ in range(starts):
            try:
                app = world.begin(bundle, world.plan(bundle))
            except SandboxError as error:
                assert error.code == "launch_failed"
                ends["refused"] += 1
                continue
            with app:
                args = {"root": "$SHARED/notes", "path": "leaf.txt", "encoding": "utf8"}
                assert app.client.call("fs.read", args)["data"] == INSIDE
                ends["shown"] += 1
    assert (tree_hash(outside), outside.stat().st_uid) == (before, owner)
    assert ends.total() == starts
    assert swaps[0] > starts
    print(f"starts: {dict(ends)}, {swaps[0]} exchanges")

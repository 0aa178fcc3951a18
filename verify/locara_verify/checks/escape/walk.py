"""LC201, LC202 and LC207 once more, statefully: a long random walk over a folder, beside a model of it.

Ordinary calls and attacks alternate; between calls somebody outside plants and takes away links. Every
answer is compared with the model: what was written comes back, what was removed is gone, what was refused
changed nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import Root
from locara_verify.checks.escape.live import Trial, conduct_both, share
from locara_verify.checks.escape.paths import arguments_for
from locara_verify.context import Context
from locara_verify.oracle import names
from locara_verify.strategies import paths

TRAVERSAL: Final = "LC201"
LINKS: Final = "LC202"
WIDENING: Final = "LC207"
FOLDERS: Final = ("one", "two", "one/three")
FILES: Final = ("a.txt", "b.txt", "one/a.txt", "one/three/c.txt", "two/b.txt", "été.txt")
CANARY: Final = "secret.txt"

Json = Any


@dataclass(slots=True)
class Model:
    """What is in the folder: files with their text, folders, and links that somebody planted."""

    files: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)

    def parent_is_there(self, path: str) -> bool:
        """Whether the folder that would hold ``path`` exists."""
        folder = path.rpartition("/")[0]
        return not folder or folder in self.folders

    def taken(self, path: str) -> bool:
        """Whether something has the name already."""
        return path in self.files or path in self.folders or path in self.links

    def children(self, folder: str) -> set[str]:
        """Names directly in ``folder``."""
        start = folder + "/" if folder else ""
        every = {*self.files, *self.folders, *self.links}
        return {
            path[len(start) :] for path in every if path.startswith(start) and "/" not in path[len(start) :]
        }


@dataclass(slots=True)
class Walk:
    """One walk over one root."""

    trial: Trial
    root: Root
    rng: random.Random
    model: Model = field(default_factory=Model)
    made: set[str] = field(default_factory=set)
    steps: int = 0

    def ask(self, command: str, path: str, **more: Json) -> tuple[bool, str, Json]:
        """One call on the root."""
        args = {**arguments_for(command, self.root.name, path), **more}
        reply = self.trial.arena.link.ask(command, args)
        return reply.ok, reply.code, reply.result

    def expect(self, rule: str, fine: bool, what: str, path: str, code: str) -> None:
        """Judge one answer against the model."""
        self.trial.tried(rule)
        if not fine:
            place = f"step {self.steps} in {self.root.folder.name}: {path[:120]!r}"
            self.trial.fail(
                rule, "an answer does not fit what was done before", f"{what} answered {code or 'ok'}", place
            )

    def write(self) -> None:
        """Create what must be new, replace, or append (which makes what is absent)."""
        path, text = self.rng.choice(FILES), f"text {self.steps}"
        mode = self.rng.choice(("create", "replace", "append"))
        ok, code, _ = self.ask("fs.write", path, data=text, mode=mode)
        fits = self.model.parent_is_there(path) and path not in self.model.links
        wanted = self.root.writable and fits and not (path in self.model.files and mode == "create")
        self.expect(WIDENING, ok == wanted, f"fs.write ({mode})", path, code)
        if ok:
            self.made.add("file")
            self.model.files[path] = self.model.files.get(path, "") + text if mode == "append" else text

    def read(self) -> None:
        """What was written comes back, whole."""
        path = self.rng.choice(FILES)
        ok, code, result = self.ask("fs.read", path)
        there = path in self.model.files
        self.expect(WIDENING, ok == there, "fs.read", path, code)
        if ok and there and result["data"] != self.model.files[path]:
            self.trial.fail(
                WIDENING, "a file does not hold what was written", f"{path}: {result['data'][:60]!r}"
            )

    def list(self) -> None:
        """A listing holds exactly the names of the model, links at most as something else."""
        folder = self.rng.choice(("", *FOLDERS))
        ok, code, result = self.ask("fs.list", folder)
        self.expect(WIDENING, ok == (not folder or folder in self.model.folders), "fs.list", folder, code)
        if ok and (not folder or folder in self.model.folders):
            found = {entry["name"] for entry in result["entries"] if entry["kind"] != "other"}
            links = {
                name
                for name in self.model.children(folder)
                if f"{folder}/{name}".lstrip("/") in self.model.links
            }
            expected = self.model.children(folder) - links
            self.expect(
                WIDENING,
                found - {CANARY, "ordinary.txt", "sub"} == expected,
                "fs.list",
                folder,
                f"{sorted(found)}",
            )

    def folder(self) -> None:
        """Make a folder."""
        path = self.rng.choice(FOLDERS)
        ok, code, _ = self.ask("fs.mkdir", path)
        wanted = self.root.writable and self.model.parent_is_there(path) and not self.model.taken(path)
        self.expect(WIDENING, ok == wanted, "fs.mkdir", path, code)
        if ok:
            self.made.add("folder")
            self.model.folders.add(path)

    def remove(self) -> None:
        """Remove a file or an empty folder, never a link."""
        path = self.rng.choice((*FILES, *FOLDERS))
        ok, code, _ = self.ask("fs.remove", path)
        empty = path in self.model.folders and not self.model.children(path)
        self.expect(
            WIDENING,
            ok == (self.root.writable and (path in self.model.files or empty)),
            "fs.remove",
            path,
            code,
        )
        if ok:
            self.model.files.pop(path, None)
            self.model.folders.discard(path)

    def plant(self) -> None:
        """Somebody outside puts a link where the app may put a file, or takes one away."""
        name = self.rng.choice(("a.txt", "b.txt", "one", "two/b.txt"))
        place = self.root.folder / name
        if name in self.model.links:
            place.unlink()
            self.model.links.discard(name)
        elif not self.model.taken(name) and self.model.parent_is_there(name):
            aim = Path("../files-evil" if name == "one" else "../files-evil/secret.txt")
            place.symlink_to(aim if self.root.name == "$APP_DATA" else Path("../private") / CANARY)
            self.model.links.add(name)

    def climb(self) -> None:
        """A path out of the folder, among ordinary ones."""
        path = paths.draw(self.rng, (CANARY, "files-evil/secret.txt", "private/secret.txt", "one/a.txt")).text
        command = self.rng.choice(("fs.read", "fs.stat", "fs.list", "fs.write", "fs.remove", "fs.mkdir"))
        ok, code, _ = self.ask(command, path)
        if not names.is_portable_path(path) and path:
            self.expect(TRAVERSAL, not ok, command, path, code)
        elif ok and command in ("fs.write", "fs.mkdir", "fs.remove"):
            self.forget_odd(path)

    def through(self) -> None:
        """A name through a planted link."""
        links = sorted(self.model.links)
        if links:
            path = self.rng.choice(links) + self.rng.choice(("", "/secret.txt", "/x"))
            command = self.rng.choice(("fs.read", "fs.stat", "fs.list", "fs.write", "fs.remove", "fs.mkdir"))
            ok, code, _ = self.ask(command, path)
            self.expect(LINKS, not ok, command, path, code)

    def forget_odd(self, path: str) -> None:
        """A drawn path that happened to be fine made something: take it away again, it is not in the
        model."""
        place = self.root.folder / path
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        elif place.exists():
            place.unlink()

    def run(self, count: int) -> None:
        """Take ``count`` steps."""
        acts: tuple[Callable[[], None], ...] = (
            *[self.write] * 3, self.read, self.read, self.list, self.folder, self.folder, self.remove,
            self.plant, self.climb, self.climb, self.through,
        )  # fmt: skip
        for self.steps in range(count):
            self.rng.choice(acts)()
            self.trial.arena.ctx.progress(self.steps, count, f"walk in {self.root.folder.name}")


@check("escape-walk", rules=(TRAVERSAL, LINKS, WIDENING, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Walk over every root of the app, and over every root there is."""
    return conduct_both(ctx, (TRAVERSAL, LINKS, WIDENING), attack)


def attack(trial: Trial) -> None:
    """One walk for each root, with a twin that shows that the walk got somewhere."""
    arena = trial.arena
    for root in arena.roots():
        root.folder.mkdir(parents=True, exist_ok=True)
        if root.writable or root.name == "$APP_DATA":
            arena.forget(root.folder)
        else:
            continue  # what may only be read is walked by the other checks; here the model would stay empty
        walk = Walk(trial, root, arena.ctx.rng(f"escape-walk-{root.folder.name}"))
        walk.run(share(arena.ctx, 0.06))
        works = walk.made == {"file", "folder"}
        trial.twin(WIDENING, works, f"the walk in {root.folder.name} made files and folders")
    for rule in (TRAVERSAL, LINKS, WIDENING):
        trial.tried(rule)

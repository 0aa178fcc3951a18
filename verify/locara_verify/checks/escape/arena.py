"""The arena: one app in its real sandbox, canaries all around it, and a link to attack it through.

Everything a check of this folder needs is built here, so that every attack is judged the same way: by tokens
that must not come back, by trees that must not change, and by sinks that must not be reached.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass
from locara.sandbox.linux.identity import ordinary_identity
from locara_verify.checks.escape.link import Gone, Link, Problem
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.oracle.canaries import CanaryError, Tokens, Tree, Victim
from locara_verify.oracle.policy import commands as permitted_commands

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

USER_FOLDERS: Final = ("documents", "downloads", "desktop", "pictures", "music", "movies")
INSIDE_DATA: Final = (
    "files-evil/secret.txt",
    "files.bak/secret.txt",
    "filesx/secret.txt",
    "secret.txt",
    "tmp/secret.txt",
)
ORDINARY_TEXT: Final = "an ordinary file, which may be read\n"

Json = Any


@dataclass(frozen=True, slots=True)
class Root:
    """One folder that an app may use."""

    name: str
    folder: Path
    writable: bool


@dataclass(slots=True)
class Arena:
    """A running app and what stands around it. Paths are of the host."""

    ctx: Context
    manifest: Mapping[str, Json]
    app: RunningApp
    link: Link
    tokens: Tokens
    trees: dict[str, Tree]
    data: Path
    picked_folder: Path
    picked_file: Path
    outside: Path
    victim: Victim
    handles: dict[str, str] = field(default_factory=dict)

    @property
    def capabilities(self) -> Mapping[str, Json]:
        """What the manifest declares."""
        found: Mapping[str, Json] = self.manifest.get("capabilities", {})
        return found

    @property
    def commands(self) -> frozenset[str]:
        """What the manifest opens, by the independent reading."""
        return permitted_commands(self.manifest)

    def access(self, key: str) -> str:
        """The access word of ``fs.user-selected`` or ``fs.app-data``; empty when not granted."""
        default = "read-write" if key == "fs.app-data" else False
        return self.capabilities.get(key, default) or ""

    def roots(self) -> list[Root]:
        """Every folder the app may use: as it names it, where it lies on the host, and whether it may write
        there."""
        found = []
        if "folder" in self.handles:
            writable = self.access("fs.user-selected") == "read-write"
            found.append(Root(self.handles["folder"], self.picked_folder, writable))
        if self.access("fs.app-data"):
            found.append(Root("$APP_DATA", self.data / "files", self.access("fs.app-data") == "read-write"))
        for name, access in self.capabilities.get("fs.user-paths", {}).items():
            folder = self.picked_folder.parent / name
            found.append(Root(f"${name.upper()}", folder, access == "read-write"))
        return found

    def pick(self) -> None:
        """Have the scripted person pick the canary folder and the ordinary file, if the app may ask."""
        if "fs.pick" not in self.commands:
            return
        access = self.access("fs.user-selected")
        for name, kind in (("folder", "directory"), ("file", "file")):
            reply = self.link.ask(
                "fs.pick", {"kind": kind, "access": access, "recursive": kind == "directory"}
            )
            if not reply.ok or not reply.result["handles"]:
                raise Gone(f"fs.pick did not hand over the picked {name}: {reply.error}")
            self.handles[name] = reply.result["handles"][0]["handle"]

    def forget(self, folder: Path) -> None:
        """Stop watching a folder that the app may write to: what it does there is its right."""
        self.trees = {name: tree for name, tree in self.trees.items() if tree.root != folder}

    def changes(self) -> list[str]:
        """Everything that changed outside the app's powers since the trees were marked."""
        return [f"{name}: {change}" for name, tree in self.trees.items() for change in tree.changes()]

    def finding(self, rule: str, message: str, because: str, call: str = "") -> Finding:
        """A finding of a live check. Live runs are repeated whole, by seed: state is part of the attack."""
        return Finding(
            rule_id=rule, message=message, because=because, file="locara.json", evidence={"call": call}
        )

    def leak_findings(self, rule: str) -> list[Finding]:
        """One finding per kind of canary token that came back over the link."""
        return [
            self.finding(rule, "a canary outside the grants was read", leak.text, leak.call)
            for leak in first_of_each(self.link.leaks)
        ]

    def change_findings(self, rule: str) -> list[Finding]:
        """A finding when anything outside changed."""
        changed = self.changes()
        if not changed:
            return []
        return [self.finding(rule, "something outside the grants was changed", "; ".join(changed[:8]))]

    def reply_findings(self) -> list[Finding]:
        """LC406: replies of a wrong shape, or that tell about the host."""
        return [
            self.finding("LC406", "a reply is not as documented", problem.text, problem.call)
            for problem in first_of_each(self.link.problems)
        ]


def first_of_each(problems: list[Problem]) -> list[Problem]:
    """The first problem of each text."""
    seen: dict[str, Problem] = {}
    for problem in problems:
        seen.setdefault(problem.text, problem)
    return list(seen.values())[:5]


def hand_over(root: Path) -> None:
    """Give a tree to the user the sandbox runs as: only the sandbox, not ownership, may protect the
    canaries."""
    identity = ordinary_identity(os.getuid(), os.environ)
    if identity is None:
        return
    for folder, _directories, files in os.walk(root):
        os.chown(folder, identity.uid, identity.gid)
        for name in files:
            os.chown(Path(folder, name), identity.uid, identity.gid, follow_symlinks=False)


def host_texts(ctx: Context, home: Path) -> tuple[str, ...]:
    """Texts that would tell about this host: where the check works, where the framework and the target
    lie."""
    import locara  # noqa: PLC0415 - only its place is wanted

    package = Path(next(iter(locara.__path__))).resolve()
    places = {
        str(ctx.workdir),
        str(home),
        str(package.parent),
        str(ctx.target.path),
        sys.prefix,
        sys.base_prefix,
    }
    return tuple(sorted(place for place in places if len(place) > 5))


@contextmanager
def open_arena(
    ctx: Context,
    *,
    app: Path | None = None,
    pick: bool = True,
    **overrides: Any,  # noqa: ANN401 - what the launcher takes
) -> Iterator[Arena]:
    """Start the target (or the variant ``app``) inside canaries; all controls are proven before it starts.

    ``overrides`` go to the launcher. Raises CanaryError when a control fails.
    """
    from locara.runtime.app_home import AppHome  # noqa: PLC0415 - only live checks load the runtime
    from locara.sandbox.broker import ScriptedPicker  # noqa: PLC0415

    folder = app or ctx.target.path
    manifest = json.loads((folder / "locara.json").read_bytes())
    tokens = Tokens(ctx.rng("canary-tokens"))
    home, outside = ctx.fresh_dir("home"), ctx.fresh_dir("outside")
    person = ctx.fresh_dir("person")
    data = home / f"{manifest['publisher']}.{manifest['name']}"
    granted = manifest.get("capabilities", {}).get("fs.user-paths", {})
    trees = plant(tokens, home, outside, person, data, granted)
    picked = person / "picked"
    trees["picked"] = Tree(picked)
    trees["picked"].plant({"ordinary.txt": ORDINARY_TEXT, "sub/also.txt": ORDINARY_TEXT})
    for root in (home, person):
        hand_over(root)
    tokens.prove()
    for tree in trees.values():
        tree.mark()
    trees["outside"].prove()
    roots = {name: person / name for name in USER_FOLDERS}
    picker = ScriptedPicker([[picked], [picked / "ordinary.txt"]])
    with ctx.open_app(folder, home=home, user_roots=roots, **{"picker": picker, **overrides}) as running:
        if running.home.path != AppHome(data).path:
            raise CanaryError("the app's data is not where its canaries were planted")
        identity = ordinary_identity(os.getuid(), os.environ)
        link = Link(running.client, tokens, host_texts(ctx, home))
        arena = Arena(
            ctx=ctx,
            manifest=manifest,
            app=running,
            link=link,
            tokens=tokens,
            trees=trees,
            data=data,
            picked_folder=picked,
            picked_file=picked / "ordinary.txt",
            outside=outside,
            victim=Victim.start(None if identity is None else identity.uid),
        )
        for tree in trees.values():
            tree.mark()
        if pick:
            arena.pick()
        if arena.access("fs.user-selected") == "read-write":
            arena.forget(picked)  # what an app writes there is its right
        try:
            yield arena
        finally:
            arena.victim.close()


def plant(  # noqa: PLR0917 - one place per argument
    tokens: Tokens, home: Path, outside: Path, person: Path, data: Path, granted: Mapping[str, str]
) -> dict[str, Tree]:
    """Plant the canary files of the host and hand back their trees by name.

    A user folder that the app may read holds no secret, and one that it may write to is no canary.
    """
    trees = {
        "outside": Tree(outside),
        "another app": Tree(home / "acme.other"),
        "person": Tree(person / "private"),
    }
    trees["outside"].plant(
        {"secret.txt": tokens.make("outside"), "etc/passwd": tokens.make("outside-passwd")}
    )
    trees["another app"].plant({
        "files/secret.txt": tokens.make("another-app"), "db/app.sqlite3": tokens.make("another-app-db"),
    })  # fmt: skip
    trees["person"].plant({"secret.txt": tokens.make("person"), ".ssh/id_ed25519": tokens.make("person-key")})
    for name in ("picked-evil", "picked.bak"):
        trees[name] = Tree(person / name)
        trees[name].plant({"secret.txt": tokens.make(name)})
    for name in USER_FOLDERS:
        tree = Tree(person / name)
        tree.plant({"secret.txt": ORDINARY_TEXT if name in granted else tokens.make(f"folder-{name}")})
        if granted.get(name) != "read-write":
            trees[name] = tree
    (person / "secret.txt").write_text(tokens.make("beside-picked"), encoding="utf-8")
    for name in INSIDE_DATA:
        place = data / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(tokens.make(f"data-{name}"), encoding="utf-8")
    for name in ("files-evil", "files.bak", "filesx"):
        trees[f"data/{name}"] = Tree(data / name)
    return trees

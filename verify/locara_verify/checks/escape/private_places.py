"""LC208: no pick, no drop and no named folder hands over what belongs to the system, to the person alone, or to Locara.

A scripted person picks and drops them all the same: whole disks, their home, hidden folders, the folder of another
app, each by its own path and by detours. Whatever is handed over is then read and written, so that what the finding
tells is what an app could really do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.starts import bare
from locara_verify.checks.escape.arena import hand_over
from locara_verify.checks.in_process import environment
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each
from locara_verify.oracle.canaries import Tokens

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

RULE: Final = "LC208"
HIDDEN: Final = (
    ".bashrc",
    ".config/autostart/canary.desktop",
    ".config/systemd/user/canary.service",
    ".gnupg/private-keys-v1.d/key",
    ".local/bin/canary",
    ".local/share/keyrings/login.keyring",
    ".mozilla/firefox/profile/logins.json",
    ".profile",
    ".ssh/authorized_keys",
    ".ssh/id_ed25519",
)
"""What keys, sessions and the next login hang on, below the home folder."""
OPEN: Final = ("Documents/letter.txt", "notes.txt", "project/.git/config", "project/src/main.py")
SYSTEM: Final = (
    "/", "/boot", "/dev", "/dev/fd", "/dev/mapper", "/etc", "/etc/passwd", "/etc/ssl", "/lib", "/proc", "/proc/self",
    "/proc/self/environ", "/proc/self/fd", "/proc/self/root", "/root", "/run", "/sys", "/sys/kernel", "/usr",
    "/usr/bin", "/usr/bin/env", "/usr/lib", "/var", "/var/lib", "/var/log",
)  # fmt: skip
WAYS: Final = ("dropped", "among others", "read", "read-write")
"""How a place comes to be handed over: dropped on the window, as the last of two that are picked, or picked alone."""

Json = Any


@dataclass(frozen=True, slots=True)
class World:
    """A person's home with canaries, and where Locara keeps its things."""

    home: Path
    apps: Path
    state: Path
    links: Path

    @classmethod
    def make(cls, ctx: Context, tokens: Tokens) -> World:
        """Everything planted and readable by the user that a sandbox would run as."""
        around = ctx.fresh_dir("person")
        world = cls(around / "anna", ctx.fresh_dir("apps"), ctx.fresh_dir("state"), around / "links")
        for name in HIDDEN:
            _plant(world.home / name, tokens.make(f"hidden {name}"))
        for name in OPEN:
            _plant(world.home / name, "an ordinary file\n")
        _plant(world.apps / "acme.other/files/secret.txt", tokens.make("another app"))
        _plant(world.state / "consent/acme.other.json", "{}")
        world.links.mkdir()
        (world.links / "home").symlink_to(world.home)
        (world.links / "disk").symlink_to("/")
        hand_over(around)
        hand_over(world.apps)
        return world

    def private(self, ctx: Context) -> Iterator[Path]:
        """Every place that must not be handed over, with its detours."""
        yield from (self.home, self.home.parent, self.home / ".", self.home / "Documents/..")
        yield from (self.links / "home" / ".", self.links / "disk/.", self.links / "disk/etc")
        for name in HIDDEN:
            place = self.home / name
            yield place
            yield place.parent / "." / place.name
            yield self.home / "Documents/.." / name
            yield self.links / "home" / name
            yield from (
                parent for parent in place.parents if parent != self.home and self.home in parent.parents
            )
        for own in (self.apps, self.state):
            yield from (own, own.parent, *own.rglob("*"))
        yield from (ctx.model_cache.root, *ctx.model_cache.root.glob("*"))
        yield from map(Path, SYSTEM)
        yield Path(f"/proc/{os.getpid()}/environ")
        yield Path(f"/proc/{os.getpid()}/cwd/.")


def _plant(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


def _granted(document: dict[str, Json]) -> None:
    bare(document)
    document["capabilities"]["fs.user-selected"] = "read-write"


@check("private-places", rules=(RULE,), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Pick and drop every private place, and ordinary places between; what is picked for writing, too."""
    from locara.sandbox.broker import ScriptedPicker  # noqa: PLC0415 - only live checks load the runtime

    tokens = Tokens(ctx.rng("private-places"))
    world = World.make(ctx, tokens)
    places = [place for place in dict.fromkeys(map(os.fspath, world.private(ctx))) if _is_plain(place)]
    ctx.rng("order").shuffle(places)
    picker, findings, tried = ScriptedPicker(), [], 0
    app = ctx.variant("picking", _granted, page=False)
    with ctx.open_app(app, home=world.apps, state=world.state, picker=picker, person=world.home) as running:
        broken = _twins(running, picker, world)
        for number, place in enumerate(places):
            for access in WAYS:
                tried += 1
                reply = _hand(running, picker, Path(place), access, world)
                if isinstance(reply, dict):
                    effect = _effect(running, reply, tokens, access)
                    message = "a private place was handed over to be " + (
                        "changed" if access == "read-write" else "read"
                    )
                    findings.append(Finding(RULE, message, because=f"{_named(world, place)}: {effect}"))
                elif reply != "capability_denied":
                    message = "a private place is refused for another reason"
                    findings.append(Finding(RULE, message, because=f"{_named(world, place)}: {reply}"))
            ctx.progress(number + 1, len(places), "picking private places")
        broken = broken or _twins(running, picker, world)
    tried += _named_folders(world, findings) + _judged(world, findings) + _own(world, findings)
    tried += _turned(world, findings)
    inconclusive = {RULE: f"the allow twin failed: {broken}"} if broken and not findings else {}
    return CheckResult(first_of_each(findings), {RULE: tried}, attacks=tried, inconclusive=inconclusive)


def _turned(world: World, findings: list[Finding]) -> int:
    """A name that leads elsewhere by now is judged by where it leads now, each time; how often it was."""
    from locara.runtime.private_places import PrivatePlaces  # noqa: PLC0415 - as above

    places, name, tried = PrivatePlaces.of(world.apps, world.state, home=world.home), world.links / "turns", 0
    aims = [
        (world.home / OPEN[0], True),
        *((world.home / hidden, False) for hidden in HIDDEN[:3]),
        (world.home / OPEN[1], True),
    ]
    for link in (name, world.links / "turns-above"):
        for aim, free in (*aims, *reversed(aims)):
            link.unlink(missing_ok=True)
            link.symlink_to(aim if link == name else aim.parent)
            asked = link if link == name else link / aim.name
            tried += 1
            if (places.refusal(asked) is None) != free:
                message = "a place is judged by where its name led before"
                findings.append(Finding(RULE, message, because=f"it leads to {_named(world, str(aim))} now"))
    return tried


LINES: Final = (
    '"$HOME/"', '"$HOME"', '"$HOME/."', '"$HOME/.."', '"$HOME/Documents/.."', '"$HOME/.ssh"', '"$HOME/.config"', '"/"',
    '"/etc"', '"/proc"', '"//"', '"/./"', '"$HOME//"', '"$HOME/links/home"', '"$HOME/.local/../"', '"$HOME/\\."',
    "$HOME/", "'$HOME/'", '"~"', '"."', '""', '"$HOME/" # none', '"$HOME/\\\\.."',
)  # fmt: skip
"""Values that a list of folders has, or could be given by a program, in place of a folder for documents."""


def _named_folders(world: World, findings: list[Finding]) -> int:
    """The list in which a desktop says where documents are, naming private places as such; how many were tried."""
    from locara.runtime.user_folders import default_user_roots  # noqa: PLC0415 - as above

    config, tried = world.home / ".config", 0
    (world.home / "links").symlink_to(world.links)
    with environment(HOME=str(world.home), XDG_CONFIG_HOME=str(config)):
        for key in ("DOCUMENTS", "DOWNLOAD", "DESKTOP", "PICTURES", "MUSIC", "VIDEOS"):
            for line in LINES:
                (config / "user-dirs.dirs").write_text(f"XDG_{key}_DIR={line}\n", "utf-8")
                tried += 1
                for name, folder in default_user_roots().items():
                    real = Path(os.path.realpath(folder))
                    if real != world.home / "Documents":
                        message = "a named folder is a private place"
                        findings.append(
                            Finding(RULE, message, because=f"{name} is {line}, which leads to {real}")
                        )
        (config / "user-dirs.dirs").write_text('XDG_PICTURES_DIR="$HOME/project"\n', "utf-8")
        found = default_user_roots()
        if found != {"documents": world.home / "Documents", "pictures": world.home / "project"}:
            findings.append(
                Finding(RULE, "an ordinary named folder is not found", because=f"{sorted(found)}")
            )
    return tried


OWN: Final = {
    "XDG_DATA_HOME": ("Locara", "Locara/apps"),
    "XDG_STATE_HOME": ("Locara",),
    "XDG_CACHE_HOME": ("Locara/models", "Locara/tools"),
}
"""Where a person may have put what Locara keeps, and the folders of it there."""


def _own(world: World, findings: list[Finding]) -> int:
    """What Locara keeps where it is not hidden: each folder, what is in it, and what holds it; how many were judged."""
    from locara.runtime.private_places import PrivatePlaces  # noqa: PLC0415 - as above

    tried = 0
    for variable, below in OWN.items():
        kept = world.home / "kept" / variable.lower()
        with environment(HOME=str(world.home), **{variable: str(kept)}):
            judge = PrivatePlaces.of(home=world.home)
        for place in (kept / name for name in below):
            holders = (up for up in place.parents if up.is_relative_to(kept.parent))
            for one in (place, place / "a/b", *holders):
                tried += 1
                if judge.refusal(one) is None:
                    message = "what Locara keeps would be handed over"
                    findings.append(Finding(RULE, message, because=f"{variable}: {_named(world, str(one))}"))
        if (why := judge.refusal(kept / "another")) is not None:
            findings.append(Finding(RULE, "an ordinary place is refused as a private one", because=why))
    return tried


OF_SYSTEMS: Final = (
    *("bin", "boot", "dev", "etc", "lib", "lib64", "nix", "opt", "proc", "root", "run", "sbin", "snap", "sys", "usr"),
    *("var/backups", "var/cache", "var/db", "var/lib", "var/lock", "var/log", "var/mail", "var/root", "var/run"),
    *("var/spool", "private/etc", "private/var/db", "private/var/log", "private/var/root", "private/var/run"),
    *("Applications", "Library", "System", "cores"),
)  # fmt: skip
"""What belongs to a system, of those that Locara runs on: most of it is not on this machine."""
LENT: Final = ("/run/media", "/run/user", "/var/run/user")
"""Folders of the system with a person's own disks and portals below them, and nothing else of theirs."""
NOBODYS: Final = (
    "/srv/a",
    "/mnt/a",
    "/media/anna",
    "/variant",
    "/runway/a",
    "/etcetera",
    "/usr2/a",
    "/devices",
)


def _judged(world: World, findings: list[Finding]) -> int:
    """Each place of a system, what is in it and what holds it; how many were judged.

    Most of these places are on other machines, so here the judge is asked and nothing is handed over.
    """
    from locara.runtime.private_places import PrivatePlaces  # noqa: PLC0415 - as above

    judge = PrivatePlaces(world.home, (world.apps, world.state))
    private: dict[Path, None] = {}
    for name in (*OF_SYSTEMS, *(place.removeprefix("/") for place in LENT)):
        place = Path("/") / name
        private |= dict.fromkeys((place, *place.parents))
        if str(place) not in LENT:
            private |= dict.fromkeys((place / "below", place / "a/b"))
        else:  # what is only called like a place of the person's own is the system's
            private |= dict.fromkeys(
                place.with_name(f"{place.name}{more}") / "a/b" for more in ("-evil", "2", ".d")
            )
    ordinary = [*map(Path, NOBODYS), *(Path(place) / "anna/disk" for place in LENT)]
    for place in private:
        if judge.refusal(place) is None:
            message = "a place of the system would be handed over"
            findings.append(Finding(RULE, message, because=f"{place} is not refused"))
    for place in ordinary:
        if (why := judge.refusal(place)) is not None:
            findings.append(
                Finding(RULE, "an ordinary place is refused as a private one", because=f"{place} {why}")
            )
    return len(private) + len(ordinary)


def _is_plain(place: str) -> bool:
    """Whether a picker could show it: something that exists and is a folder or a file."""
    with suppress(OSError):
        return Path(place).is_dir() or Path(place).is_file()
    return False


def _named(world: World, place: str) -> str:
    """The place without the folder this check works in."""
    return place.replace(str(world.home.parent), "…").replace(str(world.apps.parent), "…")


def _hand(
    running: RunningApp,
    picker: Any,  # noqa: ANN401 - a picker of the runtime
    place: Path,
    access: str,
    world: World,
) -> dict[str, Json] | str:
    """The handle that the app got of a place in one of the `WAYS`; else the code of the refusal."""
    from locara.errors import LocaraError  # noqa: PLC0415 - as above

    kind = "directory" if place.is_dir() else "file"
    try:
        if access == "dropped":
            picker.drop(place)
            found = running.client.call("fs.dropped", {"recursive": True})
        elif access == "among others":
            picker.add(world.home / ("Documents" if kind == "directory" else "notes.txt"), place)
            found = running.client.call("fs.pick", {"kind": kind, "access": "read", "multiple": True})
        else:
            picker.add(place)
            found = running.client.call("fs.pick", {"kind": kind, "access": access})
    except LocaraError as error:
        return error.code
    return {"kind": kind, **found["handles"][-1]} if found["handles"] else "cancelled"


def _effect(running: RunningApp, handle: dict[str, Json], tokens: Tokens, access: str) -> str:
    """What can be done with a handle that must not be there."""
    from locara.errors import LocaraError  # noqa: PLC0415 - as above

    client, root = running.client, {"root": handle["handle"]}
    seen = ["it was handed over"]
    with suppress(LocaraError):
        if handle["kind"] == "file":
            text = str(client.call("fs.read", {**root, "path": "", "encoding": "utf8"})["data"])
            seen.append("read, with a canary" if tokens.found(text.encode()) else "read")
        else:
            seen.append(f"listed, {len(client.call('fs.list', {**root, 'path': ''})['entries'])} entries")
    if access == "read-write" and handle["kind"] == "directory":
        with suppress(LocaraError):
            client.call(
                "fs.write", {**root, "path": "planted", "data": "x", "encoding": "utf8", "mode": "create"}
            )
            seen.append("written to")
    return ", ".join(seen)


def _twins(running: RunningApp, picker: Any, world: World) -> str:  # noqa: ANN401 - a picker of the runtime
    """Ordinary places of the same home, which must be handed over and work; empty when all do."""
    for name in ("Documents", "Documents/letter.txt", "notes.txt", "project", "project/src/main.py"):
        for access in WAYS:
            reply = _hand(running, picker, world.home / name, access, world)
            if not isinstance(reply, dict):
                return f"{name} for {access}: {reply}"
            running.client.call("fs.release", {"handle": reply["handle"]})
    return ""

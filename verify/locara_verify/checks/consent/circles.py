"""LC415: folders that apps share, for every state of the other sides: what each declares, agreed to, and when.

The launcher's own function is asked where a folder lies, with a register of consents that is made for it; the oracle is
the sentence of the specification: every app that is named declares the same folder with the same others, and each of
them was agreed to, is awake, and may start.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.records import dataclass
from locara.runtime.app import AppBundle
from locara.runtime.consent import ScriptedConsent, record_name
from locara.runtime.lifecycle import admit, withdraw
from locara.runtime.shared_folders import open_folders
from locara.runtime.state import StateFolder
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room

RULE: Final = "LC415"
NOW: Final = 1_790_000_000.0
WEEK: Final = 7 * 86_400.0
CASES: Final = 60
_SIGNS: Final = 40
"""Of the 64 signs of a digest, at least so many differ between two of them, but once in a thousand million."""
APPS: Final = ("acme/one", "acme/two", "other/three")


@dataclass(frozen=True, slots=True)
class Side:
    """One app: whom it declares the folder with (None: not at all), and what became of that since."""

    others: tuple[str, ...] | None
    state: str
    folder: str = "notes"
    access: str = "read-write"


@check("shared-folders", rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Circles of two and three, each side in every state that it can be in."""
    rng = ctx.rng("shared-folders")
    findings: list[Finding] = []
    seen: set[bool] = set()
    tried = 0
    maker = Maker(ctx)
    for sides in drawn(rng):
        state = maker.register(sides, "acme/one")
        mine = maker.grants("acme/one", sides["acme/one"])
        found = open_folders(mine, state, root=Path("/shared"), now=NOW)
        wanted = should_open(sides)
        tried += 1
        seen.add(wanted)
        if bool(found) != wanted and has_room(findings, RULE):
            message = (
                "a shared folder is open that must be closed"
                if found
                else "a shared folder that all declare is closed"
            )
            findings.append(Finding(RULE, message, because=str(sides)[:600]))
    findings += apart(maker)
    thin = {} if seen == {True, False} or findings else {RULE: "the cases did not cover both sides"}
    return CheckResult(tuple(findings), {RULE: tried}, attacks=tried, inconclusive=thin)


def drawn(rng: random.Random) -> Iterator[Mapping[str, Side]]:
    """Honest circles, and such with one or two things changed. The first app is the one that starts."""
    states = (
        "agreed",
        "agreed",
        "withdrawn",
        "never asked",
        "asleep",
        "awake again",
        "revoked",
        "damaged",
        "given up",
    )
    for number in range(CASES):
        circle = APPS[: 2 + number % 2]
        sides = {app: Side(tuple(one for one in circle if one != app), "agreed") for app in circle}
        for _ in range(number % 3):
            app = rng.choice(circle[1:])
            side = sides[app]
            change = rng.choice(("state", "state", "others", "folder", "access"))
            if change == "state":
                side = replace(side, state=rng.choice(states))
            elif change == "others":
                side = replace(
                    side,
                    others=rng.choice(
                        (None, ("acme/one",), ("acme/one", "far/away"), ("far/away",), APPS[:1])
                    ),
                )
            elif change == "folder":
                side = replace(side, folder=rng.choice(("note", "notes2", "other")))
            else:
                side = replace(side, access="read")
            sides[app] = side
        yield sides


def should_open(sides: Mapping[str, Side]) -> bool:
    """What the specification says."""
    circle = set(sides)
    return all(
        side.others is not None
        and {app, *side.others} == circle
        and side.folder == "notes"
        and side.state in {"agreed", "awake again"}
        for app, side in sides.items()
        if app != "acme/one"
    )


class Maker:
    """Grants of apps that share, and registers of what was agreed to."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._bundle = AppBundle.open(ctx.target.path)
        self._plain = json.loads(ctx.target.manifest_bytes)
        self._records: dict[tuple[str, Side], bytes] = {}
        self._grants: dict[tuple[str, Side, str], Grants] = {}

    def grants(self, app: str, side: Side, version: str = "1.0.0") -> Grants:
        """What the app declares."""
        key = app, replace(side, state=""), version
        if key not in self._grants:
            self._grants[key] = self._declared(app, side, version)
        return self._grants[key]

    def _declared(self, app: str, side: Side, version: str) -> Grants:
        publisher, name = app.split("/")
        shared = [{"id": side.folder, "with": list(side.others or ()), "access": side.access}]
        told = {
            "publisher": publisher, "name": name, "version": version, "modalities": [], "tooling": [], "profiles": {},
            "capabilities": {} if side.others is None else {"shared-folders": shared},
        }  # fmt: skip
        return compile_grants(parse_manifest(json.dumps(self._plain | told).encode()))

    def register(self, sides: Mapping[str, Side], starter: str) -> StateFolder:
        """The person's folder once all of that happened to all but the app that starts."""
        state = StateFolder(self._ctx.fresh_dir("circle") / "state")
        (state.path / "consent").mkdir(parents=True, mode=0o700)
        others = {app: side for app, side in sides.items() if app != starter}
        for app, side in others.items():
            if side.state != "never asked":
                place = state.path / record_name(app)
                place.write_bytes(self._record(app, side))
                place.chmod(0o600)
        about = {"severity": "block", "kind": "defect", "reason": "a test", "time": 1.0}
        entries = [
            about | {"id": f"R-{number}", "app": app}
            for number, (app, side) in enumerate(others.items())
            if side.state == "revoked"
        ]
        told: Any = {"format": "locara-revocations/2", "seq": 1, "updated": 1.0, "entries": entries}
        place = state.path / "revocations.json"
        place.write_text(json.dumps(told), "utf-8")
        place.chmod(0o600)
        return state

    def _record(self, app: str, side: Side) -> bytes:
        """What is on record of an app after its story, told once for all registers that hold it."""
        if (app, side) not in self._records:
            state = StateFolder(self._ctx.fresh_dir("story") / "state")
            self._tell(state, app, side)
            data = (state.path / record_name(app)).read_bytes()
            self._records[app, side] = data[:-5] if side.state == "damaged" else data
        return self._records[app, side]

    def _tell(self, state: StateFolder, app: str, side: Side) -> None:
        sharing, nothing = self.grants(app, side, "1.1.0"), self.grants(app, replace(side, others=None))
        if side.state in {"asleep", "awake again"}:
            self._start(state, nothing, NOW - 3 * WEEK)
            self._start(state, sharing, NOW - WEEK + (60 if side.state == "asleep" else -1))
            return
        self._start(state, sharing, NOW - WEEK)
        if side.state == "withdrawn":
            withdraw(state, app)
        elif side.state == "given up":
            self._start(state, nothing, NOW - 60)

    def _start(self, state: StateFolder, grants: Grants, now: float) -> None:
        admit(replace(self._bundle, grants=grants), state=state, consent=ScriptedConsent([True]), now=now)


def apart(maker: Maker) -> Iterator[Finding]:
    """Each circle has a folder of its own, whoever of it starts; one app more or less is another folder."""
    places: dict[str, set[str]] = {}
    for circle in (APPS[:2], APPS[1:], APPS, (APPS[0], APPS[2])):
        for folder in ("notes", "notes-2"):
            sides = {
                app: Side(tuple(one for one in circle if one != app), "agreed", folder) for app in circle
            }
            for app in circle:
                mine, state = maker.grants(app, sides[app]), maker.register(sides, app)
                found = open_folders(mine, state, root=Path("/shared"), now=NOW)
                places.setdefault(f"{circle} {folder}", set()).update(str(path) for path in found.values())
    flat = [place for found in places.values() for place in found]
    if any(len(found) != 1 for found in places.values()) or len(set(flat)) != len(flat):
        yield Finding(
            RULE, "circles of apps do not each have one folder of their own", because=str(places)[:600]
        )
    yield from confused()


def confused() -> Iterator[Finding]:
    """Circles that are one text when their names are put together, and names that differ in a few signs alone: another
    circle of the same name would be found by trying."""
    from locara.runtime.shared_folders import folder_name  # noqa: PLC0415 - only here by its name

    alike = (
        (("x/y", "zz/w"), ("x/yz", "z/w")),
        (("x/y", "y-a/b"), ("x/yy-a", "b/b")),
        (("a/b", "c/d", "e/f"), ("a/b", "c/de", "f/f")),
        (("a/bc", "d/e"), ("a/b", "cd/e")),
        (("a/b", "c/d"), ("a/d", "c/b")),
    )
    for one, other in alike:
        names = [folder_name(circle, "notes") for circle in (one, other)]
        turned = folder_name(reversed(one), "notes")
        differ = sum(a != b for a, b in zip(*names, strict=False))
        if turned != names[0] or len(names[0]) != len(names[1]) or differ < _SIGNS:
            told = f"{one} and {other} differ in {differ} signs: {names}"
            yield Finding(RULE, "two circles of apps can have one folder", because=told)

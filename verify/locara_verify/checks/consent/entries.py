"""LC208, LC412, LC413, LC415 and LC773 at both ways in which an app is started: what each hands to the sandbox, or why
it does not.

A plan is built from what the person decided. It must show the app nothing of those decisions, no folder that sleeps,
and of what is shared only what is awake; what answers the app outside hands over no private place, and a list that
names the app ends it. Both ways are gone as far as the sandbox, which is not started: what it would have been given is
looked at.
"""

from __future__ import annotations

import importlib
import io
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Self

from locara.errors import LocaraError
from locara.records import dataclass
from locara.runtime.app import AppBundle
from locara.runtime.consent import ScriptedConsent
from locara.runtime.lifecycle import admit
from locara.runtime.state import StateFolder
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent import circles
from locara_verify.checks.consent.starts import bare, narrow, wide
from locara_verify.checks.in_process import at_home
from locara_verify.checks.updates.both_lists import both_lists
from locara_verify.context import Context
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.sandbox.launcher import LaunchPlan

PRIVATE: Final = "LC208"
BYPASS: Final = "LC412"
SLEEP: Final = "LC413"
SHARED: Final = "LC415"
RECALLED: Final = "LC773"
DAY: Final = 86_400.0
ENTRIES: Final = ("start", "running")
AGES: Final = ((1 / 24, True), (8.0, False))
"""How many days ago an update was agreed to, and whether what it adds sleeps."""


_SOON: Final = 10.0
_LOOK: Final = 0.02


class _Planned(Exception):
    """The sandbox would be started now."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody's home with their folders, the decisions they keep, and where apps keep their data."""

    ctx: Context
    home: Path
    state: Path

    @classmethod
    def fresh(cls, ctx: Context, *, state: str = ".local/state") -> Person:
        """Nobody who has decided anything yet; ``state`` is below their home."""
        home = ctx.fresh_dir("person")
        for name in ("Documents", "Music"):
            (home / name).mkdir()
        (home / state).mkdir(parents=True, exist_ok=True)
        return cls(ctx, home, home / state)

    def agrees(self, app: Path, days: float) -> None:
        """Their yes to all that this version asks for, so many days ago."""
        now = time.time() - days * DAY
        admit(AppBundle.open(app), state=StateFolder(self.state), consent=ScriptedConsent([True]), now=now)

    def given(self, entry: str, app: Path, plan: LaunchPlan | None = None) -> tuple[str, LaunchPlan | None]:
        """The code of a refusal, or the plan that the sandbox is given. They say yes where they are asked."""
        with _held_back() as begun:
            try:
                with self.starts(entry, app, plan):
                    pass
            except _Planned:
                return "", begun[0][0]
            except LocaraError as error:
                return error.code, None
        return "started", None

    @contextmanager
    def starts(
        self, entry: str, app: Path, plan: LaunchPlan | None = None, **variables: str
    ) -> Iterator[None]:
        """Start an app in one of the two ways, with these variables; it runs while the block does."""
        from locara.runtime import launch  # noqa: PLC0415 - loads the runtime
        from locara.sandbox.broker import ScriptedPicker  # noqa: PLC0415 - as above

        bundle, data, picker = AppBundle.open(app), self.home / "apps", ScriptedPicker([])
        yes: Any = ScriptedConsent([True])
        cache = self.ctx.model_cache
        with at_home(self.home):
            os.environ.update(variables)
            if entry == "start":
                roots = {"documents": self.home / "Documents", "music": self.home / "Music"}
                with launch.start(
                    bundle, home=data, cache=cache, picker=picker, user_roots=roots, state=self.state,
                    consent=yes, plan=plan, tell=lambda _: None,
                ):  # fmt: skip
                    yield
            else:
                with launch.running(bundle, consent=yes, picker=picker, data=data, state=self.state):
                    yield


@contextmanager
def _replaced(start: Callable[..., object]) -> Iterator[None]:
    """While the block runs this is called in place of what starts a sandbox."""
    launch: Any = importlib.import_module("locara.runtime.launch")
    before, launch.start_sandbox = launch.start_sandbox, start
    try:
        yield
    finally:
        launch.start_sandbox = before


@contextmanager
def _held_back() -> Iterator[list[tuple[Any, Mapping[str, Any]]]]:
    """While the block runs no sandbox is started: what one would be started with is kept."""
    begun: list[tuple[Any, Mapping[str, Any]]] = []

    def held(plan: object, **beside: object) -> object:
        begun.append((plan, beside))
        raise _Planned

    with _replaced(held):
        yield begun


@check(
    "consent.entries",
    rules=(PRIVATE, BYPASS, SLEEP, SHARED, RECALLED),
    needs=frozenset({"kernel"}),
    quick=True,
)
def run(ctx: Context) -> CheckResult:
    """Decisions where an app could see them, an update that sleeps, a circle that grew, private places, and a list."""
    tally = Tally()
    exposed(ctx, tally)
    asleep(ctx, tally)
    grown(ctx, tally)
    handed(ctx, tally)
    ended(ctx, tally)
    return tally.result()


def _granted(access: str) -> Callable[[dict[str, Any]], None]:
    def edit(document: dict[str, Any]) -> None:
        bare(document)
        document["capabilities"] |= {"fs.user-paths": {"documents": access}}

    return edit


def exposed(ctx: Context, tally: Tally) -> None:
    """The person keeps their decisions in, around or beside a folder that the app is given to read or to change."""
    places = (("Documents", True), ("Documents/deep/er", True), ("Music/state", False))
    for access in ("read", "read-write"):
        app = ctx.variant("exposed", _granted(access), page=False)
        for entry, (state, reached) in itertools.product(ENTRIES, places):
            code, plan = Person.fresh(ctx, state=state).given(entry, app)
            told = f"{entry}: decisions in {state}, an app may {access} Documents: {code or 'planned'}"
            if reached:
                held = code == "state_exposed"
                tally.judge(BYPASS, held, "an app would be shown the person's decisions", told)
            else:
                tally.twin(BYPASS, plan is not None, told)


def _shown(plan: LaunchPlan, place: Path) -> bool:
    """Whether a plan shows an app this folder."""
    return any(source.path == place for source in plan.sources)


def asleep(ctx: Context, tally: Tally) -> None:
    """An update that adds a folder an hour ago, or eight days ago."""
    before, after = ctx.variant("narrow", narrow, page=False), ctx.variant("wide", wide, page=False)
    for entry, (days, sleeps) in itertools.product(ENTRIES, AGES):
        person = Person.fresh(ctx)
        person.agrees(before, days + 1)
        person.agrees(after, days)
        code, plan = person.given(entry, after)
        told = f"{entry}: {days:.2f} days after the answer to an update: {code or 'planned'}"
        music = plan is not None and _shown(plan, person.home / "Music")
        if sleeps:
            tally.judge(SLEEP, not music, "a folder that sleeps would be shown to an app", told)
            tally.twin(SLEEP, plan is not None and _shown(plan, person.home / "Documents"), told)
        else:
            tally.twin(SLEEP, music, told)
        if entry == "start":
            _foreign_plan(tally, person, after, before, sleeps=sleeps)


def _foreign_plan(tally: Tally, person: Person, app: Path, narrower: Path, *, sleeps: bool) -> None:
    """A plan that was made of all that the manifest declares, whatever sleeps of it; and where nothing does, one of
    another version that declares more."""
    from locara.runtime.app_home import AppHome  # noqa: PLC0415 - loads the runtime
    from locara.runtime.launch import launch_plan  # noqa: PLC0415 - as above

    bundle = AppBundle.open(app)
    home = AppHome.of(bundle.grants, root=person.home / "apps")
    roots = {"documents": person.home / "Documents", "music": person.home / "Music"}
    whole = launch_plan(bundle, home=home, cache=person.ctx.model_cache, user_roots=roots)
    code, plan = person.given("start", app, whole)
    told = f"a plan of the whole manifest: {code or 'taken'}"
    if sleeps:
        tally.judge(SLEEP, plan is None, "a launch plan that gives what sleeps was taken", told)
    else:
        tally.twin(SLEEP, plan is not None, told)
        code, plan = person.given("start", narrower, whole)
        told = f"a plan of a version that declares more: {code or 'taken'}"
        refused = plan is None and code == "state_exposed"
        tally.judge(
            SLEEP, refused, "a launch plan that gives what the version does not declare was taken", told
        )


def grown(ctx: Context, tally: Tally) -> None:
    """The circle of a shared folder has one app more since an update; the others have agreed to that long ago."""
    apps, maker = circles.APPS, circles.Maker(ctx)
    sides = {app: circles.Side(tuple(one for one in apps if one != app), "agreed") for app in apps}
    before = _sharing(ctx, apps[0], apps[1:2])
    after = _sharing(ctx, apps[0], apps[1:])
    for entry, (days, sleeps) in itertools.product(ENTRIES, AGES):
        register = maker.register(sides, apps[0])
        person = Person(ctx, Person.fresh(ctx).home, register.path)
        person.agrees(before, days + 1)
        person.agrees(after, days)
        code, plan = person.given(entry, after)
        shared = plan is not None and any("/shared/" in source.dest for source in plan.sources)
        told = f"{entry}: {days:.2f} days after a partner was added: {code or 'planned'}"
        if sleeps:
            held = plan is not None and not shared
            tally.judge(SHARED, held, "a folder is shared with an app that still sleeps as its partner", told)
        else:
            tally.twin(SHARED, shared, told)


def _sharing(ctx: Context, app: str, others: tuple[str, ...]) -> Path:
    def edit(document: dict[str, Any]) -> None:
        bare(document)
        shared = [{"id": "notes", "with": list(others), "access": "read-write"}]
        document |= dict(zip(("publisher", "name"), app.split("/"), strict=True))
        document["capabilities"] |= {"shared-folders": shared}

    return ctx.variant("sharing", edit, page=False)


# -- what answers an app from outside


def handed(ctx: Context, tally: Tally) -> None:
    """Whoever starts an app has the same private places judged before they are handed over."""
    app = ctx.variant("handed", _granted("read"), page=False)
    for entry in ENTRIES:
        person = Person.fresh(ctx)
        caches = person.home / "caches"
        with _held_back() as begun, suppress(_Planned), person.starts(entry, app, XDG_CACHE_HOME=str(caches)):
            pass
        cache = ctx.model_cache.root if entry == "start" else caches / "Locara/models"
        judge = begun[0][1]["services"].judge
        private = [person.home, person.home.parent, person.home / ".ssh/key", Path("/"), Path("/etc/passwd")]
        for own in (person.state, person.home / "apps", cache):
            private += [own, own / "below", own / "below/it", own.parent]
        for place in private:
            held = _refuses(judge, place)
            told = f"{entry}: {os.path.relpath(place, person.home)}"
            tally.judge(PRIVATE, held, "a private place would be handed over", told)
        tally.twin(PRIVATE, not _refuses(judge, person.home / "Documents/letter"), f"{entry}: a letter")


def _refuses(judge: Callable[[Path], None], place: Path) -> bool:
    try:
        judge(place)
    except LocaraError:
        return True
    return False


class _Runs:
    """An app that runs as far as its launcher can tell: it answers each call with nothing, until it is killed."""

    def __init__(self, streams: Mapping[str, Any]) -> None:
        self.killed = threading.Event()
        self.pid = 0
        self.broker = SimpleNamespace(background="none")
        fds = [os.dup(streams[name]) for name in ("stdin", "stdout")]
        threading.Thread(target=self._answer, args=fds, daemon=True).start()

    @staticmethod
    def _answer(reading: int, writing: int) -> None:
        with open(reading, "rb") as calls, open(writing, "wb", buffering=0) as answers, suppress(OSError):
            while head := calls.read(4):
                call = json.loads(calls.read(int.from_bytes(head, "big")))
                answer = json.dumps({"id": call.get("id"), "ok": True, "result": {}}).encode()
                answers.write(len(answer).to_bytes(4, "big") + answer)

    def kill(self) -> None:
        """See Process."""
        self.killed.set()

    def wait(self, _seconds: float | None = None) -> int:
        """See Process."""
        return 0

    def close(self) -> None:
        """See Process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def ended(ctx: Context, tally: Tally) -> None:
    """A list that names an app as malware arrives while it runs: it is ended, in whichever way it was started."""
    from locara.runtime import recall  # noqa: PLC0415 - loads the runtime

    app = ctx.variant("recalled", bare, page=False)
    app_id = AppBundle.open(app).grants.app_id
    before, vars(recall)["EVERY"] = recall.EVERY, _LOOK
    try:
        for entry in ENTRIES:
            _ended(ctx, tally, entry, app, app_id)
    finally:
        vars(recall)["EVERY"] = before


def _ended(ctx: Context, tally: Tally, entry: str, app: Path, app_id: str) -> None:
    from locara.runtime.revocation import take_lists  # noqa: PLC0415 - loads the runtime

    person, now = Person.fresh(ctx), time.time()
    apps: list[_Runs] = []

    def starts(_plan: object, **streams: Any) -> _Runs:  # noqa: ANN401 - what a sandbox is started with
        apps.append(_Runs(streams))
        return apps[-1]

    malware = {
        "severity": "block",
        "kind": "malware",
        "reason": "a test",
        "time": 1.0,
        "id": "R-1",
        "app": app_id,
    }
    with _replaced(starts), redirect_stderr(io.StringIO()), person.starts(entry, app):
        early = apps[0].killed.wait(2 * _LOOK)
        take_lists(StateFolder(person.state), both_lists(1, [malware], [], updated=now), now=now)
        killed = apps[0].killed.wait(_SOON)
    tally.twin(RECALLED, not early, f"{entry}: an app that no list names goes on")
    tally.judge(RECALLED, killed, "a running app that a list names as malware goes on", entry)

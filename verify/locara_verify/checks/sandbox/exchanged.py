"""LC229: what a sandbox shows is what was opened when it was decided, whatever takes its place before the mount.

Between the decision and the mount lies the time in which bubblewrap starts. The real launcher starts a small program
in the app's own plan again and again: while another process exchanges a source for a link to canaries as fast as it
can, and while a thread waits for the very descriptor and exchanges the source once it is open. The program tells what
it sees.
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any, Final

from locara.core.digest import Digest
from locara.errors import SandboxError
from locara.records import dataclass
from locara.sandbox.launcher import LaunchPlan, LaunchSpec, Payload, build_plan, start
from locara.sandbox.profile import APP, DATA, model_dest, root_dest, tool_dest
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.starts import bare
from locara_verify.checks.escape.arena import hand_over
from locara_verify.checks.escape.swap import swapping
from locara_verify.checks.sandbox.plans import INSIDE
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each
from locara_verify.oracle.canaries import snapshot

if TYPE_CHECKING:
    from locara.core.grant import Grants

RULE: Final = "LC229"
READS: Final = "inside.reads"
ORDINARY: Final = b"what the person meant"
SECRET: Final = b"a canary that nobody decided about"
NAME: Final = "text.txt"
PAGE: Final = "page"
LEAST: Final = 2  # starts that were hit in the window: what shows that the rule was tried
FREE: Final = 6  # starts while another process exchanges: which of the two a start meets is the machine's
AIMED: Final = {"quick": 3, "ci": 4, "strict": 4, "soak": 20}
_EXCHANGE: Final = 2
MODEL: Final = Digest.of(b"a model")
TOOL: Final = Digest.of(b"a tool")

Json = Any


@dataclass(frozen=True, slots=True)
class Place:
    """One bind source: its folder and name, its twin that is a link, and the path of its text inside."""

    what: str
    folder: Path
    name: str
    inside: str
    writable: bool = False

    @property
    def path(self) -> Path:
        """Where the source is."""
        return self.folder / self.name

    @property
    def link(self) -> str:
        """The name of the link that takes its place."""
        return f"{self.name}-link"


@dataclass
class Trial:
    """What was found and what was met."""

    remake: Callable[[], LaunchPlan]
    places: tuple[Place, ...]
    shelf: tuple[Place, ...]
    behind: Path
    plan: LaunchPlan = field(init=False)
    findings: list[Finding] = field(default_factory=list)
    attempts: int = 0
    notes: list[str] = field(default_factory=list)
    broken: str = ""

    def __post_init__(self) -> None:
        self.plan = self.remake()

    def start(self) -> dict[str, str] | None:
        """What the program saw inside; None when the launcher refused to start."""
        self.attempts += 1
        try:
            with start(self.plan, stdout=PIPE, stderr=PIPE) as process:
                output = b"" if process.stdout is None else process.stdout.read()
                process.wait(60)
        except SandboxError:
            return None
        try:
            seen: dict[str, str] = json.loads(output)
        except ValueError:
            self.broken = self.broken or "the program inside gave no answer"
            return {}
        for place in (*self.places, *self.shelf):
            if SECRET.decode() in seen.get(place.what, ""):
                self.fail(f"the sandbox showed what a link led to in place of {place.what}")
        return seen

    def fail(self, message: str) -> None:
        """Record a finding."""
        self.findings.append(
            Finding(RULE, message, "exchanged for a link between the decision and the mount")
        )


@check("bind-source-exchanged", rules=(RULE,), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Race each kind of source: two folders of the person, the page, the manifest, and the app's data."""
    trial = prepared(ctx)
    before = snapshot(trial.behind, times=False)
    shown = (*trial.places, *trial.shelf)
    if (seen := trial.start()) is None or any(place.what not in seen for place in shown):
        return CheckResult(inconclusive={RULE: f"the allow twin failed: {seen}"})
    standing(trial)
    rounds = AIMED.get(ctx.profile.profile, 3)
    for number, place in enumerate(trial.places):
        ctx.progress(number, len(trial.places), f"exchanging {place.what}")
        freely(trial, place)
        aimed(trial, place, rounds)
        if snapshot(trial.behind, times=False) != before:
            trial.fail(f"something outside was changed where {place.what} was exchanged")
        if trial.findings:
            break
    seen = trial.start()
    if seen is None or any(place.what not in seen for place in trial.places):
        trial.broken = trial.broken or "the app does not start after the exchanges"
    return CheckResult(
        first_of_each(trial.findings),
        {RULE: trial.attempts},
        attacks=trial.attempts,
        inconclusive={RULE: trial.broken} if trial.broken and not trial.findings else {},
        notes=tuple(trial.notes),
    )


def standing(trial: Trial) -> None:
    """A link that is there before anything is decided, in place of a source or of a folder above it: no start."""
    right = trial.plan
    for place in (*trial.places, *trial.shelf):
        folder = os.open(place.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            _swap(folder, place)
            _refused(trial, place.what)
            _swap(folder, place)
        finally:
            os.close(folder)
    for above in dict.fromkeys(place.folder for place in (*trial.places, *trial.shelf)):
        kept = above.with_name(f"{above.name}-kept")
        above.rename(kept)
        above.symlink_to(kept)
        _refused(trial, f"the folder {above.name}")
        above.unlink()
        kept.rename(above)
    trial.plan = right


def _refused(trial: Trial, what: str) -> None:
    trial.plan = trial.remake()
    if trial.start() is not None:
        trial.fail(f"the sandbox starts although {what} is a link")


def freely(trial: Trial, place: Place) -> None:
    """Exchange as fast as possible while the app is started again and again."""
    met = {"folder": 0, "link": 0}
    with swapping(place.folder, place.name, place.link) as counts:
        while sum(met.values()) < FREE and not trial.findings:
            met["link" if trial.start() is None else "folder"] += 1
    seen = f"{place.what}: {counts[0]} exchanges, {met['folder']} starts met it, {met['link']} met the link"
    trial.notes.append(seen)


def aimed(trial: Trial, place: Place, rounds: int) -> None:
    """Exchange once, when the source is open and not yet mounted; what was open is what must be shown."""
    hits = 0
    for _ in range(rounds * 3):
        with exchanging_when_open(place) as hit:
            seen = trial.start()
        if not hit:
            continue
        hits += 1
        if seen is None:
            trial.notes.append(f"{place.what}: an exchange in the window made the start fail")
        if hits == rounds or trial.findings:
            break
    trial.notes.append(f"{place.what}: {hits} exchanges between open and mount")
    if hits < LEAST:
        trial.broken = trial.broken or f"the window of {place.what} was hit {hits} times"


@contextmanager
def exchanging_when_open(place: Place) -> Iterator[list[bool]]:
    """During the block: once this process holds the source open, exchange it; at the end it is put back.

    The list holds something when the descriptor was still open after the exchange, that is, before bubblewrap ran.
    """
    stop, exchanged = threading.Event(), threading.Event()
    hit: list[bool] = []
    # Opened before, so that this thread's own way to the folder is no sign that the source is open.
    folder = os.open(place.folder, os.O_PATH | os.O_DIRECTORY)
    wanted = str(place.path)

    def watch() -> None:
        while not stop.is_set():
            number = _holds(wanted)
            if number is not None:
                _swap(folder, place)
                exchanged.set()
                if _holds(str(place.folder / place.link), number) is not None:
                    hit.append(True)
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield hit
    finally:
        stop.set()
        thread.join(20)
        if exchanged.is_set():
            _swap(folder, place)
        os.close(folder)


def _holds(path: str, only: int | None = None) -> int | None:
    """The descriptor of this process that names the path; the kernel tells its name of now."""
    try:
        numbers = [only] if only is not None else [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    except OSError:
        return None
    for number in numbers:
        try:
            if os.readlink(f"/proc/self/fd/{number}") == path:  # noqa: PTH115
                return number
        except OSError:
            continue
    return None


def _swap(folder: int, place: Place) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(folder, place.name.encode(), folder, place.link.encode(), _EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), f"{place.what} could not be exchanged")


# -- the ground


def _granted(document: dict[str, Json]) -> None:
    bare(document)
    paths = {"documents": "read", "pictures": "read-write"}
    document["capabilities"] = {"fs.app-data": "read-write", "fs.user-paths": paths}
    document["capabilities"] |= {"models": [f"kept@{MODEL}"], "tools": [f"kept@{TOOL}"]}
    document["build"] = {"tool": "none", "out": PAGE}
    document["entry"] = f"{PAGE}/index.html"


def prepared(ctx: Context) -> Trial:
    """A plan of the app with the reading program, and beside each source a link to canaries of the same shape."""
    from locara.runtime.app import AppBundle  # noqa: PLC0415 - only live checks load the runtime

    app, person, data = ctx.variant("exchanged", _granted), ctx.fresh_dir("person"), ctx.fresh_dir("apps")
    behind, kept = ctx.fresh_dir("behind"), ctx.fresh_dir("kept")
    shelf = (
        Place("the model", kept, "model", model_dest(MODEL)),
        Place("the tool", kept, "tool", f"{tool_dest(TOOL)}/{NAME}"),
    )
    places = (
        Place("documents", person, "documents", f"{root_dest('documents')}/{NAME}"),
        Place("pictures", person, "pictures", f"{root_dest('pictures')}/{NAME}", writable=True),
        Place("the page", app, PAGE, f"{APP}/{PAGE}/{NAME}"),
        Place("the manifest", app, "locara.json", f"{APP}/locara.json"),
        Place("the data", data, "own", f"{DATA}/files/{NAME}", writable=True),
    )
    for place in (*places, *shelf):
        canary = behind / place.what
        if place.name in ("locara.json", "model"):
            canary.write_bytes(SECRET)
            if place.name == "model":
                place.path.write_bytes(ORDINARY)
        else:
            below = "files" if place.name == "own" else "."
            for folder, text in ((place.path, ORDINARY), (canary, SECRET)):
                (folder / below).mkdir(parents=True, exist_ok=True)
                (folder / below / NAME).write_bytes(text)
        (place.folder / place.link).symlink_to(canary)
    for folder in (person, data, app, kept):
        hand_over(folder)
    told = {
        place.what: [place.inside, str(Path(place.inside).with_name("new.txt")) if place.writable else ""]
        for place in (*places, *shelf)
    }
    payload, grants = Payload(READS, (json.dumps(told),)), AppBundle.open(app).grants
    return Trial(lambda: plan_of(grants, app, person, data, payload, kept=kept), places, shelf, behind)


def plan_of(
    grants: Grants, app: Path, person: Path, data: Path, payload: Payload, *, kept: Path
) -> LaunchPlan:
    """The app's own launch plan with another program in it."""
    return build_plan(
        LaunchSpec(
            grants=grants,
            manifest_path=app / "locara.json",
            app_dir=app,
            data_dir=data / "own",
            payload=payload,
            models={MODEL: kept / "model"},
            tools={TOOL: kept / "tool"},
            user_roots={name: person / name for name in ("documents", "pictures")},
            app_parts=(PAGE,),
            extra_read_only=(INSIDE,),
        )
    )

"""One run from its settings to its report: load, plan, run, judge. Nothing here prints."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from locara.errors import LocaraError, UsageError
from locara.records import dataclass
from locara_verify import checks, engine, replay, target
from locara_verify.budget import Budget
from locara_verify.cache import ResultCache
from locara_verify.catalogue import catalogue
from locara_verify.events import Emit
from locara_verify.fixtures import fixtures_dir
from locara_verify.plan import LONGER, Plan, Selection, longest_first, plan
from locara_verify.report.app import describe
from locara_verify.report.value import Report, Span
from locara_verify.supply import Supply
from locara_verify.target import Target
from locara_verify.verdict import Accept, Judgement, judge, nothing


@dataclass(frozen=True, slots=True)
class Settings:
    """What the caller decided about a run. ``workdir`` None means a temporary folder that is removed."""

    path: Path
    budget: Budget
    seed: int
    choice: Selection = field(default_factory=Selection)
    strict: bool = False
    jobs: int = 1
    stop_at_first: bool = False
    workdir: Path | None = None
    cache_root: Path | None = None
    case: Mapping[str, Any] | None = None
    check: str | None = None
    supply: Supply | None = None
    accept: Accept = nothing
    seconds: float | None = None
    cache: ResultCache | None = None
    slowest: int = 0
    expected: Mapping[str, int] = field(default_factory=dict)


def prepare(settings: Settings) -> tuple[Target, Plan]:
    """The target and the plan for it. Raises TargetError, UsageError."""
    subject = target.load(settings.path)
    _refuse_foreign_code(subject.path)
    if settings.workdir is not None and replay.inside(settings.workdir, subject.path):
        raise UsageError("the working folder may not lie inside the app", fix="name another --workdir")
    return subject, planned(settings, subject)


def planned(settings: Settings, subject: Target) -> Plan:
    """The plan for ``subject``, wherever the app's own code may have been loaded. Raises UsageError."""
    loaded = checks.load()
    chosen = loaded.checks
    if settings.check is not None:
        chosen = {name: check for name, check in chosen.items() if name == settings.check}
        if not chosen:
            raise UsageError(f"there is no check called {settings.check!r} in this version")
    choice = settings.choice
    return plan(
        catalogue(),
        chosen,
        loaded.broken,
        subject,
        choice,
        strict=settings.strict,
        bundle=settings.supply is not None,
        quick=settings.budget.profile == "quick" and not (choice.only or choice.expression),
    )


def _refuse_foreign_code(root: Path) -> None:
    """The app may not lend code to its judge: nothing that is loaded, or could be, comes from inside it."""
    sys.path[:] = [entry for entry in sys.path if not replay.inside(Path(entry or "."), root)]
    for name, module in sorted(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if isinstance(source, str) and replay.inside(Path(source), root):
            raise UsageError(
                f"the module {name} was loaded from inside the app",
                fix="run the `locara` command from another folder",
            )


def execute(
    settings: Settings, subject: Target, made: Plan, emit: Emit, interrupted: Callable[[], bool]
) -> Report:
    """Run ``made`` and report. A run that began always has a report. Raises OSError for a full disk."""
    started = datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat()
    begun = time.monotonic()
    cached = {} if settings.cache is None else settings.cache.hooks(settings, subject)
    made = replace(made, tasks=longest_first(made.tasks, settings.expected))
    with _workdir(settings.workdir) as (workdir, keep):
        job = engine.Job(
            target=subject,
            budget=settings.budget,
            seed=settings.seed,
            workdir=workdir,
            fixtures=fixtures_dir(),
            cache_root=settings.cache_root,
            strict=settings.strict,
            jobs=settings.jobs,
            stop_at_first=settings.stop_at_first,
            discard=settings.workdir is None,
            interrupted=interrupted,
            case=settings.case,
            supply=settings.supply,
            seconds=settings.seconds,
            **cached,
        )
        finished = engine.run(made, job, emit)
        stopped = interrupted()
        if not stopped and any(event.started and event.result is None for event in finished):
            keep()
    broken_off = "the run was interrupted" if stopped else _changed(subject) or made.unloaded
    judgement = judge(made, finished, strict=settings.strict, broken_off=broken_off, accept=settings.accept)
    if reused := sum(event.cached for event in finished):
        note = f"{reused} of {len(finished)} checks were taken from the cache: same app, same verifier, same machine"
        judgement = replace(judgement, notes=(*judgement.notes, note))
    partly = len(made.in_part.get(LONGER, ()))
    for reason, rules in made.in_part.items():
        if reason == LONGER:
            continue
        note = f"{', '.join(rules)}: looked at in part: {reason}"
        judgement = replace(judgement, notes=(*judgement.notes, note))
    longer = sum(reason == LONGER for reason in made.not_planned.values())
    if longer or partly:
        note = (
            f"{longer} rules need more time than a quick run has, and {partly} are looked at in part: "
            "`--profile ci`, or `--strict` for all"
        )
        judgement = replace(judgement, notes=(*judgement.notes, note))
    if settings.supply is not None:
        judgement = replace(judgement, notes=(*judgement.notes, settings.supply.note))
    if workdir.exists():
        judgement = replace(judgement, notes=(*judgement.notes, f"logs and working files are in {workdir}"))
    judgement, replays = _kept(settings, subject, judgement)
    return Report(
        path=subject.path if settings.supply is None else settings.supply.place,
        digest=subject.digest,
        app=describe(subject),
        plan=made,
        judgement=judgement,
        budget=settings.budget,
        seed=settings.seed,
        strict=settings.strict,
        interrupted=stopped,
        started=started,
        seconds=time.monotonic() - begun,
        jobs=settings.jobs,
        spans=tuple(Span.of(event) for event in finished),
        prefix=_prefix(subject.path),
        slowest=settings.slowest,
        replays=replays,
    )


def _kept(
    settings: Settings, subject: Target, judgement: Judgement
) -> tuple[Judgement, Mapping[tuple[str, int], str]]:
    """What was found, in files that can be replayed; where none can be written a note says so, and nothing is lost."""
    if settings.case is not None:
        return judgement, {}
    where = replay.folder(settings.workdir, subject)
    try:
        return judgement, replay.write_all(
            judgement,
            subject,
            where,
            seed=settings.seed,
            budget=settings.budget,
            strict=settings.strict,
        )
    except OSError as error:
        note = (
            f"nothing to replay was kept in {where} ({error.strerror}): `--workdir DIR` names another folder"
        )
        return replace(judgement, notes=(*judgement.notes, note)), {}


def _prefix(app: Path) -> str:
    """The app's folder relative to its repository, or to the current folder, with a slash; empty for neither."""
    roots = [parent for parent in (app, *app.parents) if (parent / ".git").exists()]
    for root in (*roots[:1], Path.cwd()):
        if app != root and app.is_relative_to(root):
            return f"{app.relative_to(root).as_posix()}/"
        if app == root:
            return ""
    return ""


def _changed(subject: Target) -> str:
    """Why the verified digest no longer stands for the app; empty when it does."""
    try:
        same = target.load(subject.path).digest == subject.digest
    except LocaraError as error:
        return f"the app can no longer be read: {error.message}"
    return "" if same else "the app changed while it was being verified"


@contextmanager
def _workdir(chosen: Path | None) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A folder for the run, and a function that keeps it: a check that gave no result left its log there."""
    kept = chosen is not None
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="locara-verify-", dir=None if chosen is None else chosen.resolve()))

    def keep() -> None:
        nonlocal kept
        kept = True

    try:
        yield folder, keep
    finally:
        if not kept:
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)

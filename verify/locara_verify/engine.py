"""Runs a plan: every check in its own process under a deadline, exclusive ones alone at the end."""

from __future__ import annotations

import json
import os
import queue
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara_verify import process
from locara_verify.budget import Budget
from locara_verify.check import Check, CheckResult
from locara_verify.events import CheckFinished, CheckProgress, CheckStarted, Emit
from locara_verify.finding import Finding, has_room
from locara_verify.plan import Plan, Task
from locara_verify.process import processors
from locara_verify.supply import Supply
from locara_verify.target import Target
from locara_verify.wire import WireError, finding_from_json, result_from_json

_POLL: Final = 0.2
_AT_FIRST: Final = "the run stopped at the first finding"
_SEVERAL: Final = 3
_OF_TRUST: Final = tuple(f"locara_verify.checks.{name}." for name in ("attestation", "log", "updates"))


@dataclass(frozen=True, slots=True)
class Job:
    """The settings of one run. ``interrupted`` is asked often; once true, everything is stopped.

    ``case`` makes it a replay of that one case. ``known`` gives the result of a task that need not run again, or
    None; ``keep`` is told each that ran. With ``discard`` the folder of a check that gave a result goes while others
    run. After ``seconds`` nothing is started and what runs is stopped.
    """

    target: Target
    budget: Budget
    seed: int
    workdir: Path
    fixtures: Path
    cache_root: Path | None = None
    strict: bool = False
    jobs: int = 1
    stop_at_first: bool = False
    discard: bool = False
    interrupted: Callable[[], bool] = lambda: False
    case: Mapping[str, Any] | None = None
    supply: Supply | None = None
    known: Callable[[Task], CheckResult | None] = lambda _task: None
    keep: Callable[[Task, CheckResult], None] = lambda _task, _result: None
    seconds: float | None = None


@dataclass(slots=True)
class _Running:
    task: Task
    worker: process.Worker
    workdir: Path
    begun: float
    deadline: float
    result: CheckResult | None = None
    reason: str = ""
    found: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _State:
    job: Job
    emit: Emit
    waiting: deque[Task]
    nursery: process.Nursery
    running: dict[int, _Running] = field(default_factory=dict)
    inbox: queue.Queue[tuple[int, bytes | None, str]] = field(default_factory=queue.Queue)
    finished: list[CheckFinished] = field(default_factory=list)
    removal: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "removal"))
    halt: str = ""
    begun: float = field(default_factory=time.monotonic)


def run(plan: Plan, job: Job, emit: Emit) -> tuple[CheckFinished, ...]:
    """Run every task of ``plan`` and return one CheckFinished for each, whatever happens to the workers.

    No worker outlives the call. ``emit`` is called from this thread only.
    """
    job.workdir.mkdir(parents=True, exist_ok=True)
    with process.Nursery.open(job.workdir, shared=_shared(plan)) as nursery:
        state = _State(job, emit, deque(plan.tasks), nursery)
        try:
            while state.waiting or state.running:
                if not state.halt and job.interrupted():
                    _halt(state, "the run was interrupted")
                _halt_when_over(state)
                _start_some(state)
                _take_message(state)
                _end_overdue(state)
        finally:
            for entry in state.running.values():
                entry.worker.kill()
            state.removal.shutdown()
        return tuple(state.finished)


def _shared(plan: Plan) -> list[str]:
    """What so many checks need that it is loaded once for all of them."""
    live = sum("live" in task.check.needs for task in plan.tasks)
    trust = sum(task.check.module.startswith(_OF_TRUST) for task in plan.tasks)
    return [name for name, count in ((process.LIVE, live), (process.TRUST, trust)) if count >= _SEVERAL]


def _start_some(state: _State) -> None:
    while not state.halt and (task := _next(state)) is not None:
        state.waiting.remove(task)
        _start(state, task)


def _next(state: _State) -> Task | None:
    """The first task, if there is room for it. While one that waits is running, those come first that do not."""
    tasks = state.waiting
    one_waits = any(entry.task.check.waits for entry in state.running.values())
    task = next((task for task in tasks if not (task.check.waits and one_waits)), tasks[0] if tasks else None)
    return task if task is not None and _has_room(state, task.check) else None


def _has_room(state: _State, check: Check) -> bool:
    running = [entry.task.check for entry in state.running.values()]
    if check.exclusive or any(other.exclusive for other in running):
        return not running
    steady = any(other.steady for other in (check, *running))
    return len(running) < (min(state.job.jobs, processors()) if steady else state.job.jobs)


def _start(state: _State, task: Task) -> None:
    job = state.job
    if job.target.manifest is None and not task.check.broken_manifest:
        _finish(state, task, None, "locara.json is not valid, so there is nothing to judge")
        return
    if (result := job.known(task)) is not None:
        began_ms = round((time.monotonic() - state.begun) * 1000)
        _record(state, CheckFinished(task, result, "", True, 0, began_ms, cached=True))
        return
    number = len(state.finished) + len(state.running)
    workdir = job.workdir / f"{number:02d}-{task.check.name.replace('/', '-')}"
    message = json.dumps(
        {
            "parent": os.getpid(),
            "check": task.check.name,
            "module": task.check.module,
            "target": str(job.target.path),
            "digest": job.target.digest,
            "budget": job.budget.to_json(),
            "seed": job.seed,
            "workdir": str(workdir),
            "fixtures": str(job.fixtures),
            "cache_root": None if job.cache_root is None else str(job.cache_root),
            "supply": None if job.supply is None else job.supply.to_json(),
            "strict": job.strict,
            "case": job.case,
            # What a benchmark times is on the disk, as it is for a person.
            "in_memory": job.discard and not (task.check.measures or task.check.on_disk),
        }
    ).encode()
    try:
        workdir.mkdir(parents=True)
        worker = state.nursery.start(message, workdir)
    except OSError as error:
        _finish(state, task, None, f"the worker did not start: {error}")
        return
    now = time.monotonic()
    state.running[worker.pid] = _Running(task, worker, workdir, now, now + job.budget.task_seconds)
    threading.Thread(target=_listen, args=(worker, state.inbox), daemon=True).start()
    state.emit(CheckStarted(task))


def _listen(worker: process.Worker, inbox: queue.Queue[tuple[int, bytes | None, str]]) -> None:
    problem = ""
    try:
        for line in worker.lines():
            inbox.put((worker.pid, line, ""))
    except (ValueError, OSError) as error:
        problem = str(error)
        worker.kill()
    inbox.put((worker.pid, None, problem))


def _take_message(state: _State) -> None:
    if not state.running:
        return
    try:
        pid, line, problem = state.inbox.get(timeout=_POLL)
    except queue.Empty:
        return
    entry = state.running[pid]
    if line is None:
        _close(state, entry, problem)
        return
    try:
        _handle(state, entry, json.loads(line))
    except (WireError, ValueError, RecursionError) as error:
        entry.result = None
        entry.reason = entry.reason or f"the worker sent a malformed message: {error}"
        entry.worker.kill()


def _handle(state: _State, entry: _Running, message: object) -> None:
    if not isinstance(message, dict):
        raise WireError("not an object")
    match message.get("type"):
        case "progress":
            done, total, note = message.get("done"), message.get("total"), message.get("note")
            if not (isinstance(done, int) and isinstance(total, int) and isinstance(note, str)):
                raise WireError("progress without numbers")
            state.emit(CheckProgress(entry.task, done, total, note))
        case "finding" if entry.result is None:  # also what was on its way when the check was stopped
            found = finding_from_json(message.get("finding"), entry.task.check.rules)
            if has_room(entry.found, found.rule_id, found.severity):
                entry.found.append(found)
            _halt_at_first(state, entry.task, found)
        case "result" if entry.result is None and not entry.reason:
            entry.result = result_from_json(message.get("result"), entry.task.check.rules)
        case "inconclusive" if entry.result is None and not entry.reason:
            entry.reason = str(message.get("reason")) or "the check gave no reason"
        case other:
            raise WireError(f"a message of type {other!r} was not expected")


def _close(state: _State, entry: _Running, problem: str) -> None:
    try:
        status = state.nursery.end(entry.worker)
    except OSError as error:
        status, problem = 0, problem or str(error)
    del state.running[entry.worker.pid]
    if problem and not entry.reason:
        entry.result, entry.reason = None, f"the worker's output broke off: {problem}"
    if not entry.reason and (status != 0 or entry.result is None):
        words = entry.worker.last_words()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        entry.result = None
        entry.reason = f"the worker {how} without a result" + (f" (last words: {words})" if words else "")
    if state.job.discard and not entry.reason:
        state.removal.submit(shutil.rmtree, entry.workdir, ignore_errors=True)
    _finish(state, entry.task, None if entry.reason else entry.result, entry.reason, entry)


def _end_overdue(state: _State) -> None:
    now = time.monotonic()
    for entry in state.running.values():
        if now > entry.deadline and not entry.reason:
            entry.result = None
            entry.reason = f"no result within {state.job.budget.task_seconds:g} s"
            entry.worker.kill()


def _finish(
    state: _State, task: Task, result: CheckResult | None, reason: str, entry: _Running | None = None
) -> None:
    """Record the end of ``task``. Without ``entry`` no worker took it up."""
    now = time.monotonic()
    since = now if entry is None else entry.begun
    ms, began_ms = (round(seconds * 1000) for seconds in (now - since, since - state.begun))
    before = () if entry is None or result is not None else tuple(entry.found)
    if result is not None:
        state.job.keep(task, result)
    event = CheckFinished(task, result, reason, entry is not None, ms, began_ms, before=before)
    _record(state, event)


def _record(state: _State, event: CheckFinished) -> None:
    state.finished.append(event)
    state.emit(event)
    for found in event.findings:
        _halt_at_first(state, event.task, found)


def _halt_at_first(state: _State, task: Task, found: Finding) -> None:
    """What a check finds of a rule that is not asked for is no reason to stop."""
    if state.job.stop_at_first and not state.halt and found.rule_id in task.rules:
        _halt(state, _AT_FIRST)


def _halt_when_over(state: _State) -> None:
    seconds = state.job.seconds
    if seconds is not None and not state.halt and time.monotonic() - state.begun > seconds:
        _halt(state, f"the time of the run, {seconds:g} s, was over")


def _halt(state: _State, reason: str) -> None:
    state.halt = reason
    for entry in state.running.values():
        entry.result, entry.reason = None, entry.reason or reason
        entry.worker.kill()
    waiting = list(state.waiting)
    state.waiting.clear()
    for task in waiting:
        _finish(state, task, None, reason)

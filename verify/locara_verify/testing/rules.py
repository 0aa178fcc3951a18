"""The verifier's rules as pytest items: one item a rule, one run a check, whatever pytest splits among processes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from locara.records import dataclass
from locara_verify import engine
from locara_verify.budget import PROFILES
from locara_verify.events import CheckFinished
from locara_verify.fixtures import fixtures_dir
from locara_verify.plan import Plan, Selection, Task
from locara_verify.report.human import finding_lines
from locara_verify.session import Settings, planned
from locara_verify.target import Target, load
from locara_verify.verdict import Result, RuleOutcome, judge
from locara_verify.wire import finding_from_json, finding_to_json, result_from_json, result_to_json


@dataclass(slots=True)
class RuleRun:
    """A plan for the app under test, whose checks run once each and are shared by folder between processes."""

    subject: Target
    plan: Plan
    settings: Settings
    shared: Path
    _finished: dict[str, CheckFinished] = field(default_factory=dict)

    @classmethod
    def make(cls, app: Path, *, profile: str, seed: int, only: tuple[str, ...], shared: Path) -> RuleRun:
        """Plan the rules that fit the app. Raises TargetError, UsageError."""
        strict = profile == "strict"
        settings = Settings(app, PROFILES[profile], seed, Selection(only=only), strict=strict)
        subject = load(app)
        # The tests of the app are loaded in this process: a verdict for others is `locara verify --strict`, whose
        # process is its own. The checks run in processes of their own in either case.
        return cls(subject, planned(settings, subject), settings, shared)

    def rules(self) -> Iterator[tuple[str, str]]:
        """Id and slug of each planned rule."""
        return ((rule.id, rule.slug) for rule in self.plan.rules.values())

    def is_exclusive(self, rule: str) -> bool:
        """Whether the rule measures, so that nothing else may run beside it."""
        return any(task.check.measures for task in self._tasks(rule))

    def judge(self, rule: str) -> RuleOutcome:
        """Run what judges ``rule`` (or take what another process found) and say what became of it."""
        tasks = self._tasks(rule)
        plan = Plan({rule: self.plan.rules[rule]}, tasks, self.plan.unjudged)
        events = tuple(self._result(task) for task in tasks)
        (outcome,) = judge(plan, events, strict=self.settings.strict).outcomes
        return outcome

    def _tasks(self, rule: str) -> tuple[Task, ...]:
        return tuple(task for task in self.plan.tasks if rule in task.rules)

    def _result(self, task: Task) -> CheckFinished:
        name = task.check.name
        if name not in self._finished:
            place = self.shared / f"{name.replace('/', '-')}.json"
            with _locked(place.with_suffix(".lock")):
                if not place.exists():
                    (event,) = engine.run(
                        Plan(self.plan.rules, (task,)), self._job(name), lambda _event: None
                    )
                    _write(place, event)
                self._finished[name] = _read(place, task)
        return self._finished[name]

    def _job(self, name: str) -> engine.Job:
        return engine.Job(
            target=self.subject,
            budget=self.settings.budget,
            seed=self.settings.seed,
            workdir=self.shared / "work" / name.replace("/", "-"),
            fixtures=fixtures_dir(),
            cache_root=self.settings.cache_root,
            strict=self.settings.strict,
        )


def told(outcome: RuleOutcome) -> str:
    """Why a rule did not pass, for the person who reads the failure."""
    if outcome.result in (Result.SKIPPED, Result.INCONCLUSIVE):
        return f"{outcome.result.value}[{outcome.rule.id}] {outcome.rule.slug}: {outcome.reason}"
    return "\n".join(line for finding in outcome.findings for line in finding_lines(outcome, finding, None))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _write(place: Path, event: CheckFinished) -> None:
    result = None if event.result is None else result_to_json(event.result)
    value = {
        "result": result,
        "reason": event.reason,
        "started": event.started,
        "ms": event.ms,
        "before": [finding_to_json(found) for found in event.before],
    }
    scratch = place.with_suffix(".new")
    scratch.write_text(json.dumps(value), "utf-8")
    scratch.replace(place)


def _read(place: Path, task: Task) -> CheckFinished:
    value: dict[str, Any] = json.loads(place.read_text("utf-8"))
    result = None if value["result"] is None else result_from_json(value["result"], task.check.rules)
    before = tuple(finding_from_json(found, task.check.rules) for found in value["before"])
    return CheckFinished(task, result, value["reason"], value["started"], value["ms"], before=before)

"""The report of a run as one value, and its JSON form ``locara-report/1``, the base of every format."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Final

import locara
import locara_verify
from locara.records import dataclass
from locara_verify.budget import Budget
from locara_verify.events import CheckFinished
from locara_verify.finding import JSON, Finding
from locara_verify.plan import Plan
from locara_verify.rule import Rule
from locara_verify.verdict import Judgement, RuleOutcome, Verdict

SCHEMA: Final = "locara-report/1"


@dataclass(frozen=True, slots=True)
class Span:
    """When one check ran, in milliseconds from the start of the run, and how it ended.

    ``state`` is ``ok``, ``found`` (it has findings) or ``none`` (it gave no result). ``cached`` ones did not run.
    """

    check: str
    rules: tuple[str, ...]
    began_ms: int
    ms: int
    state: str
    cached: bool = False

    @classmethod
    def of(cls, event: CheckFinished) -> Span:
        """The span of a task that ended."""
        state = "found" if event.findings else "none" if event.result is None else "ok"
        return cls(event.task.check.name, event.task.rules, event.began_ms, event.ms, state, event.cached)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a reader is told about one run. ``replays`` maps (rule id, number of the finding)
    to the file that repeats it; ``spans`` say when each check ran. ``prefix`` is the app's folder in its
    repository, with a slash at the end, so that annotations name files as the repository does. ``slowest`` is how
    many checks the text for people names with their durations.
    """

    path: Path
    digest: str
    app: Mapping[str, JSON] | None
    plan: Plan
    judgement: Judgement
    budget: Budget
    seed: int
    strict: bool
    interrupted: bool
    started: str
    seconds: float
    jobs: int
    replays: Mapping[tuple[str, int], str] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    prefix: str = ""
    slowest: int = 0

    @property
    def verdict(self) -> Verdict:
        """The verdict over all planned rules."""
        return self.judgement.verdict

    @property
    def complete(self) -> bool:
        """Whether the run came to its end and the caller left no rule out."""
        return not (self.interrupted or self.plan.partial)

    def replay_of(self, outcome: RuleOutcome, number: int) -> str | None:
        """The replay file of the finding that is ``number`` in ``outcome``."""
        return self.replays.get((outcome.rule.id, number))


def to_json(report: Report) -> dict[str, JSON]:
    """``report`` as ``locara-report/1``. Runs with equal seeds differ only below ``run`` and in times."""
    return {
        "schema": SCHEMA,
        "verdict": report.verdict.value,
        "strict": report.strict,
        "partial": report.interrupted,
        "complete": report.complete,
        "profile": report.budget.profile,
        "budget": report.budget.to_json(),
        "seed": f"0x{report.seed:x}",
        "subject": {"path": str(report.path), "digest": report.digest},
        "app": report.app,
        "totals": {**asdict(report.judgement.totals), "not_planned": len(report.plan.not_planned)},
        "rules": [_outcome(report, outcome) for outcome in report.judgement.outcomes],
        "not_planned": dict(sorted(report.plan.not_planned.items())),
        "in_part": {reason: list(rules) for reason, rules in report.plan.in_part.items()},
        "bench": dict(report.judgement.bench),
        "notes": list(report.judgement.notes),
        "environment": {**environment(), "rules": rules_digest(report.plan.rules)},
        "run": {
            "started": report.started,
            "seconds": round(report.seconds, 3),
            "jobs": report.jobs,
            "interrupted": report.interrupted,
            "checks": [asdict(span) for span in report.spans],
        },
    }


def _outcome(report: Report, outcome: RuleOutcome) -> dict[str, JSON]:
    return {
        "id": outcome.rule.id,
        "slug": outcome.rule.slug,
        "area": outcome.rule.area,
        "title": outcome.rule.title,
        "severity": outcome.rule.severity.value,
        "result": outcome.result.value,
        "reason": outcome.reason,
        "attempts": outcome.attempts,
        "ms": outcome.ms,
        "findings": [
            _finding(finding, report.replay_of(outcome, number))
            for number, finding in enumerate(outcome.findings)
        ],
    }


def _finding(finding: Finding, replay: str | None) -> dict[str, JSON]:
    return {
        "message": finding.message,
        "because": finding.because,
        "severity": None if finding.severity is None else finding.severity.value,
        "file": finding.file,
        "line": finding.line,
        "evidence": dict(finding.evidence),
        "accepted": finding.accepted,
        "replay": replay,
    }


def environment() -> dict[str, JSON]:
    """What the result may depend on besides the app. ``trace``: how system calls are seen, or why they are not."""
    from locara_verify.oracle.trace.watch import refused  # noqa: PLC0415 - only a report asks

    return {
        "locara": locara.__version__,
        "locara_verify": locara_verify.__version__,
        "python": platform.python_version(),
        "platform": sys.platform,
        "machine": platform.machine(),
        "kernel": platform.release(),
        "trace": refused() or "ptrace",
    }


def rules_digest(rules: Mapping[str, Rule]) -> str:
    """A digest of the planned rules' identity and text, so that two reports can be compared."""
    text = "\n".join(repr(rule) for rule in rules.values())
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

"""From what the checks observed to a result for every rule, a verdict and an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from enum import IntEnum, StrEnum
from typing import TypeAlias

from locara.records import dataclass
from locara_verify.events import CheckFinished
from locara_verify.finding import JSON, Finding, Severity
from locara_verify.plan import Plan
from locara_verify.rule import Rule


class Exit(IntEnum):
    """The exit codes. They are frozen: scripts depend on them."""

    PASSED = 0
    FINDINGS = 1
    USAGE = 2
    INCONCLUSIVE = 3
    TARGET = 4
    TRUST = 5
    INTERNAL = 70
    INTERRUPTED = 130


class Result(StrEnum):
    """What became of one rule. ``skipped``: no check ran. ``inconclusive``: one ran and decided nothing."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"
    INCONCLUSIVE = "inconclusive"


class Verdict(StrEnum):
    """The outcome of a run. ``passed`` means that every planned rule was put to the test and held."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule with its result; ``reason`` says why when the result is skipped or inconclusive."""

    rule: Rule
    result: Result
    attempts: int
    ms: int
    findings: tuple[Finding, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over a run. ``rules`` are the planned ones and the sum of the five results."""

    rules: int
    passed: int
    warned: int
    failed: int
    skipped: int
    inconclusive: int
    findings: int
    decisions: int
    attacks: int
    probes: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """All outcomes in rule order, with the measurements and remarks of the checks."""

    verdict: Verdict
    outcomes: tuple[RuleOutcome, ...]
    totals: Totals
    bench: Mapping[str, JSON] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Accept: TypeAlias = Callable[[Finding], str]
"""Why a finding does not count: what a baseline or a waiver says of it; empty when nothing does."""


def nothing(_finding: Finding) -> str:
    """Accepts nothing: what strict runs use, always."""
    return ""


def judge(
    plan: Plan,
    finished: Iterable[CheckFinished],
    *,
    strict: bool,
    broken_off: str = "",
    accept: Accept = nothing,
) -> Judgement:
    """The judgement over ``plan``. ``broken_off`` is a reason why the run cannot pass (say, interrupted).

    What ``accept`` gives a reason for is shown and does not fail; a strict run does not ask it.

    A rule fails by any error, and in strict runs by any warning. It passes only when every check that judges
    it ran to the end and put it to the test at least once. Findings weigh more than missing results: what a
    check had found counts, also when it broke off afterwards.
    """
    events = tuple(finished)
    lenient = nothing if strict else accept
    outcomes = tuple(
        _outcome(plan, rule, events, strict=strict, accept=lenient) for rule in plan.rules.values()
    )
    counts = {result: sum(outcome.result is result for outcome in outcomes) for result in Result}
    if counts[Result.FAILED]:
        verdict = Verdict.FAILED
    elif broken_off or not outcomes or counts[Result.SKIPPED] or counts[Result.INCONCLUSIVE]:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.PASSED
    results = [event.result for event in events if event.result is not None]
    totals = Totals(
        rules=len(outcomes),
        passed=counts[Result.PASSED],
        warned=counts[Result.WARNED],
        failed=counts[Result.FAILED],
        skipped=counts[Result.SKIPPED],
        inconclusive=counts[Result.INCONCLUSIVE],
        findings=sum(len(outcome.findings) for outcome in outcomes),
        decisions=sum(result.decisions for result in results),
        attacks=sum(result.attacks for result in results),
        probes=sum(result.probes for result in results),
    )
    notes = tuple(
        f"{event.task.check.name}: {note}"
        for event in events
        if event.result is not None
        for note in event.result.notes
    )
    reasons = (broken_off,) if broken_off else ()
    return Judgement(verdict, outcomes, totals, _bench(events), reasons + notes)


def exit_code(verdict: Verdict, *, interrupted: bool) -> Exit:
    """The exit code of a finished run."""
    if interrupted:
        return Exit.INTERRUPTED
    match verdict:
        case Verdict.PASSED:
            return Exit.PASSED
        case Verdict.FAILED:
            return Exit.FINDINGS
        case Verdict.INCONCLUSIVE:
            return Exit.INCONCLUSIVE


def _outcome(
    plan: Plan, rule: Rule, events: tuple[CheckFinished, ...], *, strict: bool, accept: Accept
) -> RuleOutcome:
    judges = [event for event in events if rule.id in event.task.rules]
    findings = tuple(
        replace(
            finding.with_severity(rule.severity),
            accepted=accept(finding),
            replay=finding.replay or {"check": event.task.check.name, "case": None},
        )
        for event in judges
        for finding in event.findings
        if finding.rule_id == rule.id
    )
    attempts = sum(e.result.attempts.get(rule.id, 0) for e in judges if e.result is not None)
    ms = sum(event.ms for event in judges)
    failing = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
    if any(finding.severity in failing and not finding.accepted for finding in findings):
        return RuleOutcome(rule, Result.FAILED, attempts, ms, findings)
    if rule.id in plan.unjudged or not judges:
        reason = plan.unjudged.get(rule.id) or "its check was never reached"
        return RuleOutcome(rule, Result.SKIPPED, attempts, ms, findings, reason)
    reasons = [reason for event in judges if (reason := _undecided(rule, event))]
    if reasons:
        ran = any(event.started for event in judges)
        result = Result.INCONCLUSIVE if ran else Result.SKIPPED
        return RuleOutcome(rule, result, attempts, ms, findings, "; ".join(dict.fromkeys(reasons)))
    warned = any(finding.severity is Severity.WARNING or finding.accepted for finding in findings)
    return RuleOutcome(rule, Result.WARNED if warned else Result.PASSED, attempts, ms, findings)


def _undecided(rule: Rule, event: CheckFinished) -> str:
    """Why ``event`` says nothing about ``rule``; empty when it does."""
    if event.result is None:
        return event.reason or "the check gave no result"
    if rule.id in event.result.inconclusive:
        return event.result.inconclusive[rule.id] or "the check gave no reason"
    tested = event.result.attempts.get(rule.id, 0) or any(f.rule_id == rule.id for f in event.result.findings)
    return "" if tested else f"the check {event.task.check.name} never put it to the test"


def _bench(events: tuple[CheckFinished, ...]) -> dict[str, JSON]:
    bench: dict[str, JSON] = {}
    for event in events:
        if event.result is not None:
            for key, value in event.result.bench.items():
                bench[f"{event.task.check.name}.{key}" if key in bench else key] = value
    return dict(sorted(bench.items()))

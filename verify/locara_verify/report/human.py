"""The report for people: findings first, then every rule without a verdict, then counts and the verdict.

The last line names the digest of what was verified, so that it cannot be shown for another build.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from locara_verify.finding import JSON, Finding
from locara_verify.report.measurements import measurement_lines
from locara_verify.report.text import one_line, visible
from locara_verify.report.value import Report
from locara_verify.verdict import Result, RuleOutcome

WIDTH: Final = 100
_NOTES: Final = 3
"""Notes of one check that people are shown."""
_DIGEST: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def render(report: Report) -> str:
    """``report`` as text of at most WIDTH columns where the content allows; ends in a newline."""
    lines: list[str] = []
    if report.app is not None:
        lines += [*_app(report.app), ""]
    for outcome in report.judgement.outcomes:
        for number, finding in enumerate(outcome.findings):
            lines += [*finding_lines(outcome, finding, report.replay_of(outcome, number)), ""]
    lines += _areas(report)
    lines += _undecided(report)
    measured = list(measurement_lines(report.judgement.bench))
    lines += ["", *measured] if measured else []
    lines += [""] if report.judgement.notes else []
    for note in _first_notes(report.judgement.notes):
        lines += _wrapped("note  ", note)
    lines += _durations(report)
    lines += ["", _counts(report), _verdict(report)]
    return "\n".join(lines) + "\n"


def _app(app: Mapping[str, Any]) -> Iterator[str]:
    consent, label, kernel = app["consent"], app["label"], app["kernel"]
    yield f"{app['id']} {app['version']}  {app['manifest_digest']}"
    yield f"  privacy label  {', '.join(label['badges']) or 'no badge'}; risk {label['risk']}"
    for reason in label["reasons"]:
        yield f"                 {one_line(reason)}"
    yield from _listed("may", consent["may"])
    yield from _listed("may not", consent["may_not"])
    yield from _listed("grants", [f"{g['declared']}  ({g['file']}:{g['line']})" for g in app["grants"]])
    binds = [f"{bind['role']} {bind['access']}" for bind in kernel["binds"]]
    yield from _listed("kernel", [f"network {kernel['network']}", *binds])


def _listed(name: str, items: Sequence[str]) -> Iterator[str]:
    for number, item in enumerate(items):
        yield from _wrapped(f"  {name if number == 0 else '':<13}  ", _DIGEST.sub(r"\1…", item))


def finding_lines(outcome: RuleOutcome, finding: Finding, replay: str | None) -> Iterator[str]:
    """One finding: a first line that can be searched for, its place, evidence, reason, fix and replay."""
    severity = finding.severity or outcome.rule.severity
    yield f"{severity.value}[{outcome.rule.id}] {one_line(finding.message)}"
    place = finding.file or "locara.json"
    yield f"  --> {one_line(place)}{'' if finding.line is None else f':{finding.line}'}   {outcome.rule.slug}"
    for key, value in finding.evidence.items():
        if value in ("", None):
            continue
        yield f"   |  {one_line(key)}: {_value(value)}"
    if finding.because:
        yield from _wrapped("   = because   ", finding.because)
    if finding.accepted:
        yield from _wrapped("   = accepted  ", finding.accepted)
    yield from _wrapped("   = help      ", f"{outcome.rule.fix} (see `locara explain {outcome.rule.id}`)")
    if replay is not None:
        yield f"   = replay    locara replay {one_line(replay)}"


def _first_notes(notes: Sequence[str]) -> Iterator[str]:
    """Of each check the first few: the details of a race are for whoever looks for them."""
    by_check: dict[str, list[str]] = {}
    for note in notes:
        by_check.setdefault(note.partition(": ")[0], []).append(note)
    for check, told in by_check.items():
        yield from told[:_NOTES]
        if len(told) > _NOTES:
            yield f"{check}: {len(told) - _NOTES} more notes, in the JSON and HTML reports"


def _wrapped(lead: str, text: str) -> list[str]:
    return textwrap.wrap(
        one_line(text, limit=1_000),
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _value(value: JSON) -> str:
    return visible(repr(value) if isinstance(value, str) else str(value), limit=300).replace("\n", "\\n")


def _areas(report: Report) -> Iterator[str]:
    areas: dict[str, list[RuleOutcome]] = {}
    for outcome in report.judgement.outcomes:
        areas.setdefault(outcome.rule.area, []).append(outcome)
    for area, outcomes in areas.items():
        good = sum(outcome.result in (Result.PASSED, Result.WARNED) for outcome in outcomes)
        attempts = sum(outcome.attempts for outcome in outcomes)
        mark = "ok" if good == len(outcomes) else "--"
        yield f"{mark}  {area:<13} {good} of {len(outcomes)} rules held, {attempts:,} attempts"


def _undecided(report: Report) -> Iterator[str]:
    for outcome in report.judgement.outcomes:
        if outcome.result in (Result.SKIPPED, Result.INCONCLUSIVE):
            yield f"{outcome.result.value}[{outcome.rule.id}] {outcome.rule.slug}: {one_line(outcome.reason)}"


def _durations(report: Report) -> Iterator[str]:
    if not report.slowest:
        return
    yield ""
    yield f"slowest {report.slowest} checks, of {len(report.spans)}"
    for span in sorted(report.spans, key=lambda span: -span.ms)[: report.slowest]:
        how = "from the cache" if span.cached else f"began at {span.began_ms / 1000:.1f} s"
        yield f"  {span.ms / 1000:7.2f} s  {span.check:<24} {how}; {', '.join(span.rules)}"


def _counts(report: Report) -> str:
    totals = report.judgement.totals
    results = {
        "passed": totals.passed,
        "warned": totals.warned,
        "failed": totals.failed,
        "skipped": totals.skipped,
        "inconclusive": totals.inconclusive,
    }
    optional = {"warned", "inconclusive"}
    parts = [f"{count} {name}" for name, count in results.items() if count or name not in optional]
    work = f"{totals.decisions:,} decisions · {totals.attacks:,} attacks · {totals.probes:,} probes"
    return f"{' · '.join(parts)} · {work} · seed 0x{report.seed:x} · {report.seconds:.1f} s"


def _verdict(report: Report) -> str:
    marks = ["strict" if report.strict else report.budget.profile]
    if report.strict and report.budget.profile != "strict":
        marks.append(f"profile {report.budget.profile}")
    if report.plan.partial:
        marks.append(f"chosen rules: {len(report.plan.rules)}, left out: {len(report.plan.not_planned)}")
    accepted = sum(
        bool(finding.accepted) for outcome in report.judgement.outcomes for finding in outcome.findings
    )
    if accepted:
        marks.append(f"{accepted} accepted by baseline or waiver")
    if report.interrupted:
        marks.append("INTERRUPTED, partial")
    return f"{report.verdict.value.upper()}  {report.digest}  ({'; '.join(marks)})"

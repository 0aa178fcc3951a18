"""The report as workflow commands that put annotations on a pull request."""

from __future__ import annotations

from locara_verify.finding import Severity
from locara_verify.report.text import visible
from locara_verify.report.value import Report
from locara_verify.target import MANIFEST
from locara_verify.verdict import Result

LIMIT = 10
"""The platform shows at most this many annotations of a kind per step; the rest is counted in one line."""


def render(report: Report) -> str:
    """One annotation per finding and per rule without a result, at most LIMIT, then the verdict."""
    lines: list[str] = []
    for outcome in report.judgement.outcomes:
        title = f"{outcome.rule.id} {outcome.rule.slug}"
        for finding in outcome.findings:
            if finding.accepted:
                continue
            level = "error" if (finding.severity or outcome.rule.severity) is Severity.ERROR else "warning"
            file = f"{report.prefix}{finding.file or MANIFEST}"
            place = f"file={_property(file)},line={finding.line or 1}"
            lines.append(f"::{level} {place},title={_property(title)}::{_data(finding.message)}")
        if outcome.result in (Result.SKIPPED, Result.INCONCLUSIVE):
            lines.append(f"::error title={_property(title)}::{outcome.result.value}: {_data(outcome.reason)}")
    hidden = len(lines) - LIMIT
    shown = lines[:LIMIT] + ([f"::error title=locara verify::and {hidden} more"] if hidden > 0 else [])
    verdict = report.verdict.value.upper()
    return "\n".join([*shown, f"::notice title=locara verify::{verdict} {report.digest}"]) + "\n"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

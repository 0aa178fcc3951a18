"""The report as SARIF 2.1.0, for code scanning. Rules come from the catalogue, results from the findings.

Files are named relative to the repository, so that a finding is shown at its line, and each result has a fingerprint
of what was found, not of where, so that it keeps its identity when lines move.
"""

from __future__ import annotations

import json
from urllib.parse import quote

import locara_verify
from locara_verify.finding import JSON, Finding, Severity, fingerprint
from locara_verify.report.text import visible
from locara_verify.report.value import Report, to_json
from locara_verify.rule import Rule
from locara_verify.target import MANIFEST
from locara_verify.verdict import Result, RuleOutcome

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report) -> str:
    """One run: a result per finding, and a notification per rule that has no verdict."""
    rules = [outcome.rule for outcome in report.judgement.outcomes]
    index = {rule.id: number for number, rule in enumerate(rules)}
    results = [
        _result(report, outcome.rule, index[outcome.rule.id], finding)
        for outcome in report.judgement.outcomes
        for finding in outcome.findings
    ]
    undecided = [
        _notification(outcome, index[outcome.rule.id])
        for outcome in report.judgement.outcomes
        if outcome.result in (Result.SKIPPED, Result.INCONCLUSIVE)
    ]
    document: dict[str, JSON] = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "locara verify",
                        "semanticVersion": locara_verify.__version__,
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": not (undecided or report.interrupted),
                        "toolExecutionNotifications": undecided,
                    }
                ],
                "automationDetails": {"id": f"locara-verify/{report.budget.profile}/{report.prefix}"},
                "originalUriBaseIds": {
                    "SRCROOT": {"description": {"text": "the root of the repository that holds the app"}}
                },
                "columnKind": "unicodeCodePoints",
                "results": results,
                "properties": {
                    key: value
                    for key, value in to_json(report).items()
                    if key in ("verdict", "strict", "partial", "complete", "seed", "subject", "totals")
                },
            }
        ],
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _rule(rule: Rule) -> dict[str, JSON]:
    return {
        "id": rule.id,
        "name": rule.slug,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.fix}\n\n{rule.why}", "markdown": _markdown(rule)},
        "defaultConfiguration": {"level": rule.severity.value},
        "properties": {
            "tags": ["security", rule.area],
            "since": rule.since,
            "precision": "very-high",
            "problem.severity": {"error": "error", "warning": "warning"}.get(
                rule.severity.value, "recommendation"
            ),
            "security-severity": {"error": "8.0", "warning": "5.0"}.get(rule.severity.value, "2.0"),
        },
    }


def _markdown(rule: Rule) -> str:
    parts = [rule.fix, f"**Why it matters.** {rule.why}"]
    parts += [f"**{name}:** `{text}`" for name, text in (("Wrong", rule.bad), ("Right", rule.good)) if text]
    return "\n\n".join(parts)


def _result(report: Report, rule: Rule, index: int, finding: Finding) -> dict[str, JSON]:
    text = visible(f"{finding.message}\n{finding.because}".strip())
    region: dict[str, JSON] = {"startLine": finding.line or 1}
    column = finding.evidence.get("column")
    if finding.line and isinstance(column, int) and column > 0:
        region["startColumn"] = column
    uri = quote(f"{report.prefix}{finding.file or MANIFEST}")
    return {
        "ruleId": rule.id,
        "ruleIndex": index,
        "level": (finding.severity or Severity.ERROR).value,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri, "uriBaseId": "SRCROOT"},
                    "region": region,
                }
            }
        ],
        "partialFingerprints": {"finding/v1": fingerprint(finding)},
        **({"suppressions": [_suppression(finding)]} if finding.accepted else {}),
    }


def _suppression(finding: Finding) -> dict[str, JSON]:
    return {"kind": "external", "justification": visible(finding.accepted)}


def _notification(outcome: RuleOutcome, index: int) -> dict[str, JSON]:
    return {
        "level": "error",
        "message": {"text": visible(outcome.reason or outcome.result.value)},
        "associatedRule": {"id": outcome.rule.id, "index": index},
    }

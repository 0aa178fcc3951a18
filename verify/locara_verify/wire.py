"""Check results as JSON and back: what a worker process sends, read with suspicion on the other side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locara_verify.check import CheckResult
from locara_verify.finding import JSON, Finding, Severity


class WireError(ValueError):
    """A message does not have the shape of a check result."""


def finding_to_json(finding: Finding) -> dict[str, JSON]:
    """``finding`` as plain data, every field present."""
    return {
        "rule": finding.rule_id,
        "message": finding.message,
        "because": finding.because,
        "file": finding.file,
        "line": finding.line,
        "evidence": dict(finding.evidence),
        "replay": None if finding.replay is None else dict(finding.replay),
        "severity": None if finding.severity is None else finding.severity.value,
    }


def result_to_json(result: CheckResult) -> dict[str, JSON]:
    """``result`` as plain data."""
    return {
        "findings": [finding_to_json(finding) for finding in result.findings],
        "attempts": dict(result.attempts),
        "decisions": result.decisions,
        "attacks": result.attacks,
        "probes": result.probes,
        "inconclusive": dict(result.inconclusive),
        "bench": dict(result.bench),
        "notes": list(result.notes),
    }


def finding_from_json(value: object, rules: tuple[str, ...]) -> Finding:
    """The finding that ``finding_to_json`` wrote, for a check that judges ``rules``.

    Raises WireError, also when it is of a rule that the check does not judge.
    """
    data = _mapping(value, "finding")
    severity = data.get("severity")
    replay = data.get("replay")
    try:
        found = Finding(
            rule_id=_text(data.get("rule"), "rule"),
            message=_text(data.get("message"), "message"),
            because=_text(data.get("because", ""), "because"),
            file=None if data.get("file") is None else _text(data["file"], "file"),
            line=None if data.get("line") is None else _count(data["line"], "line"),
            evidence=_mapping(data.get("evidence", {}), "evidence"),
            replay=None if replay is None else _mapping(replay, "replay"),
            severity=None if severity is None else Severity(severity),
        )
    except WireError:
        raise
    except ValueError as error:
        raise WireError(str(error)) from error
    _own({found.rule_id}, rules)
    return found


def result_from_json(value: object, rules: tuple[str, ...]) -> CheckResult:
    """The result that ``result_to_json`` wrote, for a check that judges ``rules``.

    Raises WireError, also when the result speaks of a rule that the check does not judge.
    """
    data = _mapping(value, "result")
    findings = data.get("findings", [])
    notes = data.get("notes", [])
    if not isinstance(findings, list) or not isinstance(notes, list):
        raise WireError("findings and notes must be lists")
    result = CheckResult(
        findings=tuple(finding_from_json(item, rules) for item in findings),
        attempts={k: _count(v, "attempts") for k, v in _mapping(data.get("attempts"), "attempts").items()},
        decisions=_count(data.get("decisions"), "decisions"),
        attacks=_count(data.get("attacks"), "attacks"),
        probes=_count(data.get("probes"), "probes"),
        inconclusive={
            k: _text(v, "reason") for k, v in _mapping(data.get("inconclusive"), "inconclusive").items()
        },
        bench=_mapping(data.get("bench"), "bench"),
        notes=tuple(_text(note, "note") for note in notes),
    )
    _own(set(result.attempts) | set(result.inconclusive), rules)
    return result


def _own(named: set[str], rules: tuple[str, ...]) -> None:
    if foreign := sorted(named - set(rules)):
        raise WireError(f"the check answered for rules it does not judge: {', '.join(foreign)}")


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise WireError(f"{name} must be an object")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise WireError(f"{name} must be a text")
    return value


def _count(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise WireError(f"{name} must be a number that counts something")
    return value

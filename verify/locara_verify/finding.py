"""What a check reports: one Finding per thing that is wrong, with the evidence to see it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from enum import StrEnum
from typing import TypeAlias

from locara.records import dataclass

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None
"""Any value that survives a round trip through JSON (covariant, so tuples and typed dicts fit)."""


class Severity(StrEnum):
    """How much a finding weighs. ``error`` fails every run, ``warning`` a strict one, ``note`` none."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One observed violation of one rule.

    ``message`` is a single sentence that stands alone; ``because`` says how it was observed.
    ``file`` is relative to the target, ``line`` counts from 1. ``evidence`` holds the shrunk input.
    ``replay`` is ``{"check": name, "case": {...}}`` and is enough to run this one case again.
    ``severity`` is the rule's own unless the check states another. ``accepted`` says who lives with it and why; only
    the caller's baseline or waivers fill it, never a check.
    """

    rule_id: str
    message: str
    because: str = ""
    file: str | None = None
    line: int | None = None
    evidence: Mapping[str, JSON] = field(default_factory=dict)
    replay: Mapping[str, JSON] | None = None
    severity: Severity | None = None
    accepted: str = ""

    def __post_init__(self) -> None:
        if _listener is not None:
            _listener(self)

    def with_severity(self, default: Severity) -> Finding:
        """The same finding with its severity settled."""
        return self if self.severity is not None else replace(self, severity=default)


_listener: Callable[[Finding], None] | None = None


@contextmanager
def overheard(listener: Callable[[Finding], None]) -> Iterator[None]:
    """While the block runs, ``listener`` is told each finding as it is made: what a check found outlives its end."""
    global _listener  # noqa: PLW0603 - one check runs in a process
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


MOST_OF_A_RULE = 5
"""Findings of one rule and weight that a check keeps: more of them show nothing new, and must not crowd out others."""


def has_room(findings: Sequence[Finding], rule: str, severity: Severity | None = None) -> bool:
    """Whether a check that has these findings keeps a further one of this rule and weight."""
    alike = sum(found.rule_id == rule and found.severity is severity for found in findings)
    return alike < MOST_OF_A_RULE


def first_of_each(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings in order without those that are too many of their own rule."""
    kept: list[Finding] = []
    for found in findings:
        if has_room(kept, found.rule_id, found.severity):
            kept.append(found)
    return tuple(kept)


def fingerprint(finding: Finding) -> str:
    """The identity of what was found: rule, file, message and evidence, wherever the lines have moved to."""
    evidence = {key: value for key, value in finding.evidence.items() if key not in ("line", "column")}
    parts = [finding.rule_id, finding.file or "", finding.message, json.dumps(evidence, sort_keys=True)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()

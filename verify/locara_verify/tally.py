"""What a check tried, what it found, and which ordinary uses did not work: the usual way to a result."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from locara.records import dataclass
from locara_verify.check import CheckResult
from locara_verify.finding import Finding, has_room

Json = Any


@dataclass(slots=True)
class Tally:
    """Attempts and findings of one check."""

    attempts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    attacks: int = 0

    def judge(self, rule: str, held: bool, message: str, because: str, **evidence: Json) -> None:
        """Count an attempt, and record what it showed."""
        self.attempts[rule] = self.attempts.get(rule, 0) + 1
        self.attacks += 1
        if not held and has_room(self.findings, rule):
            self.findings.append(
                Finding(rule, message, because=because, file="locara.json", evidence=evidence)
            )

    def twin(self, rule: str, works: bool, what: str) -> None:
        """An ordinary use that must work, or denials of the rule prove nothing."""
        if not works:
            self.broken.setdefault(rule, f"the allow twin failed: {what}")

    def result(self) -> CheckResult:
        """For the engine."""
        failed = {found.rule_id for found in self.findings}
        broken = {rule: why for rule, why in self.broken.items() if rule not in failed}
        return CheckResult(tuple(self.findings), self.attempts, attacks=self.attacks, inconclusive=broken)

"""Forgeries and their twins: what was tried against the log's verification, and what it showed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from importlib.util import find_spec

from locara.records import dataclass
from locara.trust.log_refusal import LogRefused
from locara_verify.check import CheckResult
from locara_verify.finding import Finding, has_room
from locara_verify.target import Target


def installed(_target: Target) -> str | None:
    """Whether the trust part can run here at all."""
    return None if find_spec("cryptography") else "the trust part of the framework is not installed"


@dataclass(slots=True)
class Trial:
    """Counts attempts per rule and keeps what went wrong."""

    findings: list[Finding] = field(default_factory=list)
    tried: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def believed(self, rule: str, what: str, act: Callable[[], object]) -> None:
        """A true thing: refusing it makes the rule inconclusive, for then nothing is shown by refusals."""
        try:
            act()
        except Exception as error:
            self.broken.setdefault(rule, f"the allow twin failed: {what}: {type(error).__name__}: {error}")

    def refused(self, rule: str, what: str, codes: str, act: Callable[[], object]) -> None:
        """A forgery: it must be refused with one of these codes (words of one text). All else is a finding."""
        self.tried[rule] = self.tried.get(rule, 0) + 1
        try:
            found = act()
        except LogRefused as error:
            if error.code not in codes.split():
                self.fail(rule, f"refused for another reason: {what}", f"{error.code}, not {codes}: {error}")
        except Exception as error:
            self.fail(rule, f"the check broke off: {what}", f"{type(error).__name__}: {error}")
        else:
            self.fail(rule, f"a forgery was believed: {what}", f"{codes} was due; it gave {str(found)[:200]}")

    def holds(self, rule: str, what: str, because: str, *, fault: bool) -> None:
        """An effect that was looked at from outside."""
        self.tried[rule] = self.tried.get(rule, 0) + 1
        if fault:
            self.fail(rule, what, because)

    def fail(self, rule: str, message: str, because: str) -> None:
        """Record a finding, up to a bound for each rule."""
        if has_room(self.findings, rule):
            self.findings.append(Finding(rule, message, because=because))

    def result(self) -> CheckResult:
        """What the check returns."""
        return CheckResult(
            findings=tuple(self.findings),
            attempts=self.tried,
            attacks=sum(self.tried.values()),
            inconclusive=self.broken,
        )

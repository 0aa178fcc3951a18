"""What every live check does the same way: its share of the budget, the end of a run, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from locara.records import dataclass
from locara_verify.check import CheckResult
from locara_verify.checks.escape.arena import Arena, open_arena
from locara_verify.checks.escape.link import Gone
from locara_verify.context import Context
from locara_verify.finding import Finding

REPLIES: Final = "LC406"
MOST_FINDINGS: Final = 5


@dataclass(slots=True)
class Trial:
    """What a live check has found so far. ``twins`` counts the ordinary uses that had to work, and did."""

    arena: Arena
    rules: tuple[str, ...]
    attempts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    inconclusive: dict[str, str] = field(default_factory=dict)
    twins: int = 0
    notes: list[str] = field(default_factory=list)
    latest: str = ""

    def tried(self, rule: str, count: int = 1) -> None:
        """Count attempts against a rule, which is the latest one from now on."""
        self.latest = rule
        self.attempts[rule] = self.attempts.get(rule, 0) + count

    def fail(self, rule: str, message: str, because: str, call: str = "") -> None:
        """Record a finding, up to a bound for each rule."""
        if sum(found.rule_id == rule for found in self.findings) < MOST_FINDINGS:
            self.findings.append(self.arena.finding(rule, message, because, call))

    def twin(self, rule: str, works: bool, what: str) -> None:
        """Record an ordinary use. When it fails, denials of the rule prove nothing in this run."""
        self.twins += works
        if not works:
            self.inconclusive.setdefault(rule, f"the allow twin failed: {what}")


def share(ctx: Context, fraction: float) -> int:
    """So much of the run's hostile operations, at least a few."""
    return max(60, int(ctx.profile.live_operations * fraction))


def widen(document: dict[str, Any]) -> None:
    """Give a manifest every file capability there is: roots for reading and for writing, and the picker for
    both."""
    document["capabilities"] |= {
        "fs.user-selected": "read-write",
        "fs.app-data": "read-write",
        "fs.user-paths": {"documents": "read", "music": "read-write"},
    }


def conduct_both(ctx: Context, rules: tuple[str, ...], attack: Callable[[Trial], None]) -> CheckResult:
    """Attack the app, then the same app with every file capability: code behind a grant it lacks is tried as
    well."""
    with open_arena(ctx) as arena:
        first = conduct(Trial(arena, rules), attack)
    with open_arena(ctx, app=ctx.variant("wider", widen)) as arena:
        second = conduct(Trial(arena, rules), attack)
    return first.joined(second, "with wider grants")


def conduct(trial: Trial, attack: Callable[[Trial], None]) -> CheckResult:
    """Run an attack and judge what it left behind: canaries, trees, replies, and whether the app still
    serves."""
    arena, first = trial.arena, trial.rules[0]
    try:
        attack(trial)
        if not arena.link.alive():
            trial.fail(first, "the app no longer answers after the attack", "app.info got no ok reply")
    except Gone as gone:
        for rule in dict.fromkeys((first, trial.latest or first)):
            trial.fail(rule, "the app stopped answering during the attack", str(gone))
        for rule in trial.rules:
            trial.inconclusive.setdefault(rule, f"the attack broke off: {gone}")
    if not arena.victim.alive():
        trial.fail(first, "a process outside the sandbox was ended", "the victim process is gone")
    trial.findings += arena.leak_findings(first)
    trial.findings += arena.change_findings(first)
    trial.findings += arena.reply_findings()
    trial.tried(REPLIES, arena.link.attacks)
    return result(trial)


def result(trial: Trial) -> CheckResult:
    """The trial as the engine takes it. A rule with a finding needs no reason to be inconclusive."""
    failed = {found.rule_id for found in trial.findings}
    inconclusive: Mapping[str, str] = {
        rule: why for rule, why in trial.inconclusive.items() if rule not in failed
    }
    return CheckResult(
        findings=tuple(trial.findings),
        attempts={rule: count for rule, count in trial.attempts.items() if rule in (*trial.rules, REPLIES)},
        attacks=trial.arena.link.attacks,
        inconclusive=inconclusive,
        notes=tuple(trial.notes),
    )

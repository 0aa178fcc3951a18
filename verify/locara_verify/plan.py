"""What a run will do, decided before anything runs: which rules, by which checks, and why not others."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Final

from locara.errors import UsageError
from locara.records import dataclass
from locara_verify import selection
from locara_verify.check import Check
from locara_verify.rule import Rule
from locara_verify.target import Target

PERFORMANCE: Final = "performance"
"""The area of the rules that measure."""
LONGER: Final = "judged by ci, strict and soak runs, and when chosen"
"""Why a rule is not in a quick plan."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The caller's choice. Empty ``only`` means every rule."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    expression: str | None = None

    @property
    def partial(self) -> bool:
        """Whether the caller left rules out."""
        return bool(self.only or self.skip or self.expression)


@dataclass(frozen=True, slots=True)
class Task:
    """One check to run and the planned rules it judges."""

    check: Check
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """``rules`` are owed a result. ``unjudged`` are those among them that nothing can judge, with the reason:
    they count as skipped. ``not_planned`` are rules that have no place in this run, with the reason. ``in_part`` are
    planned rules of whose checks some have no place, by the reason. ``broken`` are modules of checks that did not load,
    with the reason: nobody knows which rules they would have judged, so such a run cannot pass.
    """

    rules: Mapping[str, Rule]
    tasks: tuple[Task, ...]
    unjudged: Mapping[str, str] = field(default_factory=dict)
    not_planned: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False
    in_part: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def unloaded(self) -> str:
        """Why this plan is not whole, in words; empty when every module of checks loaded."""
        details = ", ".join(f"{module} ({reason})" for module, reason in sorted(self.broken.items()))
        return f"these checks did not load: {details}" if details else ""


def plan(
    rules: Mapping[str, Rule],
    checks: Mapping[str, Check],
    broken: Mapping[str, str],
    target: Target,
    choice: Selection,
    *,
    strict: bool,
    bundle: bool = False,
    quick: bool = False,
) -> Plan:
    """The plan for ``target``, which came out of a ``bundle`` or not.

    A ``quick`` plan has only the checks that are quick; the rules of others are named as left out, wholly or in part.
    Raises UsageError for unknown names or a choice that leaves nothing.
    """
    unchosen = _unchosen(rules, choice)
    by_rule: dict[str, list[Check]] = {rule_id: [] for rule_id in rules}
    for check in checks.values():
        for rule_id in check.rules:
            if rule_id in by_rule:
                by_rule[rule_id].append(check)
    planned: dict[str, Rule] = {}
    unjudged: dict[str, str] = {}
    not_planned: dict[str, str] = {}
    wanted: dict[str, list[str]] = {}
    reasons = {name: _out_of_place(check, target, bundle=bundle) for name, check in checks.items()}
    for rule_id, rule in rules.items():
        judges = by_rule[rule_id]
        fitting = [check for check in judges if reasons[check.name] is None]
        in_time = [check for check in fitting if check.quick or not quick]
        if rule_id in unchosen:
            not_planned[rule_id] = unchosen[rule_id]
        elif rule.strict_only and not strict:
            not_planned[rule_id] = "only in strict runs"
        elif fitting and not in_time:
            not_planned[rule_id] = LONGER
        elif judges and not fitting:
            not_planned[rule_id] = "; ".join(sorted({reasons[check.name] or "" for check in judges}))
        else:
            planned[rule_id] = rule
            if not judges:
                unjudged[rule_id] = _no_judge(broken)
            for check in in_time:
                wanted.setdefault(check.name, []).append(rule_id)
    if not planned:
        chosen = sorted({reason for rule_id, reason in not_planned.items() if rule_id not in unchosen})
        why = f": {chosen[0]}" if len(chosen) == 1 else ""
        raise UsageError(f"the choice of rules leaves nothing to run{why}", fix="`--print-plan` shows why")
    tasks = tuple(Task(checks[name], tuple(ids)) for name, ids in sorted(wanted.items()))
    left = {name: reasons[name] or (LONGER if quick and not checks[name].quick else None) for name in checks}
    in_part = _in_part(planned, by_rule, left)
    return Plan(planned, _ordered(tasks), unjudged, not_planned, choice.partial, in_part, broken)


def _in_part(
    planned: Collection[str], by_rule: Mapping[str, Sequence[Check]], reasons: Mapping[str, str | None]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for rule_id in planned:
        for check in by_rule[rule_id]:
            if (reason := reasons[check.name]) is not None:
                found.setdefault(reason, set()).add(rule_id)
    return {reason: tuple(sorted(rules)) for reason, rules in sorted(found.items())}


def _unchosen(rules: Mapping[str, Rule], choice: Selection) -> dict[str, str]:
    only = selection.named(rules, choice.only)
    skip = selection.named(rules, choice.skip)
    matches = selection.expression(choice.expression) if choice.expression is not None else None
    reasons: dict[str, str] = {}
    for rule_id, rule in rules.items():
        if rule_id in skip:
            reasons[rule_id] = "left out by --skip"
        elif choice.only and rule_id not in only:
            reasons[rule_id] = "not named by --only"
        elif matches is not None and not matches(rule):
            reasons[rule_id] = "does not match -k"
    return reasons


def _out_of_place(check: Check, target: Target, *, bundle: bool) -> str | None:
    if "bundle" in check.needs and not bundle:
        return "judges a built bundle, and this is a folder of sources"
    if "kernel" in check.needs and not sys.platform.startswith("linux"):
        return f"judges the Linux sandbox, and this is {sys.platform}"
    if target.manifest is None:
        # Owed and impossible: the check stays in the plan, and the engine gives its rules the reason.
        return None
    return check.applies(target)


def _no_judge(broken: Mapping[str, str]) -> str:
    if broken:
        details = ", ".join(f"{module} ({reason})" for module, reason in sorted(broken.items()))
        return f"no loaded check judges this rule, and these modules did not load: {details}"
    return "no check judges this rule"


def _ordered(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    # Checks on bytes first: they are quick and explain most later failures. Exclusive ones last.
    return tuple(
        sorted(tasks, key=lambda task: (task.check.exclusive, len(task.check.needs), task.check.name))
    )


def longest_first(tasks: tuple[Task, ...], expected: Mapping[str, int]) -> tuple[Task, ...]:
    """``tasks`` with the longest of each group in front, so that no worker waits for a late long one.

    ``expected`` are milliseconds by the name of the check; what is not known comes first. Steady ones, beside which
    fewer others run, come when the long ones are over that wait for much of their time, and exclusive ones last.
    Results do not depend on the order: every check has a seed and a folder of its own.
    """

    def rank(task: Task) -> tuple[bool, bool, float]:
        check = task.check
        return check.exclusive, check.steady, -expected.get(check.name, float("inf")) if expected else 0

    return tuple(sorted(tasks, key=rank))

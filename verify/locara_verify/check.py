"""Checks: plain functions registered by decorator. A check observes and returns; it never prints or exits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from locara.records import dataclass
from locara_verify.finding import JSON, Finding

if TYPE_CHECKING:
    from locara_verify.context import Context
    from locara_verify.target import Target

Need: TypeAlias = Literal["live", "models", "kernel", "bundle"]
"""``live``: starts the app in its sandbox. ``models``: its models are cached. ``kernel``: Linux layers.
``bundle``: the target came out of a built bundle."""

NEEDS: Final = frozenset({"live", "models", "kernel", "bundle"})


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check observed.

    ``attempts`` counts per rule id how often the rule was put to the test: a rule with no finding and no
    attempt has proven nothing and counts as inconclusive. ``decisions``, ``attacks`` and ``probes`` feed the
    totals: policy questions judged, hostile operations performed, and kernel observations made.
    ``inconclusive`` gives a reason for each rule id that could not be judged (say, a failed control).
    """

    findings: tuple[Finding, ...] = ()
    attempts: Mapping[str, int] = field(default_factory=dict)
    decisions: int = 0
    attacks: int = 0
    probes: int = 0
    inconclusive: Mapping[str, str] = field(default_factory=dict)
    bench: Mapping[str, JSON] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def joined(self, other: CheckResult, what: str) -> CheckResult:
        """Both as one result of the same check; ``what`` tells the notes of the other apart."""
        rules = self.attempts.keys() | other.attempts.keys()
        return CheckResult(
            findings=self.findings + other.findings,
            attempts={
                rule: self.attempts.get(rule, 0) + other.attempts.get(rule, 0) for rule in sorted(rules)
            },
            decisions=self.decisions + other.decisions,
            attacks=self.attacks + other.attacks,
            probes=self.probes + other.probes,
            inconclusive={**other.inconclusive, **self.inconclusive},
            bench={**other.bench, **self.bench},
            notes=self.notes + tuple(f"{what}: {note}" for note in other.notes),
        )


CheckFunction: TypeAlias = "Callable[[Context], CheckResult]"
ReplayFunction: TypeAlias = "Callable[[Context, Mapping[str, JSON]], CheckResult]"
Applies: TypeAlias = "Callable[[Target], str | None]"


def always(_target: Target) -> str | None:
    """The check applies to every target."""
    return None


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check. ``applies`` answers with the reason why the check has no place in a plan, or None.

    ``exclusive`` checks run alone after all others, ``steady`` ones with a processor of their own: both measure, these
    by the processor time of one thread, which does not change when others work beside it. ``quick`` checks also run in
    the quick profile, which is to answer soon; the others there only when they are chosen. ``waits`` is said of those
    that mostly wait for what they started or for a time to pass: side by side they would leave processors without work.
    ``broken_manifest`` checks also run when locara.json cannot be read; every other check then has no result.
    ``on_disk`` checks need the file system that a person's files lie on; those of others may lie in memory.
    """

    name: str
    rules: tuple[str, ...]
    needs: frozenset[Need]
    exclusive: bool
    steady: bool
    quick: bool
    waits: bool
    broken_manifest: bool
    on_disk: bool
    applies: Applies
    run: CheckFunction
    module: str

    @property
    def measures(self) -> bool:
        """Whether its result tells of the machine as well: it is not kept, and its files lie where a person's do."""
        return self.exclusive or self.steady


_registry: dict[str, Check] = {}


def check(
    name: str,
    *,
    rules: tuple[str, ...],
    needs: frozenset[Need] = frozenset(),
    exclusive: bool = False,
    steady: bool = False,
    quick: bool = False,
    waits: bool = False,
    broken_manifest: bool = False,
    on_disk: bool = False,
    applies: Applies = always,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register the decorated ``run(ctx) -> CheckResult`` as the check ``name`` that judges ``rules``.

    A module may also define ``replay(ctx, case) -> CheckResult``; it receives the ``case`` of a finding's
    ``replay`` value and repeats only that. Raises ValueError for a taken name or a check without rules.
    """
    if not rules or len(set(rules)) != len(rules):
        raise ValueError(f"check {name!r} must name its rules, each once")
    if unknown := needs - NEEDS:
        raise ValueError(f"check {name!r} has unknown needs: {sorted(unknown)}")

    def register(function: CheckFunction) -> CheckFunction:
        known = _registry.get(name)
        if known is not None and known.module != function.__module__:
            raise ValueError(f"two checks are named {name!r}: {known.module} and {function.__module__}")
        _registry[name] = Check(
            name,
            rules,
            needs,
            exclusive,
            steady,
            quick,
            waits,
            broken_manifest,
            on_disk,
            applies,
            function,
            function.__module__,
        )
        return function

    return register


def registered() -> Mapping[str, Check]:
    """All checks registered so far, by name."""
    return dict(_registry)

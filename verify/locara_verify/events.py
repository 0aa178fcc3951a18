"""What happens during a run, as values. Everything that prints or writes consumes these and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from locara.records import dataclass
from locara_verify.check import CheckResult
from locara_verify.finding import Finding
from locara_verify.plan import Task


@dataclass(frozen=True, slots=True)
class CheckStarted:
    """A worker took the task up."""

    task: Task


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """A running check said how far it is. ``total`` is 0 when unknown."""

    task: Task
    done: int
    total: int
    note: str


@dataclass(frozen=True, slots=True)
class CheckFinished:
    """A task ended. ``result`` is None when the check gave none; ``reason`` then says why.

    ``started`` is False for a task that no worker took up (the run was stopped before). ``began_ms`` and
    ``ms`` say when it began, counted from the start of the run, and how long it took. ``cached`` results were
    found by an earlier run on the same content. ``before`` is what a check had found when it broke off.
    """

    task: Task
    result: CheckResult | None
    reason: str
    started: bool
    ms: int
    began_ms: int = 0
    cached: bool = False
    before: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, whether the check came to its end or not."""
        return self.before if self.result is None else self.result.findings


Event: TypeAlias = CheckStarted | CheckProgress | CheckFinished
Emit: TypeAlias = Callable[[Event], None]

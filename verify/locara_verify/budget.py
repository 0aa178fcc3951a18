"""How much work a run does: four named profiles and nothing in between, so that two runs are comparable."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Final

from locara.errors import UsageError
from locara.records import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """The amount of work of one run.

    ``decisions``: generated policy questions. ``live_operations``: hostile calls to a running app.
    ``fuzz_examples``: inputs per byte-level fuzzer. ``bench_seconds``: time one benchmark may measure.
    ``task_seconds``: after this long a check is killed and its rules have no result.
    """

    profile: str
    decisions: int
    live_operations: int
    fuzz_examples: int
    bench_seconds: float
    task_seconds: float

    def to_json(self) -> dict[str, str | int | float]:
        """The budget as plain data."""
        return asdict(self)


PROFILES: Final = {
    "quick": Budget("quick", 5_000, 150, 100, 1.0, 120.0),
    "ci": Budget("ci", 30_000, 800, 500, 3.0, 180.0),
    "strict": Budget("strict", 220_000, 5_000, 2_000, 2.0, 300.0),
    "soak": Budget("soak", 2_000_000, 60_000, 40_000, 60.0, 3_600.0),
}
"""The named profiles, smallest first."""

_SECONDS: Final = re.compile(r"([0-9]{1,5})(s|m)")
_EXAMPLES: Final = re.compile(r"examples=([0-9]{1,7})")
_UNITS: Final = {"s": 1, "m": 60}


def limited(budget: Budget, text: str) -> tuple[Budget, float | None]:
    """``budget`` as ``--budget`` changes it, and the seconds after which the run ends.

    ``30s`` and ``2m`` bound the time. ``examples=N`` bounds the inputs of each fuzzer, and decisions and operations
    in proportion. Raises UsageError.
    """
    if (match := _SECONDS.fullmatch(text)) and int(match[1]):
        return budget, float(int(match[1]) * _UNITS[match[2]])
    if (match := _EXAMPLES.fullmatch(text)) and int(match[1]):
        examples = int(match[1])
        share = examples / budget.fuzz_examples
        return replace(
            budget,
            fuzz_examples=examples,
            decisions=max(100, round(budget.decisions * share)),
            live_operations=max(60, round(budget.live_operations * share)),
        ), None
    raise UsageError(f"--budget {text!r} is no budget", fix="30s, 2m or examples=N")

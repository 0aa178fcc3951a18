"""How much work a run does: four named profiles and nothing in between, so that two runs are comparable."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final


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
    "quick": Budget("quick", 5_000, 150, 100, 1.0, 60.0),
    "ci": Budget("ci", 30_000, 800, 500, 3.0, 180.0),
    "strict": Budget("strict", 120_000, 5_000, 2_000, 6.0, 300.0),
    "soak": Budget("soak", 2_000_000, 60_000, 40_000, 60.0, 3_600.0),
}
"""The named profiles, smallest first."""

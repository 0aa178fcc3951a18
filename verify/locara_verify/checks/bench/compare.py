"""Measuring two ways to do the same work against each other on a machine that is not quiet.

Both run in turn, in pairs whose order alternates, so that a slow minute hits both. What is judged is the
median over the pairs with a bootstrap interval; a bound is broken only when the whole interval lies beyond
it, each of the times it was measured. A noisy machine makes the interval wide, never the rule red; the width is
reported.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import median
from typing import Final

from locara.records import dataclass
from locara_verify.finding import JSON

LEAST_PAIRS: Final = 20
MOST_PAIRS: Final = 300
RESAMPLES: Final = 600
COVERAGE: Final = 0.95
TIMES: Final = 3
"""How often is measured what does not hold: a minute in which a machine is busy with something else is short."""
WIDE: Final = 0.10
"""The relative width of an interval above which a note says that the machine was busy."""
SHARP: Final = 0.02
"""The relative width of an interval at which measuring may end."""

SPIN_SECONDS: Final = 0.4e-6
"""What a spin takes on the machine for which bounds in seconds were set."""

Cost = Callable[[], float]
"""Does one block of work and returns what one unit of it cost, in seconds."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A median and where it lies with 95 % confidence."""

    middle: float
    low: float
    high: float

    def json(self, scale: float = 1.0, digits: int = 4) -> dict[str, JSON]:
        """As plain data, in another unit."""
        middle, low, high = (round(value * scale, digits) for value in (self.middle, self.low, self.high))
        return {"median": middle, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Costs of one unit of work, in seconds: ours and the raw engine's, measured side by side."""

    ours: tuple[float, ...]
    raw: tuple[float, ...]
    seed: int

    def kept(self) -> Interval:
        """The share of the raw speed that is kept: raw cost over our cost, 1 is none lost."""
        return interval([raw / ours for ours, raw in zip(self.ours, self.raw, strict=True)], self.seed)

    def spread(self) -> dict[str, JSON]:
        """Where the shares kept of the single pairs lie: five percentiles."""
        shares = sorted(raw / ours for ours, raw in zip(self.ours, self.raw, strict=True))
        last = len(shares) - 1
        return {f"p{part:02d}": round(shares[round(last * part / 100)], 4) for part in (5, 25, 50, 75, 95)}

    def extra(self) -> Interval:
        """What one unit costs more than with the raw engine, in seconds."""
        return interval([ours - raw for ours, raw in zip(self.ours, self.raw, strict=True)], self.seed)

    def each(self, size: int) -> Pairs:
        """The same of one unit, where a unit was ``size`` of them."""
        return Pairs(tuple(a / size for a in self.ours), tuple(b / size for b in self.raw), self.seed)

    def is_sharp(self) -> bool:
        """Whether further pairs would tell little more."""
        kept = self.kept()
        return kept.high - kept.low <= SHARP * kept.middle

    def is_wide(self) -> bool:
        """Whether the machine was too busy for a sharp ratio."""
        kept = self.kept()
        return kept.high - kept.low > WIDE * kept.middle


def interval(values: Sequence[float], seed: int) -> Interval:
    """The median with a percentile bootstrap interval; the same for the same values and seed."""
    if not values:
        raise ValueError("an interval needs values")
    return _interval(tuple(values), seed)


@lru_cache(64)  # what is judged is reported, too
def _interval(values: tuple[float, ...], seed: int) -> Interval:
    rng = random.Random(seed)  # noqa: S311 - resampling, not secrets
    medians = sorted(median(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    edge = int(RESAMPLES * (1 - COVERAGE) / 2)
    return Interval(median(values), medians[edge], medians[-1 - edge])


def measure(
    ours: Cost,
    raw: Cost,
    *,
    seconds: float,
    seed: int,
    holds: Callable[[Pairs], bool],
    clear: Callable[[Pairs], bool] = lambda _pairs: False,
    least: int = LEAST_PAIRS,
) -> Pairs:
    """Pairs for which ``holds``, or the last of TIMES sets for none of which it does.

    A set is measured in about ``seconds``. It ends sooner when further pairs would tell little more: when the
    interval is SHARP, or is not wide and ``clear`` of the bound with all of it.
    """
    for _ in range(TIMES):
        pairs = _measure(ours, raw, seconds, least, _Judge(seed, clear))
        if holds(pairs):
            break
    return pairs


@dataclass(frozen=True, slots=True)
class _Judge:
    seed: int
    clear: Callable[[Pairs], bool]

    def pairs(self, found: Sequence[tuple[float, float]]) -> Pairs:
        return Pairs(tuple(a for a, _ in found), tuple(b for _, b in found), self.seed)

    def has_enough(self, found: Sequence[tuple[float, float]]) -> bool:
        pairs = self.pairs(found)
        return pairs.is_sharp() or (self.clear(pairs) and not pairs.is_wide())


def _measure(ours: Cost, raw: Cost, seconds: float, least: int, judge: _Judge) -> Pairs:
    """Run both in alternating pairs, once before and then at least ``least`` times."""
    ours()
    raw()
    found: list[tuple[float, float]] = []
    end, look = time.monotonic() + seconds, least
    while len(found) < least or (time.monotonic() < end and len(found) < MOST_PAIRS):
        if len(found) == look:
            if judge.has_enough(found):
                break
            look += look // 2
        if len(found) % 2:
            b = raw()
            a = ours()
        else:
            a = ours()
            b = raw()
        found.append((a, b))
    return judge.pairs(found)


def spin() -> int:
    """A fixed piece of plain Python: the unit for costs that have no raw engine to be compared with."""
    total = 0
    for number in range(10):
        total += number
    return total


def slowness(clock: Callable[[], float]) -> float:
    """How many times longer plain Python takes here and now than where bounds in seconds were set; at least
    1.

    Measured with the clock the bound is measured with: processor time hardly changes when a machine is
    busy, wall time does.
    """
    rounds = 100_000
    start = clock()
    for _ in range(rounds):
        spin()
    return max(1.0, (clock() - start) / rounds / SPIN_SECONDS)


def timed(work: Callable[[], object], times: int) -> Cost:
    """The processor time of one call, over so many calls."""

    def cost() -> float:
        start = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - start) / times

    return cost

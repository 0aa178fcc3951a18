"""How measurements become verdicts: a clear breach is found, noise is not, and equal samples give equal intervals."""

import random
from collections.abc import Callable
from itertools import cycle

import pytest

from locara_verify.checks.bench import compare
from locara_verify.checks.bench.compare import LEAST_PAIRS, Pairs, interval, measure, slowness, spin
from locara_verify.checks.bench.inference import Bound, judge
from locara_verify.checks.models.probe import Tally

BOUND = Bound("LC901", "a unit of work", 0.97, 30e-6)


def pairs(slower: float, noise: float, *, base: float = 1e-3, count: int = 40) -> Pairs:
    """Samples in which ours costs `slower` times the raw engine, with so much noise on each side."""
    rng = random.Random(3)
    wobble = lambda: 1 + rng.uniform(-noise, noise)  # noqa: E731
    raw = tuple(base * wobble() for _ in range(count))
    return Pairs(tuple(base * slower * wobble() for _ in raw), raw, 7)


def test_an_interval_holds_its_median_and_repeats() -> None:
    values = [random.Random(1).gauss(10, 1) for _ in range(50)]
    found = interval(values, 5)
    assert found.low <= found.middle <= found.high
    assert found == interval(values, 5)
    assert interval([2.0] * 9, 1) == interval([2.0] * 9, 2)
    with pytest.raises(ValueError, match="needs values"):
        interval([], 1)


@pytest.mark.parametrize(
    ("slower", "noise", "base", "holds"),
    [
        pytest.param(1.0, 0.01, 1e-3, True, id="as quick"),
        pytest.param(1.02, 0.01, 1e-3, True, id="2 % slower is within the ratio"),
        pytest.param(1.2, 0.01, 1e-4, True, id="a fixed 20 us on a tiny unit is within the extra"),
        pytest.param(1.2, 0.01, 1e-3, False, id="200 us and 20 % are within neither"),
        pytest.param(1.05, 0.9, 1e-3, True, id="noise hides a small difference and is no finding"),
        pytest.param(3.0, 0.5, 1e-3, False, id="noise does not hide a large one"),
    ],
)
def test_only_a_whole_interval_beyond_both_bounds_is_a_finding(
    slower: float, noise: float, base: float, holds: bool
) -> None:
    tally = Tally()
    sample = pairs(slower, noise, base=base)
    judge(tally, BOUND, sample, 1.0)
    assert bool(tally.findings) != holds
    assert tally.attempts == {"LC901": 1}
    assert bool(tally.notes) == sample.is_wide()


def test_a_slow_machine_gets_more_seconds_but_no_better_ratio() -> None:
    sample = pairs(1.2, 0.01)
    assert not BOUND.holds(sample, 1.0)
    assert BOUND.holds(sample, 10.0)


@pytest.mark.parametrize(
    ("slower", "noise", "base", "slow", "clears"),
    [
        pytest.param(1.0, 0.01, 1e-3, 1.0, True, id="as quick"),
        pytest.param(1.2, 0.01, 1e-4, 1.0, True, id="within the extra"),
        pytest.param(1.2, 0.01, 1e-3, 1.0, False, id="within neither"),
        pytest.param(1.2, 0.01, 1e-3, 10.0, True, id="within the extra of a slow machine"),
        pytest.param(1.03, 0.2, 1e-2, 1.0, False, id="on both sides of the bound: it holds and is not clear"),
    ],
)
def test_a_verdict_is_clear_when_the_whole_interval_is_within_a_bound(
    slower: float, noise: float, base: float, slow: float, clears: bool
) -> None:
    sample = pairs(slower, noise, base=base)
    assert BOUND.clear(slow)(sample) is clears
    assert not clears or BOUND.within(slow)(sample)


def test_measuring_alternates_and_counts_every_pair_but_the_first() -> None:
    order: list[str] = []

    def cost(name: str, values: Callable[[], float]) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return values()

        return run

    ours, raw = cycle([9.0, 1.0, 2.0]), cycle([3.0])
    found = measure(
        cost("ours", lambda: next(ours)), cost("raw", lambda: next(raw)), seconds=0, seed=1, holds=any_pairs
    )
    assert len(found.ours) == len(found.raw) == LEAST_PAIRS
    assert order[:6] == ["ours", "raw", "ours", "raw", "raw", "ours"]
    assert found.ours[:3] == (1.0, 2.0, 9.0)


@pytest.mark.parametrize(("ours", "expected"), [([2.0], LEAST_PAIRS), ([1.0, 2.0, 9.0, 4.0], 70)])
def test_measuring_ends_when_the_interval_is_sharp_and_goes_on_when_it_is_not(
    monkeypatch: pytest.MonkeyPatch, ours: list[float], expected: int
) -> None:
    monkeypatch.setattr(compare, "MOST_PAIRS", 70)
    values = cycle(ours)
    found = measure(lambda: next(values), lambda: 1.0, seconds=3_600, seed=1, holds=any_pairs)
    assert len(found.ours) == expected
    assert found.is_sharp() == (expected == LEAST_PAIRS)


@pytest.mark.parametrize(
    ("spread", "clear", "expected"),
    [
        pytest.param(0.02, True, LEAST_PAIRS, id="clear and not wide: it ends"),
        pytest.param(0.02, False, 70, id="not clear: it goes on"),
        pytest.param(0.6, True, 70, id="wide: it goes on"),
    ],
)
def test_measuring_ends_when_the_verdict_is_clear_and_the_interval_not_wide(
    monkeypatch: pytest.MonkeyPatch, spread: float, clear: bool, expected: int
) -> None:
    monkeypatch.setattr(compare, "MOST_PAIRS", 70)
    values = cycle([1.0 - spread, 1.0 + spread])
    found = measure(
        lambda: next(values),
        lambda: 1.0,
        seconds=3_600,
        seed=1,
        holds=any_pairs,
        clear=lambda _pairs: clear,
    )
    assert not found.is_sharp()
    assert len(found.ours) == expected


def any_pairs(_pairs: Pairs) -> bool:
    return True


@pytest.mark.parametrize(("good", "sets"), [([1], 1), ([0, 1], 2), ([0, 0, 1], 3), ([0, 0, 0, 1], 3)])
def test_what_does_not_hold_is_measured_three_times_and_the_last_counts(good: list[int], sets: int) -> None:
    costs, looked = iter(range(1, 1_000)), []

    def holds(pairs: Pairs) -> bool:
        looked.append(pairs)
        return bool(good[len(looked) - 1])

    found = measure(lambda: float(next(costs)), lambda: 1.0, seconds=0, seed=1, holds=holds)
    assert len(looked) == sets
    assert found is looked[-1]
    assert len({pairs.ours for pairs in looked}) == sets, "each set is measured anew"


def test_the_costs_of_one_unit() -> None:
    assert Pairs((4.0, 8.0), (2.0, 6.0), 3).each(2) == Pairs((2.0, 4.0), (1.0, 3.0), 3)


def test_slowness_is_relative_to_the_reference_and_never_below_one() -> None:
    assert spin() == 45
    ticks = iter([0.0, 1e-9])
    assert slowness(lambda: next(ticks)) == 1.0
    ticks = iter([0.0, 0.2])
    assert slowness(lambda: next(ticks)) == pytest.approx(5.0)

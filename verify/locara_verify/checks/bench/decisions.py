"""LC906: a decision is as quick as a few steps of plain Python, however many patterns are granted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.bench.compare import Interval, Pairs, interval, measure, spin, timed
from locara_verify.checks.models.probe import Tally
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.core.grant import Grants

RULE: Final = "LC906"
NAME: Final = "bench-decisions"
EXACT_SPINS: Final = 4.0
PATTERN_SPINS: Final = 20.0
MANY_RATIO: Final = 2.0
CALLS: Final = 500
"""Calls in a block. 4 and 20 spins are 1.5 and 8 microseconds on the machine the bounds were set for."""


def granting(hosts: list[str]) -> Grants:
    """Grants of a small app that may reach these hosts (at most 200 in one manifest)."""
    from locara.core.compile import compile_grants  # noqa: PLC0415 - loads the framework
    from locara.core.manifest import parse_manifest  # noqa: PLC0415

    document: dict[str, Any] = {
        "schema": "locara/v1",
        "name": "bench",
        "publisher": "locara",
        "version": "1.0.0",
        "displayName": "Bench",
        "description": "Grants for a measurement.",
        "license": "Apache-2.0",
        "author": {"name": "Locara", "email": "bench@example.com"},
        "icon": "icon.png",
        "screenshots": ["one.png"],
        "category": "utilities",
        "capabilities": {"net": {"allowed_hosts": hosts}, "fs.app-data": "read-write"},
    }
    return compile_grants(parse_manifest(json.dumps(document).encode()))


def many(count: int) -> Grants:
    """Grants with so many patterns, united from manifests of 200."""
    from locara.core import scope as scopes  # noqa: PLC0415
    from locara.core.capability import Kind  # noqa: PLC0415

    parts = [
        granting([f"*.h{number}.example.com" for number in range(start, start + 200)])
        for start in range(0, count, 200)
    ]
    first, wanted = parts[0], [part.scope(Kind.NET) for part in parts]
    while len(wanted) > 1:  # in pairs: to unite them one by one takes the square of their number
        halves = zip(wanted[::2], wanted[1::2], strict=False)
        wanted = [*(scopes.union(a, b) for a, b in halves), *wanted[len(wanted) // 2 * 2 :]]
    united = wanted[0]
    grants = tuple(replace(g, scope=united) if g.kind is Kind.NET else g for g in first.grants)
    return replace(first, grants=grants)


def times(ours: tuple[float, ...], raw: tuple[float, ...], seed: int) -> Interval:
    """How many times the raw cost ours is."""
    return interval([a / b for a, b in zip(ours, raw, strict=True)], seed)


def within(bound: float) -> Callable[[Pairs], bool]:
    """Whether ours is at most ``bound`` times the raw cost."""
    return lambda pairs: times(pairs.ours, pairs.raw, pairs.seed).low <= bound


def clear(bound: float) -> Callable[[Pairs], bool]:
    """Whether the whole interval is."""
    return lambda pairs: times(pairs.ours, pairs.raw, pairs.seed).high <= bound


@check(NAME, rules=(RULE,), steady=True)
def run(ctx: Context) -> CheckResult:
    """Measure an exact grant and a pattern in spins, and 10,000 patterns against 100."""
    from locara.core.decision import decide  # noqa: PLC0415 - loads the framework
    from locara.core.request import FsRequest, NetRequest  # noqa: PLC0415

    tally = Tally()
    hundred, plenty = granting([f"*.h{n}.example.com" for n in range(100)]), many(10_000)
    file, host = FsRequest("app-data", "notes/today.txt", "read"), NetRequest("a.b.h50.example.com", 443)
    for grants, request in ((hundred, file), (hundred, host), (plenty, host)):
        if not decide(grants, request).allowed:
            tally.undecided(RULE, "the measured decisions are not the intended ones")
            return tally.result()
    spins = timed(spin, CALLS * 4)
    exact = timed(lambda: decide(hundred, file), CALLS)
    pattern = timed(lambda: decide(hundred, host), CALLS)
    thousands = timed(lambda: decide(plenty, host), CALLS)
    cases = (
        ("exact", exact, spins, EXACT_SPINS, "an exact decision"),
        ("pattern_100", pattern, spins, PATTERN_SPINS, "a decision over 100 patterns"),
        (
            "pattern_10000",
            thousands,
            pattern,
            MANY_RATIO,
            "a decision over 10,000 patterns beside one over 100",
        ),
    )
    bench: dict[str, JSON] = {}
    for number, (name, ours, raw, bound, what) in enumerate(cases):
        ctx.progress(number, len(cases), what)
        pairs = measure(
            ours,
            raw,
            seconds=ctx.profile.bench_seconds / 6,
            seed=ctx.seed_for(name),
            holds=within(bound),
            clear=clear(bound),
        )
        found = times(pairs.ours, pairs.raw, pairs.seed)
        tally.expect(
            RULE,
            found.low <= bound,
            f"{what} takes too long",
            f"{found.middle:.2f} times [{found.low:.2f}, {found.high:.2f}], allowed {bound:g}",
            times=found.json(),
        )
        cost = interval(pairs.ours, pairs.seed)
        bench[f"decide_{name}"] = {"us": cost.json(1e6, 3), "times": found.json(), "bound": bound}
    return tally.result(bench)

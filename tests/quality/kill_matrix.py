"""The kill matrix: every planted fault against the rules that must find it.

`python -m tests.quality.kill_matrix [ID …]`. Exit code 0 when every fault was found by its rule, every
harmless change passed and, where second rules are named, at least one of them noticed as well; else 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.quality import planted
from tests.quality.planted import Planted


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the matrix."""

    fault: Planted
    problem: str | None
    noticed: tuple[str, ...]
    alone: bool
    seconds: float

    @property
    def good(self) -> bool:
        """Found by its rule and, where others are named, by one of them."""
        return self.problem is None and not self.alone


def near(fault: Planted, among: Iterable[Planted], most: int) -> list[str]:
    """Rules that may notice it too: those that find other faults of the same files, then of the same folders."""
    files = {edit.file for edit in fault.edits}
    folders = {file.rpartition("/")[0] for file in files}
    same, beside = Counter[str](), Counter[str]()
    for other in among:
        if other.rule and other.rule != fault.rule and other.of_app == fault.of_app:
            places = {edit.file for edit in other.edits}
            same[other.rule] += bool(files & places)
            beside[other.rule] += bool(folders & {place.rpartition("/")[0] for place in places})
    ranked = sorted(beside, key=lambda rule: (same[rule], beside[rule], rule), reverse=True)
    return [rule for rule in ranked if beside[rule]][:most]


def examine(fault: Planted, *, strict: bool, seed: int, others: Sequence[str] = ()) -> Row:
    """Plant, verify, judge: the rule that must find it, then second ones until one of them noticed.

    ``others``: rules that are tried where no second one is named; whether they notice is told, not judged.
    """
    begin = time.monotonic()
    noticed: tuple[str, ...] = ()
    tried = others if fault.rule and not fault.second else ()
    with planted.copies(fault) as places:
        only = [fault.rule, *tried] if fault.rule else fault.rules
        verdict = planted.run(places, only, strict=strict, seed=seed, first=bool(fault.rule) and not tried)
        for rule in fault.second:
            noticed = planted.run(places, [rule], strict=strict, seed=seed, first=True).failed
            if noticed:
                break
    alone = bool(fault.second) and not noticed
    noticed = noticed or tuple(rule for rule in verdict.failed if rule in tried)
    return Row(fault, planted.killed(fault, verdict), noticed, alone, time.monotonic() - begin)


def line(row: Row) -> str:
    """A row as text."""
    fault = row.fault
    if not fault.rule:
        state = "passes" if row.good else "REFUSED"
        return f"{state:8} {fault.id:34} {'harmless':8} {row.seconds:6.1f} s"
    state = "killed" if row.good else "SURVIVED" if row.problem else "one rule only"
    second = ", ".join(row.noticed) or ("none" if row.alone else "-")
    return f"{state:8} {fault.id:34} {fault.rule:8} {row.seconds:6.1f} s  second: {second:30} {fault.family}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix and print it."""
    parser = argparse.ArgumentParser(prog="kill_matrix", description="plant every fault and verify")
    parser.add_argument("names", nargs="*", help="ids of faults; all when none is given")
    parser.add_argument("--quick", action="store_true", help="the quick profile in place of strict")
    parser.add_argument("--jobs", type=int, default=1, help="faults at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--others",
        type=int,
        default=0,
        metavar="N",
        help="where no second rule is named, try N that find faults of the same files",
    )
    parser.add_argument("--two-rules", action="store_true", help="only faults that two rules must find")
    options = parser.parse_args(arguments)
    faults = [*planted.mutants(), *planted.hostile(), *planted.harmless()]
    unknown = set(options.names) - {fault.id for fault in faults}
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    chosen = [
        fault
        for fault in faults
        if (not options.names or fault.id in options.names) and (fault.second or not options.two_rules)
    ]
    rows = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(
            lambda fault: examine(
                fault,
                strict=not options.quick,
                seed=options.seed,
                others=near(fault, faults, options.others),
            ),
            chosen,
        ):
            rows.append(row)
            print(line(row), flush=True)
            if not row.good:
                print(f"         {row.problem or 'no second rule noticed'}", flush=True)
    deny = [row for row in rows if row.fault.rule]
    bad = [row for row in rows if not row.good]
    kills = sum(row.problem is None for row in deny)
    twice = sum(bool(row.fault.second) and row.good for row in deny)
    print(
        f"{kills} of {len(deny)} faults killed, {twice} of them by two rules, "
        f"{len(rows) - len(deny)} harmless changes, {len(bad)} rows are not as they must be"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

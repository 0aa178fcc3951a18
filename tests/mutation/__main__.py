"""`python -m tests.mutation [MODULE …] [--share N [--part K]]`: break modules, run their tests, judge the tests.

Exit code 0: in every module the tests notice at least the share of mutants that `modules.toml` asks for, and
every other one is explained in `survivors.toml`; 1 otherwise; 2 for a wrong command line or table.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.trial import Outcome, try_all

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


@dataclass(frozen=True, slots=True)
class Subject:
    """One module to break, and the tests that must notice."""

    file: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """A mutant that no test can notice, and why."""

    file: str
    where: str
    change: str
    because: str


@dataclass(frozen=True, slots=True)
class Row:
    """What came out for one module."""

    file: str
    outcomes: tuple[Outcome, ...]
    explained: frozenset[tuple[str, str]]
    seconds: float

    @property
    def killed(self) -> int:
        """How many were noticed."""
        return sum(outcome.result != "survived" for outcome in self.outcomes)

    @property
    def unexplained(self) -> list[Outcome]:
        """Who survived without an explanation."""
        return [
            one for one in self.outcomes if one.result == "survived" and one.mutant.key not in self.explained
        ]

    @property
    def share(self) -> float:
        """Noticed, of those that a test can notice; all of none, where the share that was tried holds none."""
        noticeable = self.killed + len(self.unexplained)
        return self.killed / noticeable if noticeable else 1.0

    @property
    def wrongly_explained(self) -> list[tuple[str, str]]:
        """Explanations of mutants that tests do notice."""
        alive = {one.mutant.key for one in self.outcomes if one.result == "survived"}
        return sorted(one for one in self.explained if one not in alive and self._tried(one))

    def _tried(self, key: tuple[str, str]) -> bool:
        return any(one.mutant.key == key for one in self.outcomes)


def subjects() -> tuple[float, tuple[Subject, ...]]:
    """The least share of noticed mutants, and the modules. Raises ValueError for a table that is not right."""
    table = tomllib.loads((HERE / "modules.toml").read_text("utf-8"))
    shared: Mapping[str, list[str]] = table["tests"]
    found = []
    for entry in table["module"]:
        tests = [test for name in entry.get("also", ()) for test in shared[name]]
        found.append(Subject(entry["file"], tuple(dict.fromkeys([*entry["tests"], *tests]))))
    for subject in found:
        for file in (subject.file, *subject.tests):
            if not (REPOSITORY / file.partition("::")[0]).exists():
                raise ValueError(f"modules.toml names {file}, which is not there")
    return float(table["least"]), tuple(found)


def explanations() -> tuple[Explained, ...]:
    """The survivors that are no fault of the tests. Raises ValueError for one without a reason."""
    table: Any = tomllib.loads((HERE / "survivors.toml").read_text("utf-8"))
    found = tuple(Explained(**entry) for entry in table.get("survivor", ()))
    for one in found:
        if len(one.because.split()) < 3:
            raise ValueError(f"{one.file}, {one.where}: an explanation says why")
    return found


def examine(subject: Subject, explained: Sequence[Explained], share: int, part: int, only: str | None) -> Row:
    """Break one module in every way of this part."""
    begin = time.monotonic()
    chosen = [one for one in mutants(REPOSITORY / subject.file) if one.in_share(share, part)]
    if only is not None:
        chosen = [one for one in chosen if only in f"{one.where}: {one.change}"]
    outcomes: list[Outcome] = []
    try_all(REPOSITORY / subject.file, subject.tests, chosen, outcomes.append)
    keys = frozenset((one.where, one.change) for one in explained if one.file == subject.file)
    return Row(subject.file, tuple(outcomes), keys, time.monotonic() - begin)


def gone(explained: Sequence[Explained], subject: Subject) -> list[str]:
    """Explanations of changes that the module's text no longer has."""
    texts = {one.key for one in mutants(REPOSITORY / subject.file)}
    return [f"{one.where}: {one.change}" for one in explained
            if one.file == subject.file and (one.where, one.change) not in texts]  # fmt: skip


def say(row: Row, least: float) -> bool:
    """Print what came out; whether it is as it must be."""
    good = row.share >= least and not row.unexplained and not row.wrongly_explained
    survived = len(row.outcomes) - row.killed
    print(
        f"{'good' if good else 'BAD ':4} {row.file:42} {len(row.outcomes):5} mutants {row.killed:5} killed "
        f"{survived:4} survive, {survived - len(row.unexplained):3} explained {row.share:7.1%} {row.seconds:6.0f} s",
        flush=True,
    )
    for one in row.unexplained:
        mutant: Mutant = one.mutant
        why = f"  ({one.by})" if one.by else ""
        print(f"     {row.file}:{mutant.line}: {mutant.where or 'the module'}: {mutant.operator}{why}")
        print(f"       {mutant.change}", flush=True)
    for where, change in row.wrongly_explained:
        print(f"     explained, but a test notices it: {where}: {change}")
    return good


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="files, or parts of their names; all when none is given")
    parser.add_argument("--share", type=int, default=1, help="every N-th mutant, chosen by digest")
    parser.add_argument("--part", type=int, default=0, help="which of the N parts (0 to N-1)")
    parser.add_argument("--only", help="mutants whose place or change has this text")
    parser.add_argument("--json", type=Path, help="write every outcome here")
    options = parser.parse_args(arguments)
    least, known = subjects()
    explained = explanations()
    chosen = [
        one for one in known if not options.modules or any(name in one.file for name in options.modules)
    ]
    if not chosen or not 0 <= options.part < options.share:
        parser.error("no such module" if not chosen else "a part is one of 0 to N-1")
    rows, good = [], True
    for subject in chosen:
        row = examine(subject, explained, options.share, options.part, options.only)
        rows.append(row)
        good &= say(row, least)
        for text in gone(explained, subject):
            print(f"     explained, but the module has no such change any more: {text}")
            good = False
        if options.json:
            options.json.write_text(json.dumps(_told(rows), indent=1) + "\n", "utf-8")
    tried = sum(len(row.outcomes) for row in rows)
    killed = sum(row.killed for row in rows)
    share = f", every {options.share}th by digest" if options.share > 1 else ""
    print(f"{killed} of {tried} mutants killed ({killed / max(1, tried):.1%}){share}")
    return 0 if good else 1


def _told(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [
        {
            "file": row.file,
            "where": one.mutant.where,
            "operator": one.mutant.operator,
            "line": one.mutant.line,
            "change": one.mutant.change,
            "result": one.result,
            "by": one.by,
        }
        for row in rows
        for one in row.outcomes
    ]


if __name__ == "__main__":
    import jsonschema_rs  # noqa: F401  imported before any child is forked: once, not once per mutant
    import numpy as np  # noqa: F401
    import pydantic  # noqa: F401

    sys.exit(main())

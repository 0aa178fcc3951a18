"""Faults of the verifier itself, planted in a copy of it: its own tests must notice each.

`python -m tests.quality.verifier_faults [ID …]`. A rule judges an app by the verifier that runs it, so no rule can find
that a skipped rule is counted as passed. A table in `verifier/` names the tests that must, and edits as those of the
product have. Exit code 0 when the named tests fail for every fault, and pass without any.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.quality.planted import REPOSITORY, Edit, apply

TABLES = Path(__file__).parent / "verifier"
SECONDS = 600
_FAILED = 1  # what pytest ends with when tests ran and some failed; all else is no judgement


@dataclass(frozen=True, slots=True)
class VerifierFault:
    """One fault. ``tests`` are files below the repository, of which at least one test must fail."""

    id: str
    family: str
    why: str
    tests: tuple[str, ...]
    edits: tuple[Edit, ...]


def load(path: Path) -> VerifierFault:
    """Read one table. Raises ValueError when it is not complete."""
    table = tomllib.loads(path.read_text("utf-8"))
    edits = tuple(Edit(**edit) for edit in table["edit"])
    if table["id"] != path.stem or not edits or not table["tests"]:
        raise ValueError(f"{path}: a fault has the name of its file, tests and edits")
    return VerifierFault(table["id"], table["family"], table["why"], tuple(table["tests"]), edits)


def faults() -> tuple[VerifierFault, ...]:
    """All of them, by name."""
    return tuple(load(path) for path in sorted(TABLES.glob("*.toml")))


def run(fault: VerifierFault) -> tuple[int, str]:
    """The exit code of the named tests against a copy of the verifier, and what they said last."""
    with tempfile.TemporaryDirectory(prefix="locara-verifier-") as scratch:
        root = Path(scratch)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / "verify", root / "verify", ignore=ignore, symlinks=True)
        for edit in fault.edits:
            apply(edit, root)
        environment = {**os.environ, "PYTHONPATH": f"{root / 'verify'}{os.pathsep}{REPOSITORY}"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, *fault.tests], check=False, capture_output=True, text=True, env=environment, cwd=REPOSITORY,
            timeout=SECONDS,
        )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, (lines or [done.stdout[-300:]])[-1]


def noticed(fault: VerifierFault) -> str:
    """Empty when the tests notice the fault; else what is wrong."""
    code, said = run(fault)
    if said.startswith("ERROR") and "::" not in said:  # with -x this ends as a failed test does
        return f"the tests could not be read: {said}"
    return "" if code == _FAILED else f"exit {code}, not {_FAILED}: {said}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant each, and print who noticed."""
    parser = argparse.ArgumentParser(prog="verifier_faults", description="plant every fault of the verifier")
    parser.add_argument("names", nargs="*", help="ids of faults; all when none is given")
    options = parser.parse_args(arguments)
    known = faults()
    if unknown := set(options.names) - {fault.id for fault in known}:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    chosen = [fault for fault in known if not options.names or fault.id in options.names]
    quiet = {tests: run(VerifierFault("", "", "", tests, ()))[0] for tests in {one.tests for one in chosen}}
    bad = 0
    for fault in chosen:
        problem = noticed(fault) if quiet[fault.tests] == 0 else "its tests fail without it"
        bad += bool(problem)
        print(
            f"{'SURVIVED' if problem else 'killed':8} {fault.id:34} {fault.family:22} {problem}", flush=True
        )
    print(f"{len(chosen) - bad} of {len(chosen)} faults of the verifier noticed by its tests")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

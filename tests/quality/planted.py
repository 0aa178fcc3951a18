"""Planted faults as data, and how one is planted: in a copy, never in the checkout.

A table names the rule that must find the fault, and edits of files. An edit replaces text that occurs
exactly once (`find`, `replace`), writes a file (`write`), makes a link (`link`) or removes something
(`remove`). Faults of the product (`mutants/`, `harmless/`) edit a copy of the package, faults of an app
(`fixtures/hostile/`) a copy of the app.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
MUTANTS = Path(__file__).parent / "mutants"
HARMLESS = Path(__file__).parent / "harmless"
HOSTILE = REPOSITORY / "fixtures/hostile"
APP = REPOSITORY / "apps/docvault"
NOT_COPIED = ("node_modules", "js", ".locara", "test", "vendor", "build")
SECONDS = 600


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file, relative to the root of what is copied."""

    file: str
    find: str | None = None
    replace: str = ""
    write: str | None = None
    link: str | None = None
    remove: bool = False


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault. `rule` must fail; `second` are further rules expected to notice; empty `rule`: harmless. `app` is
    what a fault of the product is verified with."""

    id: str
    family: str
    why: str
    rule: str
    second: tuple[str, ...]
    quick: bool
    of_app: bool
    edits: tuple[Edit, ...]
    rules: tuple[str, ...]
    app: str = APP.name


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier said about one planted fault."""

    code: int
    results: Mapping[str, str]
    reasons: Mapping[str, str]
    text: str

    @property
    def failed(self) -> tuple[str, ...]:
        """Rules that failed."""
        return tuple(rule for rule, result in self.results.items() if result == "failed")


def load(path: Path) -> Planted:
    """Read one table. Raises ValueError when it is not complete."""
    table = tomllib.loads(path.read_text("utf-8"))
    edits = tuple(Edit(**edit) for edit in table["edit"])
    if table["id"] != (path.parent.name if path.name == "variant.toml" else path.stem):
        raise ValueError(f"{path}: the id is not the name of the file")
    second = tuple(table.get("second", ()))
    rule = table.get("rule", "")
    rules = tuple(table.get("rules", (rule, *second)))
    if not edits or not rules:
        raise ValueError(f"{path}: a planted fault has edits and rules")
    of_app = path.name == "variant.toml"
    return Planted(
        table["id"],
        table["family"],
        table["why"],
        rule,
        second,
        table.get("quick", False),
        of_app,
        edits,
        rules,
        table.get("app", APP.name),
    )


def mutants() -> tuple[Planted, ...]:
    """Faults of the product, by name."""
    return tuple(load(path) for path in sorted(MUTANTS.glob("*.toml")))


def harmless() -> tuple[Planted, ...]:
    """Changes of the product that are no faults."""
    return tuple(load(path) for path in sorted(HARMLESS.glob("*.toml")))


def hostile() -> tuple[Planted, ...]:
    """Faults of an app."""
    return tuple(load(path) for path in sorted(HOSTILE.glob("*/variant.toml")))


def apply(edit: Edit, root: Path) -> None:
    """Make one edit below `root`. Raises ValueError when the text to find is not there exactly once."""
    path = root / edit.file
    if edit.find is not None:
        text = path.read_text("utf-8")
        if text.count(edit.find) != 1:
            raise ValueError(
                f"{edit.file}: {text.count(edit.find)} places match, not one: {edit.find[:60]!r}"
            )
        path.write_text(text.replace(edit.find, edit.replace), "utf-8")
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()  # of the text before the edit
        return
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    if edit.write is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(edit.write, "utf-8")
    elif edit.link is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(edit.link)


@contextmanager
def copies(fault: Planted) -> Iterator[tuple[Path, Path]]:
    """The folder to import the product from, and the app, with the fault planted in a copy of one of them."""
    with tempfile.TemporaryDirectory(prefix="locara-quality-") as scratch:
        root = Path(scratch)
        ignore = shutil.ignore_patterns(*NOT_COPIED)
        if fault.of_app:
            product, app = REPOSITORY, root / "app"
            shutil.copytree(APP, app, ignore=ignore, symlinks=True)
            where = app
        else:
            product, app, where = root, APP.with_name(fault.app), root
            shutil.copytree(REPOSITORY / "locara", root / "locara", ignore=ignore, symlinks=True)
        for edit in fault.edits:
            apply(edit, where)
        yield product, app


def verify(fault: Planted, *, strict: bool, seed: int = 1) -> Verdict:
    """Run the verifier on the planted fault: the rule that must find it, or all that must let it pass."""
    with copies(fault) as places:
        return run(
            places,
            [fault.rule] if fault.rule else fault.rules,
            strict=strict,
            seed=seed,
            first=bool(fault.rule),
        )


def run(
    places: tuple[Path, Path],
    only: Sequence[str] = (),
    *,
    skip: Sequence[str] = (),
    strict: bool,
    seed: int,
    first: bool,
) -> Verdict:
    """Run the verifier as its own process on a product and an app (see `copies`).

    ``only`` and ``skip`` choose rules; ``first``: it ends as soon as something is found.
    """
    product, app = places
    with tempfile.TemporaryDirectory(prefix="locara-work-") as work:
        command = [
            sys.executable,
            "-m",
            "locara",
            "verify",
            str(app),
            "--format",
            "json",
            "--progress",
            "none",
        ]
        command += ["--seed", str(seed), *(["--strict"] if strict else []), *(["-x"] if first else [])]
        command += [word for rule in dict.fromkeys(only) for word in ("--only", rule)]
        command += [word for rule in skip for word in ("--skip", rule)]
        environment = {
            **os.environ,
            "PYTHONPATH": f"{product}{os.pathsep}{REPOSITORY / 'verify'}",
            "TMPDIR": work,
        }
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                env=environment,
                cwd=work,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Verdict(-1, {}, {}, f"no report within {SECONDS} s")
    return read(done.returncode, done.stdout, done.stderr)


def read(code: int, out: str, errors: str) -> Verdict:
    """The verdict out of a JSON report; without one there are no results."""
    try:
        report: Any = json.loads(out)
    except ValueError:
        return Verdict(code, {}, {}, errors[-2_000:])
    rules = report["rules"]
    results = {rule["id"]: rule["result"] for rule in rules}
    reasons = {rule["id"]: str(rule.get("reason", "")) for rule in rules}
    said = [
        f"{rule['id']}: {found['message']} ({found.get('because', '')})"
        for rule in rules
        for found in rule["findings"][:2]
    ]
    said += [f"{', '.join(part)}: looked at in part: {reason}" for reason, part in report["in_part"].items()]
    # With a report, the rest of what was said is the summary that a person reads: nothing new.
    return Verdict(code, results, reasons, "\n".join(said))


def killed(fault: Planted, verdict: Verdict) -> str | None:
    """None when the fault was found by its rule through findings; else what is wrong with the verdict."""
    if not fault.rule:
        wrong = [
            f"{rule} {result}"
            for rule, result in verdict.results.items()
            if result not in ("passed", "warned")
        ]
        return (
            None
            if verdict.code == 0 and verdict.results
            else f"a harmless change was refused: {wrong} {verdict.text}"
        )
    if verdict.code != 1:
        return f"exit {verdict.code}, not 1: {dict(verdict.reasons)} {verdict.text}"
    if fault.rule not in verdict.failed:
        return f"{fault.rule} did not fail; {', '.join(verdict.failed)} did: {verdict.text}"
    return None

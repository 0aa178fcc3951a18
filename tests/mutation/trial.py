"""Trying mutants: the tests are collected once, then every mutant is a forked child that runs them.

Quick tests come first, and property tests look at a few examples before they look at all of them: most mutants
need no more. A change inside functions is made by giving the living functions the changed code, which needs no second
import. A change of anything else (tables, classes, decorators), and one inside a function that already ran
while modules were imported, is tried in a child that imports the changed module from the start.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import hypothesis
import pytest

from tests.mutation.mutants import Mutant

MEMORY = 6 << 30
FEW = 20
OPTIONS = (
    "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:benchmark", "-p", "no:timeout",
    "--no-header", "--no-summary", "--hypothesis-profile=mutation",
)  # fmt: skip
_NO_ANSWER = 97

Function = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: ``killed`` by a test, by ``time`` or by an ``import``; ``survived``."""

    mutant: Mutant
    result: str
    by: str


@dataclass(slots=True)
class Baseline:
    """What the unchanged module does under its tests."""

    failed: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, list[Function]] = field(default_factory=dict)


def try_all(
    path: Path, tests: Sequence[str], mutants: Sequence[Mutant], said: Callable[[Outcome], None]
) -> None:
    """Try every mutant of a module, in this process's forked children. Raises RuntimeError when the tests
    fail without any mutant.
    """
    with tempfile.TemporaryDirectory(prefix="locara-mutation-") as scratch:
        log = Path(scratch) / "outcomes"
        log.touch()
        code = _forked(lambda: _session(path, tests, mutants, log, Path(scratch)), seconds=None)
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        if code != 0 or (lines and "failed" in lines[0]):
            raise RuntimeError(f"{path}: the tests fail without a mutant: {lines[:1]} (exit {code})")
        again: list[Mutant] = []
        budget, order = 60.0, list[str]()
        for line in lines:
            if "budget" in line:
                budget, order = line["budget"], line["order"]
            elif line["result"] == "import":
                again.append(mutants[line["mutant"]])
            else:
                said(Outcome(mutants[line["mutant"]], line["result"], line["by"]))
        for mutant in again:
            said(_imported(path, tests, mutant, Path(scratch), budget, order))


def _forked(work: Callable[[], int], *, seconds: float | None) -> int:
    """The exit code of `work` in a child; minus the signal that ended it. ``seconds`` of processor time, and
    twenty times as much by the clock: a busy machine is no infinite loop.
    """
    child = os.fork()
    if child == 0:
        code = _NO_ANSWER
        try:
            os.setpgid(0, 0)
            if seconds is not None:
                limit = int(seconds) + 1
                resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 2))
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            code = work()
        finally:
            os._exit(code)
    end = None if seconds is None else time.monotonic() + 20 * seconds
    while True:
        done, status = os.waitpid(child, 0 if end is None else os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if end is not None and time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            end = None
        time.sleep(0.005)


def _quiet() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)


def _profile() -> None:
    """No database, no shrinking, the same examples each time: a mutant is noticed or it is not."""
    hypothesis.settings.register_profile(
        "mutation",
        database=None,
        derandomize=True,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        suppress_health_check=list(hypothesis.HealthCheck),
    )


class _Session:
    """A pytest plugin: collects, measures once, then tries every mutant where tests would have run."""

    def __init__(self, path: Path, mutants: Sequence[Mutant], log: Path, scratch: Path) -> None:
        self.path, self.mutants, self.log, self.scratch = path, mutants, log, scratch
        self.at_import = _Calls(path)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.at_import.stop()
        report = self.scratch / "baseline"
        code = _forked(lambda: self._measure(session, report), seconds=None)
        baseline = Baseline(**json.loads(report.read_text("utf-8"))) if report.is_file() else Baseline("?")
        if code != 0 or baseline.failed:
            self._say(failed=baseline.failed or f"exit {code}")
            return True
        budget = 5.0 + 4 * sum(baseline.seconds.values())
        items = sorted(session.items, key=lambda item: baseline.seconds.get(item.nodeid, 0.0))
        self._say(budget=budget, order=[item.nodeid for item in items])
        callers: dict[Function, list[pytest.Item]] = defaultdict(list)
        for item in items:
            for name, line in baseline.calls.get(item.nodeid, ()):
                callers[name, line].append(item)
        living = _living(self.path)
        before = compile(self.path.read_text("utf-8"), str(self.path), "exec", dont_inherit=True)
        for number, mutant in enumerate(self.mutants):
            swaps = _swaps(self.path, before, mutant, living)
            if swaps is None:
                self._say(mutant=number, result="import", by="")
                continue
            changed = {(code.co_qualname, code.co_firstlineno) for code in swaps}
            chosen = [item for item in items if any(item in callers[one] for one in changed)]
            result, by = self._try(session, chosen, swaps, living, budget)
            if result == "survived" and changed & self.at_import.found:
                result = "import"
            self._say(mutant=number, result=result, by=by)
        return True

    def _measure(self, session: pytest.Session, report: Path) -> int:
        baseline = Baseline()
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            calls = _Calls(self.path)
            begin = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            calls.stop()
            baseline.seconds[item.nodeid] = time.process_time() - begin
            baseline.calls[item.nodeid] = sorted(calls.found)
            if session.testsfailed:
                baseline.failed = item.nodeid
                break
        report.write_text(
            json.dumps({"failed": baseline.failed, "seconds": baseline.seconds, "calls": baseline.calls}),
            "utf-8",
        )
        return 0

    def _try(
        self,
        session: pytest.Session,
        items: Sequence[pytest.Item],
        swaps: dict[CodeType, CodeType],
        living: dict[CodeType, list[FunctionType]],
        budget: float,
    ) -> tuple[str, str]:
        if not items:
            return "survived", "no test calls it"
        told = self.scratch / "told"
        told.unlink(missing_ok=True)

        def work() -> int:
            for old, new in swaps.items():
                for function in living[old]:
                    function.__code__ = new
            for item in _rounds(items):
                if session.testsfailed:
                    told.write_text(item, "utf-8")
                    return 1
            return 0

        return _judged(_forked(work, seconds=budget), told)

    def _say(self, **line: object) -> None:
        with self.log.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")


def _rounds(items: Sequence[pytest.Item]) -> Iterator[str]:
    """Run them, property tests with few examples and then with all of theirs. Gives the name of each that has run."""
    for few in (True, False):
        chosen = [item for item in items if _fewer(item, few=few)]
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield item.nodeid


def _fewer(item: pytest.Item, *, few: bool) -> bool:
    """Set how many examples a property test looks at; whether there is something to look at in this round."""
    test = getattr(getattr(item, "obj", None), "__func__", getattr(item, "obj", None))
    whole = getattr(test, "_hypothesis_internal_use_settings", None)
    if whole is None:
        return few
    kept = test.__dict__.setdefault("_locara_examples", whole)
    test._hypothesis_internal_use_settings = (
        hypothesis.settings(kept, max_examples=min(FEW, kept.max_examples)) if few else kept
    )
    return few or kept.max_examples > FEW


def _judged(code: int, told: Path) -> tuple[str, str]:
    if code == 0:
        return "survived", ""
    by = told.read_text("utf-8") if told.is_file() else ""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "time", by
    return "killed", by or f"exit {code}"


def _session(path: Path, tests: Sequence[str], mutants: Sequence[Mutant], log: Path, scratch: Path) -> int:
    _quiet()
    _profile()
    plugin = _Session(path, mutants, log, scratch)
    return int(pytest.main([*OPTIONS, f"--basetemp={scratch / 'tmp'}", *tests], plugins=[plugin]))


def _imported(
    path: Path, tests: Sequence[str], mutant: Mutant, scratch: Path, budget: float, order: Sequence[str]
) -> Outcome:
    """A mutant tried from the start: no module of ours is imported yet in this process."""
    told = scratch / "told"
    told.unlink(missing_ok=True)

    class Named:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                told.write_text(report.nodeid, "utf-8")

        def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
            place = {name: number for number, name in enumerate(order)}
            items = sorted(session.items, key=lambda item: place.get(item.nodeid, 0))
            return any(session.testsfailed for _ in _rounds(items)) or True

    def work() -> int:
        _quiet()
        _profile()
        sys.meta_path.insert(0, _Changed(path, mutant.source))
        return int(pytest.main([*OPTIONS, f"--basetemp={scratch / 'tmp'}", *tests], plugins=[Named()]))

    code = _forked(work, seconds=budget + 20)
    result, by = _judged(code, told)
    return Outcome(mutant, result, by or ("import" if result == "killed" else ""))


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and loads another text for it."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not str(self.path).endswith(f"/{name.replace('.', '/')}.py"):
            return None
        spec = importlib.util.spec_from_loader(name, self, origin=str(self.path))
        if spec is not None:
            spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, str(self.path), "exec", dont_inherit=True), module.__dict__)


class _Calls:
    """Which functions of a file are called while it listens, in every thread."""

    def __init__(self, path: Path) -> None:
        self.found: set[Function] = set()
        self._name = str(path)
        sys.setprofile(self._seen)
        threading.setprofile(self._seen)

    def _seen(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename == self._name:
            self.found.add((code.co_qualname, code.co_firstlineno))

    def stop(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


def _living(path: Path) -> dict[CodeType, list[FunctionType]]:
    """The functions of a file that exist, by their code."""
    found: dict[CodeType, list[FunctionType]] = defaultdict(list)
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename == str(path):
            found[thing.__code__].append(thing)
    return found


def _outer(code: CodeType) -> Iterator[CodeType]:
    """Code of functions that are defined at the top of a module or of its classes, in order."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 0x2:  # optimised: a function; a class body is not
                yield constant
            else:
                yield from _outer(constant)


def _shell(code: CodeType) -> object:
    """What a module or class body does apart from the insides of its functions."""
    consts = tuple(
        (_shell(one) if not one.co_flags & 0x2 else ("function", one.co_qualname))
        if isinstance(one, CodeType)
        else (type(one), one)
        for one in code.co_consts
    )
    return code.co_code, consts, code.co_names


def _swaps(
    path: Path, before: CodeType, mutant: Mutant, living: dict[CodeType, list[FunctionType]]
) -> dict[CodeType, CodeType] | None:
    """Code to replace in living functions; None when that cannot make the change."""
    after = compile(mutant.source, str(path), "exec", dont_inherit=True)
    if _shell(before) != _shell(after):
        return None
    found = {}
    for old, new in zip(_outer(before), _outer(after), strict=True):
        if old == new:
            continue
        if old not in living or old.co_freevars != new.co_freevars:
            return None
        found[old] = new
    return found or None


def total(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many of each result."""
    counts: dict[str, int] = defaultdict(int)
    for outcome in outcomes:
        counts[outcome.result] += 1
    return counts

"""One run of an app's tests: started in their sandbox, listened to, and ended when they take too long."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from locara.cli.test import TESTS, pytest_options
from locara.records import dataclass
from locara.sandbox.launcher import start
from locara_verify.own_tests.outcome import LINE_LIMIT, Outcome, TellingError, read
from locara_verify.own_tests.sandbox import tests_plan
from locara_verify.process import last_line

_PLUGIN: Final = "locara_verify.own_tests.told"
_TAIL: Final = 4_096


@dataclass(frozen=True, slots=True)
class Run:
    """What was told, and why that is no whole run (empty when it is)."""

    outcome: Outcome
    doubt: str


def arguments(app: Path, chosen: str) -> list[str]:
    """pytest's, for the tests that ``chosen`` names, as `locara test` runs them."""
    return [*pytest_options(app), "-p", _PLUGIN, "-q", "--tb=short", "--", chosen]


def run(app: Path, models: Path, seconds: float, said: Callable[[str], None], chosen: str = TESTS) -> Run:
    """Run them, at most ``seconds``; ``said`` is told each test that begins. Raises SandboxError when no sandbox comes
    up."""
    plan = tests_plan(app, models, arguments(app, chosen))
    with start(plan, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        told, words = process.popen.stdout, process.popen.stderr
        if told is None or words is None:
            raise ValueError("both streams are pipes")
        tail: list[bytes] = []
        listener = threading.Thread(target=_last_of, args=(words, tail), daemon=True)
        listener.start()
        try:
            outcome, doubt = read(_lines(told, said)), ""
        except TellingError as error:
            outcome, doubt = Outcome(), str(error)
            process.kill()
        finally:
            timer.cancel()
        listener.join(timeout=5)
    doubt = f"the tests took longer than {seconds:g} s" if late.is_set() else doubt or outcome.doubt
    last = last_line(b"".join(tail)).strip(" =-")
    return Run(outcome, f"{doubt}: {last}" if doubt and last else doubt)


def _lines(stream: IO[bytes], said: Callable[[str], None]) -> Iterator[bytes]:
    while line := stream.readline(LINE_LIMIT + 1):
        said(line[:120].decode("utf-8", "replace"))
        yield line


def _last_of(stream: IO[bytes], tail: list[bytes]) -> None:
    while chunk := os.read(stream.fileno(), 65_536):
        tail[:] = [(b"".join(tail) + chunk)[-_TAIL:]]

"""LC104 as well: nothing of a launcher stays. One that is killed takes the sandboxes of its app, of the window and of
every program with it, although what runs in them waits for something that does not end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NoReturn

from locara.errors import LocaraError
from locara.sandbox.launcher import LaunchPlan, Payload, Process, start
from locara_verify.check import CheckResult, check
from locara_verify.checks.forked import ended, forked
from locara_verify.checks.programs.confined import launches, probe_plan
from locara_verify.checks.programs.stage import has_programs
from locara_verify.checks.sandbox.layers import innermost
from locara_verify.checks.sandbox.plans import app_plan
from locara_verify.checks.waiting import happens
from locara_verify.checks.window.plans import no_window, window_of
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC104"
GONE_SECONDS: Final = 10.0
"""How long the end of a sandbox may take on a busy machine; it is a matter of the kernel alone."""

Born = tuple[int, str]
"""A process: its number, and the moment it began, so that a later one of the same number is another."""


@check("sandbox.outlived", rules=(RULE,), needs=frozenset({"kernel"}))
def run(ctx: Context) -> CheckResult:
    """One launcher with every kind of sandbox is killed."""
    tally = Tally()
    with ExitStack() as stack:
        plans = {"the app": app_plan(ctx)}
        if no_window(ctx.target) is None:
            plans["the window"] = stack.enter_context(window_of(ctx))
        if has_programs(ctx.target) is None:
            # One that is executed, and one that is a reader of ours: their sandboxes differ.
            plans |= {name: probe_plan(launch) for name, launch in launches() if name in ("ocr", "pdf")}
        judge(tally, plans)
    after_the_end(tally)
    return tally.result()


class _Nobody:
    """Who is outside of a sandbox that has ended."""

    background = "none"

    def begin(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def after_the_end(tally: Tally) -> None:
    """A sandbox that has ended is not killed again: its number may be another process's by then."""
    real, sent = os.kill, list[int]()
    with subprocess.Popen(["/bin/true"], stdin=subprocess.PIPE) as popen:
        popen.wait()
        over = threading.Event()
        over.set()
        process = Process(popen, {}, _Nobody(), over)
        os.kill = lambda pid, number: sent.append(pid)
        try:
            process.kill()
            process.close()
            process.kill()
        finally:
            os.kill = real
    tally.judge(
        RULE, popen.pid not in sent, "a process that has ended is killed again", f"{len(sent)} signals"
    )


def judge(tally: Tally, plans: dict[str, LaunchPlan]) -> None:
    """All processes of each sandbox: there while their launcher lives, gone once it was killed."""
    kept, held = os.pipe()  # what the sandboxes wait for: its other end is not the launcher's
    try:
        launcher, told = _launcher(list(plans.values()), kept)
        try:
            begun: list[list[Born]] = [[(pid, began) for pid, began in one] for one in told]
            alive = [all(_lives(born) for born in one) for one in begun]
        finally:
            os.kill(launcher, signal.SIGKILL)
            ended(launcher)
        end = time.monotonic() + GONE_SECONDS
        for at, name in enumerate(plans):
            started = at < len(begun) and alive[at]
            tally.twin(RULE, started, f"the sandbox of {name} runs while its launcher does")
            if not started:
                continue
            processes = begun[at]
            gone = happens(lambda: not any(map(_lives, processes)), end - time.monotonic())  # noqa: B023 - asked at once
            tally.judge(
                RULE,
                gone,
                f"the sandbox of {name} goes on although its launcher was killed",
                f"{sum(map(_lives, processes))} of its processes are there {GONE_SECONDS:.0f} s later",
            )
        _end([born for one in begun for born in one])
    finally:
        os.close(kept)
        os.close(held)


def _launcher(plans: Sequence[LaunchPlan], kept: int) -> tuple[int, list[list[Born]]]:
    """A process that started all of them and does nothing more, and what it started."""
    reading, writing = os.pipe()
    child = forked(lambda: _start_all(plans, kept, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    return child, json.loads(said or b"[]")


def _start_all(plans: Sequence[LaunchPlan], kept: int, writing: int) -> NoReturn:
    started = []
    with suppress(LocaraError, OSError):
        for plan in plans:
            waits = replace(plan, payload=Payload("inside.wait"))
            process = start(waits, stdin=kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            started.append((process, [process.pid, innermost(process.pid)]))
    with os.fdopen(writing, "w") as pipe:
        json.dump([[(pid, _began(pid)) for pid in pids] for _, pids in started], pipe)
    while True:
        signal.pause()


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did; nothing when it is no more, or waits to be buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _lives(born: Born) -> bool:
    pid, began = born
    return bool(began) and _began(pid) == began


def _end(begun: list[Born]) -> None:
    for pid, began in begun:
        if _lives((pid, began)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

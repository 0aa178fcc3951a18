"""LC526 as well: how long a program may wait, and how many run at a time. The real starter of an app's programs is
asked for a reader whose input never comes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from locara.errors import CallError, SandboxError
from locara_verify.check import CheckResult, check
from locara_verify.checks.programs.confined import launches
from locara_verify.checks.programs.stage import has_programs
from locara_verify.context import Context
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.programs.launch import Launch
    from locara.programs.starter import Starter
    from locara.sandbox.launcher import LaunchPlan

RULE: Final = "LC526"
AT_A_TIME: Final = 3
ASKED: Final = 8
WALL: Final[Mapping[str, float]] = {"ocr": 120.0, "pdf": 60.0, "speech": 60.0}
"""Seconds that a call of each program may take, whatever it does."""
_WALL_SECONDS: Final = 0.5
_LATE_SECONDS: Final = 10.0
_DECIDED_SECONDS: Final = 20.0


@check("programs.bounded", rules=(RULE,), needs=frozenset({"kernel"}), applies=has_programs)
def run(ctx: Context) -> CheckResult:
    """Eight calls at one moment, of which three begin, wait, and are ended by the clock."""
    from locara.programs.starter import Starter  # noqa: PLC0415 - loads the framework

    tally = Tally()
    known = dict(launches())
    for name, launch in known.items():
        wall = launch.limits.wall
        tally.judge(RULE, wall <= WALL[name], f"a call of {name} may take longer than it should", f"{wall} s")
    waits = replace(known["pdf"], limits=replace(known["pdf"].limits, wall=_WALL_SECONDS))
    crowd = Crowd()
    starter = Starter(plan=crowd.plan, launches={"waits": lambda _options: waits})
    try:
        streams = crowd.ask(starter)
        tally.twin(RULE, len(streams) >= AT_A_TIME, f"{AT_A_TIME} programs run at a time ({crowd.refused})")
        tally.judge(
            RULE,
            len(streams) <= AT_A_TIME,
            "more programs run at a time than may",
            f"{len(streams)} of {ASKED} calls began, not {AT_A_TIME}",
        )
        silent(tally, starter)
        for stream in streams:
            ended(tally, stream)
        room(tally, starter, crowd)
    finally:
        starter.close()
    return tally.result()


def silent(tally: Tally, starter: Starter) -> None:
    """What a program says beside its answer, hostile bytes among it, goes to nobody: no terminal, and no log."""
    began = 0
    for pid in starter.pids:
        with contextlib.suppress(OSError):
            place = os.readlink(f"/proc/{pid}/fd/2")  # noqa: PTH115 - the text as it is
            began += 1
            held = place == os.devnull
            tally.judge(RULE, held, "somebody hears what a program says beside its answer", place)
    tally.twin(RULE, bool(began), "where a program's complaints go can be seen")


class Crowd:
    """Calls of many threads, none of which goes on before each of them was given a place or refused one."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.broken = False
        self.planned = 0
        self._streams: list[socket.socket] = []
        self._turn = threading.Condition()

    def plan(self, launch: Launch) -> LaunchPlan:
        """The program's own plan, once all are decided. Raises SandboxError when it is to be broken."""
        from locara.programs.plan import program_plan  # noqa: PLC0415 - as above

        with self._turn:
            self.planned += 1
            self._turn.notify_all()
            if self.broken:
                raise SandboxError("broken on purpose", code="launch_failed")
            self._turn.wait_for(lambda: self.planned + len(self.refused) >= ASKED, _DECIDED_SECONDS)
        return program_plan(launch)

    def ask(self, starter: Starter) -> list[socket.socket]:
        """The streams of the calls that began."""
        threads = [threading.Thread(target=self._one, args=(starter,)) for _ in range(ASKED)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        return self._streams

    def _one(self, starter: Starter) -> None:
        try:
            stream = socket.socket(fileno=starter.begin("waits", {}))
        except CallError as error:
            with self._turn:
                self.refused.append(error.code)
                self._turn.notify_all()
            return
        with self._turn:
            self._streams.append(stream)


def ended(tally: Tally, stream: socket.socket) -> None:
    """The program behind a stream is ended by the clock, and says so."""
    from locara.programs.outcome import TIMED_OUT, outcome  # noqa: PLC0415 - as above

    said, began = b"", time.monotonic()
    with stream:
        stream.settimeout(_LATE_SECONDS)
        try:
            while piece := stream.recv(4096):
                said += piece
            told = f"its outcome was {outcome(said).code} after {time.monotonic() - began:.1f} s"
        except TimeoutError:
            told = f"it still ran {_LATE_SECONDS:.0f} s later"
    tally.judge(
        RULE,
        outcome(said).code == TIMED_OUT,
        "a program that waits was not ended when its time was over",
        f"it may take {_WALL_SECONDS} s: {told}",
    )


def room(tally: Tally, starter: Starter, crowd: Crowd) -> None:
    """A place is free again when its program ended, and when it could not begin."""
    crowd.broken = True
    codes: list[Any] = []
    for _ in range(2 * AT_A_TIME):
        before = crowd.planned
        try:
            starter.begin("waits", {})
        except CallError as error:
            codes.append(error.code if crowd.planned == before else "planned")
    tally.judge(
        RULE,
        set(codes) == {"planned"},
        "the place of a program that ended, or never began, is not given back",
        f"further calls were answered {', '.join(sorted(set(codes)))}",
    )

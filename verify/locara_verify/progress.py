"""Showing a run while it goes: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import TextIO

from locara.records import dataclass
from locara_verify.events import CheckFinished, CheckProgress, CheckStarted, Emit, Event
from locara_verify.plan import Task
from locara_verify.report.text import one_line

MODES = ("none", "bar", "log")


def mode_for(choice: str | None, stream: TextIO) -> str:
    """The mode that was asked for, or the one that suits ``stream``."""
    return choice or ("bar" if stream.isatty() else "log")


@dataclass(slots=True)
class Forecast:
    """How long the rest of a run takes, from what its checks took the last time.

    Checks that are not known count as the mean of the known ones. Exclusive ones run alone, the others ``jobs`` at a
    time. Without any known duration there is no forecast.
    """

    waiting: dict[str, tuple[float, bool]] = field(default_factory=dict)
    jobs: int = 1
    known: bool = False

    @classmethod
    def of(cls, tasks: Iterable[Task], expected: Mapping[str, int], jobs: int) -> Forecast:
        """The forecast for ``tasks``; ``expected`` are milliseconds by check."""
        found = [expected[task.check.name] for task in tasks if task.check.name in expected]
        mean = sum(found) / len(found) if found else 0.0
        waiting = {
            task.check.name: (expected.get(task.check.name, mean) / 1000, task.check.exclusive)
            for task in tasks
        }
        return cls(waiting, max(1, jobs), bool(found))

    def finished(self, check: str) -> None:
        """A check has ended."""
        self.waiting.pop(check, None)

    @property
    def share(self) -> float:
        """Seconds of work that wait, as one worker would need for them."""
        return sum(seconds for seconds, _ in self.waiting.values())

    @property
    def seconds(self) -> float | None:
        """About how long until the end, or None."""
        if not self.known:
            return None
        together = [seconds for seconds, alone in self.waiting.values() if not alone]
        alone = sum(seconds for seconds, alone in self.waiting.values() if alone)
        return max(sum(together) / self.jobs, max(together, default=0.0)) + alone


@contextmanager
def showing(
    mode: str, total: int, stream: TextIO | None = None, forecast: Forecast | None = None
) -> Iterator[Emit]:
    """An event sink that shows ``total`` tasks on ``stream`` (standard error). It never fails a run."""
    out = stream or sys.stderr
    ahead = forecast or Forecast()
    if mode == "bar":
        with _bar(total, out, ahead) as emit:
            yield emit
    elif mode == "log":
        yield _log(total, out, ahead)
    else:
        yield lambda _event: None


def _left(ahead: Forecast) -> str:
    return "" if ahead.seconds is None else f", about {ahead.seconds:.0f} s left"


def _log(total: int, out: TextIO, ahead: Forecast) -> Emit:
    finished = 0
    spoke: dict[str, float] = {}

    def emit(event: Event) -> None:
        nonlocal finished
        name = event.task.check.name
        match event:
            case CheckStarted():
                spoke[name] = time.monotonic()
                line = f"start   {name}"
            case CheckProgress(done=done, total=of):
                if time.monotonic() - spoke.get(name, 0.0) < 5.0:
                    return
                spoke[name] = time.monotonic()
                line = (
                    f"running {name}: {done:,}{f' of {of:,}' if of else ''} {one_line(event.note)}".rstrip()
                )
            case CheckFinished():
                finished += 1
                ahead.finished(name)
                took = "from the cache" if event.cached else f"{event.ms / 1000:.1f} s"
                line = f"done    {name} ({finished} of {total}, {took}{_left(ahead)}): {outcome(event)}"
        out.write(f"locara verify: {line}\n")
        out.flush()

    return emit


def outcome(event: CheckFinished) -> str:
    """A few words on how a check ended."""
    count = len(event.findings)
    found = f"{count} finding{'s' if count > 1 else ''}" if count else ""
    if event.result is None:
        reason = f"no result: {one_line(event.reason, limit=160)}"
        return f"{found}, then {reason}" if found else reason
    return found or "ok"


@contextmanager
def _bar(total: int, out: TextIO, ahead: Forecast) -> Iterator[Emit]:
    from rich.console import Console  # noqa: PLC0415 - a plain run does not pay for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=out), transient=True) as progress:
        overall = progress.add_task(f"verify{_left(ahead)}", total=total)
        rows: dict[str, TaskID] = {}

        def emit(event: Event) -> None:
            name = event.task.check.name
            match event:
                case CheckStarted():
                    rows[name] = progress.add_task(f"  {name}", total=None)
                case CheckProgress(done=done, total=of) if name in rows:
                    progress.update(rows[name], completed=done, total=of or None)
                case CheckFinished():
                    if name in rows:
                        progress.remove_task(rows.pop(name))
                    ahead.finished(name)
                    progress.update(overall, advance=1, description=f"verify{_left(ahead)}")
                case _:
                    pass

        yield emit

"""Showing a run while it goes: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from locara_verify.events import CheckFinished, CheckProgress, CheckStarted, Emit, Event
from locara_verify.report.text import one_line

MODES = ("none", "bar", "log")


def mode_for(choice: str | None, stream: TextIO) -> str:
    """The mode that was asked for, or the one that suits ``stream``."""
    return choice or ("bar" if stream.isatty() else "log")


@contextmanager
def showing(mode: str, total: int, stream: TextIO | None = None) -> Iterator[Emit]:
    """An event sink that shows ``total`` tasks on ``stream`` (standard error). It never fails a run."""
    out = stream or sys.stderr
    if mode == "bar":
        with _bar(total, out) as emit:
            yield emit
    elif mode == "log":
        yield _log(total, out)
    else:
        yield lambda _event: None


def _log(total: int, out: TextIO) -> Emit:
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
                line = f"done    {name} ({finished} of {total}, {event.ms / 1000:.1f} s): {outcome(event)}"
        out.write(f"locara verify: {line}\n")
        out.flush()

    return emit


def outcome(event: CheckFinished) -> str:
    """A few words on how a check ended."""
    if event.result is None:
        return f"no result: {one_line(event.reason, limit=160)}"
    count = len(event.result.findings)
    return "ok" if not count else f"{count} finding{'s' if count > 1 else ''}"


@contextmanager
def _bar(total: int, out: TextIO) -> Iterator[Emit]:
    from rich.console import Console  # noqa: PLC0415 - a plain run does not pay for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=out), transient=True) as progress:
        overall = progress.add_task("verify", total=total)
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
                    progress.advance(overall)
                case _:
                    pass

        yield emit

"""What the set-up tells the person who waits for it: one line a step, with the time it took."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

LOG = Path(".venv/locara-setup.log")


class SetupError(Exception):
    """The set-up cannot go on; the message says what the person can do."""


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step, and say how long it took or that it failed."""
    start = time.monotonic()
    _write(f"dev: {title} ...")
    try:
        yield
    except BaseException:
        _write(f"dev: {title}: failed after {time.monotonic() - start:.0f} s")
        raise
    _write(f"dev: {title}: done in {time.monotonic() - start:.0f} s")


def detail(text: str) -> None:
    """One indented line below the current step."""
    _write(f"     {text}")


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    watch: Callable[[str], str | None] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command, keep its output in the set-up log, and show the lines that `watch` finds worth showing.

    Raises SetupError with the last lines of the output when the command fails.
    """
    LOG.parent.mkdir(exist_ok=True)
    tail: list[str] = []
    with (
        LOG.open("a", encoding="utf-8") as log,
        subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=env,
            cwd=cwd,
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            tail = [*tail[-19:], line.rstrip()]
            shown = watch(line) if watch else None
            if shown:
                detail(shown)
    if process.returncode:
        raise SetupError(
            "\n".join(
                [
                    "",
                    *tail,
                    "",
                    f"the command failed with {process.returncode}: {command[0]} ... (whole log: {LOG})",
                ]
            )
        )


def _write(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

"""One worker process: started clean, read line by line with a limit, killed together with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

LINE_LIMIT: Final = 32 << 20
"""Longest message of a worker, in bytes. A longer one is malformed."""

_IGNORED: Final = ("PYTEST_", "HYPOTHESIS_", "PYTHONSTARTUP", "PYTHONINSPECT", "LOCARA_VERIFY_")
_TAIL: Final = 4096
_GRACE: Final = 5.0
"""Seconds between the end of its output and the end of the process."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A started worker. ``stderr`` is the file that collects what it and its libraries say."""

    process: subprocess.Popen[bytes]
    stderr: Path

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group and session."""
        return self.process.pid

    def lines(self) -> Iterator[bytes]:
        """Each line it writes, without the newline; ends when it closes its output.

        Raises ValueError for a line above LINE_LIMIT or one that stops in the middle.
        """
        stream = _stream(self.process.stdout)
        while line := stream.readline(LINE_LIMIT + 1):
            if not line.endswith(b"\n"):
                raise ValueError("a line is too long" if len(line) > LINE_LIMIT else "a line is cut off")
            yield line[:-1]

    def kill(self) -> None:
        """Kill it and everything below it; harmless when it has ended."""
        family = descendants(self.pid) if self.process.poll() is None else ()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for pid in family:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> int:
        """Its exit status, negative for a signal, once its output ended. What it left behind is killed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_GRACE)
        self.kill()
        return self.process.wait()

    def last_words(self) -> str:
        """The last line it wrote to stderr, printable and short; empty when there was none."""
        with contextlib.suppress(OSError), self.stderr.open("rb") as file:
            file.seek(max(0, self.stderr.stat().st_size - _TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
            for line in reversed(lines):
                if text := "".join(c if c.isprintable() else " " for c in line).strip():
                    return text[:200]
        return ""


def start(command: tuple[str, ...], message: bytes, workdir: Path) -> Worker:
    """Start ``python -P command`` in ``workdir`` with ``message`` on its standard input.

    The folder of the app is never the current one and never on the module path, so nothing in it is imported.
    """
    stderr = workdir.parent / f"{workdir.name}.log"
    with stderr.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=workdir,
            env=environment(os.environ),
            start_new_session=True,
        )
    worker = Worker(process, stderr)
    stream = _stream(process.stdin)
    with contextlib.suppress(BrokenPipeError):  # it ended already; its exit status tells more
        stream.write(message)
        stream.close()
    return worker


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """``ours`` without the variables that would steer a check, and with a fixed hash seed."""
    kept = {key: value for key, value in ours.items() if not key.startswith(_IGNORED)}
    return {**kept, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}


def descendants(pid: int) -> tuple[int, ...]:
    """Processes below ``pid``, children before grandchildren; empty where /proc does not tell."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    # The command name may hold spaces and parentheses; the parent follows the last one.
                    fields = Path(entry.path, "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                    children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return tuple(found)


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # only when Popen was not asked for a pipe
        raise ValueError("the worker has no pipe")
    return stream

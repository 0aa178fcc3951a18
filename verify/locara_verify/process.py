"""Worker processes: forked from one warm process, read with a limit, killed with all they started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, Self

from locara.records import dataclass

NURSERY: Final = ("-P", "-m", "locara_verify.worker")
START: Final = b"s"
"""Asks the nursery for a worker; three descriptors come with it: task, output and log."""
LIVE: Final = "live"
"""Tells the nursery that several workers are going to start the app."""
TRUST: Final = "trust"
"""Tells it that several are going to verify signatures and logs."""
LINE_LIMIT: Final = 32 << 20
"""Longest message of a worker, in bytes. A longer one is malformed."""

_IGNORED: Final = ("PYTEST_", "HYPOTHESIS_", "PYTHONSTARTUP", "PYTHONINSPECT", "LOCARA_VERIFY_")
_TAIL: Final = 4096
_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0
"""Between the end of a worker's output and its own end."""


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Worker:
    """A started worker. ``output`` is read once, by ``lines``; ``stderr`` is the file of its log."""

    pid: int
    output: int
    stderr: Path

    def lines(self) -> Iterator[bytes]:
        """Each line it writes, without the newline; ends when it closes its output.

        Raises ValueError for a line above LINE_LIMIT or one that stops in the middle.
        """
        with os.fdopen(self.output, "rb") as stream:
            while line := stream.readline(LINE_LIMIT + 1):
                if not line.endswith(b"\n"):
                    raise ValueError("a line is too long" if len(line) > LINE_LIMIT else "a line is cut off")
                yield line[:-1]

    def kill(self) -> None:
        """Kill it and everything below it; harmless when it has ended."""
        for pid in descendants(self.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """The last line it wrote to stderr, printable and short; empty when there was none."""
        with contextlib.suppress(OSError), self.stderr.open("rb") as file:
            file.seek(max(0, self.stderr.stat().st_size - _TAIL))
            return last_line(file.read())
        return ""


def last_line(text: bytes) -> str:
    """The last line with something on it, printable and short; empty when there is none."""
    for line in reversed(text.decode("utf-8", "replace").splitlines()):
        if clean := "".join(c if c.isprintable() else " " for c in line).strip():
            return clean[:200]
    return ""


@dataclass(slots=True)
class Nursery:
    """The process that workers are forked from: no threads, imports done once. A context manager.

    It runs with ``-P`` outside the app and with a fixed hash seed, so nothing of the app is imported and
    sets have the same order in every run. When it or its owner dies, the kernel ends every worker.
    """

    _process: subprocess.Popen[bytes]
    _channel: socket.socket
    _ended: dict[int, int] = field(default_factory=dict)
    _unread: bytes = b""

    @classmethod
    def open(cls, workdir: Path, *, shared: Sequence[str] = ()) -> Self:
        """Start it in ``workdir``; ``shared`` is what several workers are going to need. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, (workdir / "nursery.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *NURSERY, str(theirs.fileno()), str(os.getpid()), *shared],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=workdir,
                env=environment(os.environ),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        return cls(process, ours)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def start(self, message: bytes, workdir: Path) -> Worker:
        """Fork a worker for the task in ``message`` with ``workdir`` as its folder. Raises OSError."""
        stderr = workdir.parent / f"{workdir.name}.log"
        task = os.memfd_create("task") if hasattr(os, "memfd_create") else _scratch(workdir)
        output, write_end = os.pipe()
        log = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(task, message)
            os.lseek(task, 0, os.SEEK_SET)
            socket.send_fds(self._channel, [START], [task, write_end, log])
            pid = self._next("started", _START_SECONDS)
        except BaseException:
            os.close(output)
            raise
        finally:
            for fd in (task, write_end, log):
                os.close(fd)
        return Worker(pid, output, stderr)

    def end(self, worker: Worker) -> int:
        """The exit status of a worker whose output ended, negative for a signal. What it left is killed.

        Raises OSError when the nursery is gone.
        """
        with contextlib.suppress(TimeoutError):
            self._wait_for(worker.pid, _END_SECONDS)
        worker.kill()
        self._wait_for(worker.pid, _START_SECONDS)
        return self._ended.pop(worker.pid)

    def _wait_for(self, pid: int, seconds: float) -> None:
        while pid not in self._ended:
            self._next("ended", seconds)

    def _next(self, wanted: str, seconds: float) -> int:
        """Read messages until one of the kind ``wanted``; ends of workers are remembered on the way."""
        self._channel.settimeout(seconds)
        while True:
            line, newline, rest = self._unread.partition(b"\n")
            if not newline:
                data = self._channel.recv(4096)
                if not data:
                    raise ConnectionError("the process that starts workers ended")
                self._unread += data
                continue
            self._unread = rest
            message = json.loads(line)
            if "ended" in message:
                self._ended[message["ended"]] = message["status"]
            if wanted in message:
                return int(message[wanted])


def bare_environment(home: Path) -> dict[str, str]:
    """What a program of a check starts with that is to find this framework and nothing of whoever runs the check."""
    import locara  # noqa: PLC0415 - only its place is wanted
    import locara_verify  # noqa: PLC0415 - as above

    places = {str(Path(next(iter(package.__path__))).parent) for package in (locara, locara_verify)}
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(sorted(places)),
    }


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """``ours`` without the variables that would steer a check, with a fixed hash seed and no threads for NumPy."""
    kept = {key: value for key, value in ours.items() if not key.startswith(_IGNORED)}
    return {**kept, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1"}


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


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _scratch(workdir: Path) -> int:
    path = workdir / "task.json"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    path.unlink()
    return fd

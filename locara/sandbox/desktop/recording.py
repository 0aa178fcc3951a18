"""A device that another program reads for us: the program writes into a pipe whose other end the app is given.

The program ends with the pipe: nobody who stopped reading keeps a microphone on.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from locara.errors import CallError
from locara.sandbox.desktop import programs

_BEGIN_SECONDS: Final = 3.0


class PipeEnd:
    """The reading end of a pipe until somebody takes it."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd
        self._lock = threading.Lock()

    def take(self) -> int:
        """The descriptor; it is the caller's from now on. Raises ValueError the second time."""
        with self._lock:
            fd, self._fd = self._fd, None
        if fd is None:
            raise ValueError("the descriptor was handed over already")
        return fd

    def close(self) -> None:
        """Close it, if it is still here. Idempotent."""
        with self._lock:
            fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


class ProgramRecording:
    """See Recording."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self._process = process
        self._end = PipeEnd(fd)

    def hand_over(self) -> int:
        """See Recording."""
        return self._end.take()

    def stop(self) -> None:
        """See Recording."""
        self._end.close()
        if self._process.poll() is None:
            programs.end(self._process)

    def running(self) -> bool:
        """See Recording."""
        return self._process.poll() is None


def record(
    command: Sequence[str], *, failed: CallError, environ: Mapping[str, str] | None = None
) -> ProgramRecording:
    """Start a program and wait for its first bytes. Raises ``failed`` when it ends before it gives any."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        process = programs.start(command, stdout=writing, environ=environ)
    except OSError as error:
        os.close(reading)
        raise failed from error
    finally:
        os.close(writing)
    began = ProgramRecording(process, reading)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    for _, event in poll.poll(_BEGIN_SECONDS * 1_000):
        if not event & select.POLLIN:  # the program closed its end and gave nothing
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            began.stop()
            raise failed
    return began  # a device that is silent so far is on all the same

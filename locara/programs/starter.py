"""Outside: starts a call of a program, watches it, and says how it ended.

The runtime's descriptor is the program's life: when the last copy of it closes, the program is killed. After the
program ended its outcome is written behind its output, by this side, so no output can forge it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from locara.errors import CallError, SandboxError
from locara.programs import espeak, pdfium, tesseract
from locara.programs.launch import Launch
from locara.programs.outcome import TIMED_OUT, trailer
from locara.programs.plan import program_plan
from locara.sandbox.launcher import LaunchPlan, Process, start

MAX_RUNNING: Final = 3
_LOOK_SECONDS: Final = 0.02
_TRAILER_SECONDS: Final = 10.0

LAUNCHES: Final[Mapping[str, Callable[[Mapping[str, Any]], Launch]]] = MappingProxyType(
    {"ocr": tesseract.launch, "pdf": pdfium.launch, "speech": espeak.speak, "voices": espeak.voices}
)
FACTS: Final[Mapping[str, Callable[[], Mapping[str, Any]]]] = MappingProxyType(
    {"ocr": tesseract.facts, "pdf": pdfium.facts, "speech": espeak.facts, "voices": espeak.facts}
)


class Starter:
    """The programs of one app. At most `MAX_RUNNING` calls run at a time."""

    def __init__(
        self,
        *,
        plan: Callable[[Launch], LaunchPlan] = program_plan,
        launches: Mapping[str, Callable[[Mapping[str, Any]], Launch]] = LAUNCHES,
    ) -> None:
        self._plan = plan
        self._launches = launches
        self._running: dict[int, Process] = {}
        self._lock = threading.Lock()
        self._starting = 0
        self._closed = False

    def facts(self, name: str) -> Mapping[str, Any]:
        """What this machine has of a program. Raises CallError."""
        return FACTS[name]()

    def begin(self, name: str, options: Mapping[str, Any]) -> int:
        """Start one call and return the runtime's end of its stream. Raises CallError."""
        launch = self._launches[name](options)
        self._take_place()
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                process = self._start(launch, theirs)
            except BaseException:
                ours.close()
                theirs.close()
                raise
        finally:
            with self._lock:
                self._starting -= 1
        threading.Thread(
            target=self._watch, args=(process, theirs, launch.limits.wall), name="locara-program", daemon=True
        ).start()
        return ours.detach()

    def _take_place(self) -> None:
        with self._lock:
            if self._closed or len(self._running) + self._starting >= MAX_RUNNING:
                raise CallError(f"at most {MAX_RUNNING} programs run at a time", code="busy")
            self._starting += 1

    def _start(self, launch: Launch, theirs: socket.socket) -> Process:
        try:
            process = start(
                self._plan(launch), stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL
            )
        except SandboxError as error:
            # The app hears why in one word: what a launcher says names places on the host.
            raise CallError(
                f"the sandbox of {launch.name} did not start: {error.code}",
                code="program_unavailable",
                fix=error.fix or "locara doctor says what this machine can enforce",
            ) from error
        with self._lock:
            self._running[process.pid] = process
            closed = self._closed
        if closed:
            process.kill()
        return process

    def _watch(self, process: Process, theirs: socket.socket, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        hung_up = select.poll()
        hung_up.register(theirs, 0)  # the end of the other side is always told
        timed_out = False
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_SECONDS)
                break
            timed_out = time.monotonic() >= deadline
            if timed_out or hung_up.poll(0):
                process.kill()
                process.wait()
                break
        code = process.wait()
        with theirs, contextlib.suppress(OSError):
            theirs.settimeout(_TRAILER_SECONDS)
            theirs.sendall(trailer(TIMED_OUT if timed_out else code))
        process.close()
        with self._lock:
            self._running.pop(process.pid, None)

    def close(self) -> None:
        """Kill every call that still runs. Idempotent."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for process in running:
            process.kill()

    @property
    def pids(self) -> list[int]:
        """The outer processes of the calls that run now."""
        with self._lock:
            return list(self._running)


def program_names() -> tuple[str, ...]:
    """Every program there is."""
    return tuple(LAUNCHES)

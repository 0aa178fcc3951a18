"""The owner's end of a tracing: it forks the tracer before anything is started, and hears from it at the end."""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

from locara.records import dataclass
from locara.sandbox.linux.identity import ordinary_identity
from locara_verify.oracle.trace import calls
from locara_verify.oracle.trace.lookups import Id, Lookups, Seen

STAND_IN: Final = "the stand-in"
_READY: Final = b"ready\n"
_SECONDS: Final = 30.0
_FAULT: Final = 70
_YAMA: Final = Path("/proc/sys/kernel/yama/ptrace_scope")


class TraceError(Exception):
    """The tracing did not begin, or told nothing: what it would have seen proves nothing."""


@dataclass(slots=True)
class Trace:
    """A process that waits to be told what to trace. ``shared`` holds the number of the current request."""

    pid: int
    channel: socket.socket
    shared: mmap.mmap

    def begin(
        self,
        places: Mapping[Id, str],
        *,
        processes: Iterable[tuple[int, str]] = (),
        threads: Iterable[tuple[int, str]] = (),
        stand_in: Path | None = None,
    ) -> None:
        """Trace every thread of ``processes`` and single ``threads``, each with the name of its role, and what they
        make. ``stand_in``: a process of no sandbox opens this file, looks for a socket and for a program there, and
        is traced as well. Raises TraceError when the system refuses it."""
        task = {
            "places": [[*key, place] for key, place in places.items()],
            "processes": [*processes],
            "threads": [*threads],
            "stand_in": None if stand_in is None else str(stand_in),
        }
        self.channel.settimeout(_SECONDS)
        try:
            self.channel.sendall(json.dumps(task).encode() + b"\n")
            said = self._line()
        except OSError as error:
            raise TraceError(f"the tracer did not begin: {error}") from error
        if said != _READY:
            raise TraceError(f"the system call trace was refused: {said.decode('utf-8', 'replace').strip()}")

    def mark(self, number: int) -> None:
        """What is seen from now on belongs to the request of this number."""
        self.shared[:8] = number.to_bytes(8, sys.byteorder, signed=True)

    def finish(self) -> list[Seen]:
        """Let everything go on by itself; all that was seen. Raises TraceError."""
        os.kill(self.pid, signal.SIGUSR1)
        try:
            rows = json.loads(b"".join(iter(lambda: self.channel.recv(1 << 16), b"")))
        except (OSError, ValueError) as error:
            raise TraceError(f"the tracer told nothing: {error}") from error
        return [Seen(**{**row, "thing": (row["thing"][0], row["thing"][1])}) for row in rows]

    def _line(self) -> bytes:
        data = b""
        while not data.endswith(b"\n"):
            more = self.channel.recv(1)  # what comes behind the line is read later
            if not more:
                break
            data += more
        return data


@contextmanager
def tracing() -> Iterator[Trace]:
    """A tracer, forked from this process, which must have no threads yet. At the end nothing is traced any more."""
    from locara_verify.oracle.trace import kernel, tracer  # noqa: PLC0415 - this kernel's alone

    shared = mmap.mmap(-1, mmap.PAGESIZE)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            kernel.end_with_parent()
            _serve(theirs, shared, tracer)
        finally:
            os._exit(_FAULT)
    theirs.close()
    kernel.let_trace(pid)
    try:
        yield Trace(pid, ours, shared)
    finally:
        # The kernel lets go of whatever a tracer that ends has traced.
        ours.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(channel: socket.socket, shared: mmap.mmap, tracer: Any) -> NoReturn:  # noqa: ANN401 - a module
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with channel.makefile("rb", buffering=0) as told:
        line = told.readline()
        if not line:
            os._exit(0)
        task = json.loads(line)
    places = {(device, inode): place for device, inode, place in task["places"]}
    one = tracer.Tracer.over(shared, Lookups(places))
    processes = [(pid, role) for pid, role in task["processes"]]
    acts: Callable[[], None] | None = None
    try:
        if task["stand_in"] is not None:
            child, acts = _stand_in(task["stand_in"])
            processes.append((child, STAND_IN))

        def ready() -> None:
            channel.sendall(_READY)
            if acts is not None:
                acts()

        seen = tracer.serve(one, processes, [(tid, role) for tid, role in task["threads"]], ready)
    except OSError as error:
        channel.sendall(f"{error}\n".encode())
        os._exit(_FAULT)
    channel.sendall(json.dumps([item._asdict() for item in seen]).encode())
    os._exit(0)


def _stand_in(path: str) -> tuple[int, Callable[[], None]]:
    """A child that does, once it is told to, what nothing traced may do."""
    wait, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(tell)
            os.read(wait, 1)
            os.close(os.open(path, os.O_RDONLY))
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as reaching:
                reaching.connect(f"/proc/self/fd/{wait}")
            os.execv(path, [path])  # noqa: S606 - no program: it fails
        finally:
            os._exit(0)
    os.close(wait)
    return child, lambda: os.close(tell)


@cache
def refused() -> str | None:
    """Why system calls cannot be traced here, or None: a child of ordinary rights is traced to find it out."""
    if not sys.platform.startswith("linux"):
        return f"system calls are traced on Linux, and this is {sys.platform}"
    if not calls.known():
        return f"the numbers of system calls are not known for {platform.machine()}"
    if _YAMA.is_file() and _YAMA.read_text("ascii", "replace").strip() == "3":
        return "this system forbids tracing (kernel.yama.ptrace_scope is 3)"
    identity = ordinary_identity(os.getuid(), os.environ)
    waits = ["/bin/sh", "-c", "read nothing"]
    owner = None if identity is None else identity.uid
    with subprocess.Popen(waits, stdin=subprocess.PIPE, user=owner) as child:
        try:
            _try(child.pid)
        except OSError as error:
            return f"this system does not let system calls be traced: {errno.errorcode.get(error.errno or 0)}"
        finally:
            child.kill()
    return None


def _try(pid: int) -> None:
    """Have a child stop at a call and read which one it is. Raises OSError."""
    import ctypes  # noqa: PLC0415 - as above

    from locara_verify.oracle.trace import kernel  # noqa: PLC0415 - as above

    kernel.seize(pid)
    kernel.interrupt(pid)
    os.waitpid(pid, kernel.WALL)
    if not kernel.call_info(pid, ctypes.create_string_buffer(kernel.INFO_SIZE)):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    kernel.detach(pid)

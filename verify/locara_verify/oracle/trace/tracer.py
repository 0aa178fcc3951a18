"""The process that traces: it follows threads from stop to stop and keeps what they asked of the kernel."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import signal
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import field
from pathlib import Path
from typing import Final

from locara.records import dataclass
from locara_verify.oracle.trace import calls, kernel
from locara_verify.oracle.trace.calls import Call
from locara_verify.oracle.trace.lookups import Lookups, Seen
from locara_verify.oracle.trace.record import Pending, Record

MARK: Final = struct.Struct("=q")
MOST: Final = 200_000
FOREIGN: Final = Call("a call of another architecture", calls.POWER)
_OTHER_ABI: Final = 1  # x32: the same calls by other numbers
_ENTRY: Final = struct.Struct("=BxxxIQQQ6Q")
_EXIT: Final = struct.Struct("=BxxxIQQqB")
_DETACH_SECONDS: Final = 5.0
_STOPS: Final = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})


class Enough(Exception):
    """The tracing is to end."""


@dataclass(slots=True)
class Tracer:
    """Everything that is known of the traced threads. ``shared`` holds the number of the current request."""

    shared: mmap.mmap
    record: Record
    roles: dict[int, str] = field(default_factory=dict)
    pending: dict[int, Pending | None] = field(default_factory=dict)
    waiting: bool = False
    ending: bool = False

    @classmethod
    def over(cls, shared: mmap.mmap, lookups: Lookups) -> Tracer:
        """A tracer that follows nothing yet."""
        one = cls(shared, Record(lookups, lambda _: ""))
        one.record.role = one.role_of
        return one

    def follow(self, thread: int, role: str) -> None:
        """Seize a thread and have it stop, so that it is traced from its next call on. Raises OSError."""
        kernel.seize(thread)
        self.roles[thread] = role
        kernel.interrupt(thread)

    def follow_all(self, process: int, role: str) -> None:
        """Seize every thread of a process, also those that appear meanwhile. Raises OSError."""
        while True:
            new = [thread for thread in threads_of(process) if thread not in self.roles]
            if not new:
                return
            for thread in new:
                try:
                    self.follow(thread, role)
                except OSError as error:
                    if error.errno != errno.ESRCH and thread in threads_of(process):
                        raise
                    self.roles.setdefault(thread, role)

    def run(self) -> None:
        """Go from stop to stop until nothing is left to trace or the owner has enough."""
        info = ctypes.create_string_buffer(kernel.INFO_SIZE)
        try:
            while len(self.record.seen) < MOST:
                self.waiting = True
                if self.ending:
                    break
                thread, status = os.waitpid(-1, kernel.WALL)
                self.waiting = False
                if status & 0xFF != 0x7F:
                    self._gone(thread)
                elif status >> 8 == kernel.CALL_STOP:
                    self._at_call(thread, info)
                    kernel.go_on(thread)
                else:
                    self._at_event(thread, (status >> 8) & 0xFF, status >> 16)
        except (Enough, ChildProcessError):
            pass
        finally:
            self.waiting = False
            self.let_go()

    def enough(self, *_: object) -> None:
        """The handler of the signal that ends the tracing: it may break off only a wait."""
        self.ending = True
        if self.waiting:
            raise Enough

    def let_go(self) -> None:
        """Detach from every thread. One that runs is stopped for it; one that ends meanwhile is no matter."""
        deadline = time.monotonic() + _DETACH_SECONDS
        for thread in list(self.roles):
            asked = False
            while time.monotonic() < deadline:
                try:
                    kernel.detach(thread)
                    break
                except OSError:
                    pass
                try:
                    if not asked:
                        kernel.interrupt(thread)
                        asked = True
                    found, status = os.waitpid(thread, kernel.WALL | os.WNOHANG)
                except OSError:
                    break  # it has ended
                if found and status & 0xFF != 0x7F:
                    break
                if not found:
                    time.sleep(0.0005)
        self.roles.clear()

    def _gone(self, thread: int) -> None:
        self.roles.pop(thread, None)
        self.pending.pop(thread, None)
        self.record.drop_memory(thread)

    def _at_event(self, thread: int, number: int, event: int) -> None:
        if event in kernel.FORKED:
            with contextlib.suppress(OSError):
                self.roles.setdefault(kernel.event_message(thread), self.role_of(thread))
            kernel.go_on(thread)
        elif event == kernel.EXECED:
            self.record.drop_memory(thread)
            kernel.go_on(thread)
        elif event == kernel.STOPPED:
            self.role_of(thread)
            if number in _STOPS:
                with contextlib.suppress(OSError):
                    kernel.listen(thread)
            else:
                kernel.go_on(thread)
        else:
            kernel.go_on(thread, number)

    def role_of(self, thread: int) -> str:
        """Whose thread it is. A new one may stop before its maker tells of it."""
        role = self.roles.get(thread)
        if role is None:
            role = next((self.roles[one] for one in family_of(thread) if one in self.roles), "a stranger")
            self.roles[thread] = role
        return role

    def _at_call(self, thread: int, info: ctypes.Array[ctypes.c_char]) -> None:
        if not kernel.call_info(thread, info):
            return
        operation = info.raw[0]
        if operation == kernel.ENTRY:
            _, architecture, _, _, number, *arguments = _ENTRY.unpack_from(info)
            call = calls.table().get(number)
            if architecture != calls.architecture() or number >> 30 == _OTHER_ABI:
                call = FOREIGN
            if call is not None:
                self.record.at(MARK.unpack_from(self.shared)[0])
                self.pending[thread] = self.record.begun(thread, call, tuple(arguments))
        elif operation == kernel.EXIT:
            pending = self.pending.pop(thread, None)
            if pending is not None:
                value, failed = _EXIT.unpack_from(info)[4:6]
                self.record.at(MARK.unpack_from(self.shared)[0])
                with contextlib.suppress(OSError):  # it is gone
                    self.record.ended(thread, pending, value, -value if failed else 0)


def threads_of(process: int) -> tuple[int, ...]:
    """The threads of a process; none for one that is gone."""
    try:
        return tuple(int(name) for name in os.listdir(f"/proc/{process}/task"))  # noqa: PTH208
    except OSError:
        return ()


def family_of(thread: int) -> tuple[int, ...]:
    """The process of a thread, and that one's parent."""
    found = {}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{thread}/status").read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            found[key] = value
    return tuple(int(found[key]) for key in ("Tgid", "PPid") if key in found)


def serve(
    tracer: Tracer,
    processes: Iterable[tuple[int, str]],
    threads: Iterable[tuple[int, str]],
    ready: Callable[[], None],
) -> list[Seen]:
    """Trace until the signal comes; what was seen. Raises OSError where the system does not allow it."""
    signal.signal(signal.SIGUSR1, tracer.enough)
    try:
        for process, role in processes:
            tracer.follow_all(process, role)
        for thread, role in threads:
            tracer.follow(thread, role)
    except BaseException:
        tracer.let_go()
        raise
    ready()
    tracer.run()
    return tracer.record.seen

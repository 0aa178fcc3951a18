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
from collections.abc import Iterable
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara_verify.oracle.trace import calls, kernel
from locara_verify.oracle.trace.calls import Call
from locara_verify.oracle.trace.lookups import (
    CONFINED,
    NOWHERE,
    Found,
    Id,
    Lookups,
    Seen,
    of_descriptor,
    parted,
    text_at,
)

MARK: Final = struct.Struct("=q")
_ENTRY: Final = struct.Struct("=BxxxIQQQ6Q")
_EXIT: Final = struct.Struct("=BxxxIQQqB")
_HOW: Final = struct.Struct("=QQQ")
_INT: Final = 1 << 31
_THREAD: Final = 0x10000
_EMPTY_PATH: Final = 0x1000
_O_PATH: Final = getattr(os, "O_PATH", 0)
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_DETACH_SECONDS: Final = 5.0
_STOPS: Final = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
MOST: Final = 200_000
NOTHING: Final[Id] = (0, 0)
NOT_FOUND: Final[Found] = (NOWHERE, NOTHING, False)


class Enough(Exception):
    """The tracing is to end."""


@dataclass(slots=True)
class Pending:
    """A call that a thread is in."""

    call: Call
    arguments: tuple[int, ...]
    names: tuple[tuple[int, str], ...] = ()
    flags: int = 0
    resolve: int = 0


@dataclass(slots=True)
class Tracer:
    """Everything that is known of the traced threads. ``shared`` holds the number of the current request."""

    shared: mmap.mmap
    lookups: Lookups
    seen: list[Seen] = field(default_factory=list)
    roles: dict[int, str] = field(default_factory=dict)
    pending: dict[int, Pending | None] = field(default_factory=dict)
    memories: dict[int, int] = field(default_factory=dict)
    mark: int = 0
    waiting: bool = False
    ending: bool = False

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
            while len(self.seen) < MOST:
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
        self._drop_memory(thread)

    def _drop_memory(self, thread: int) -> None:
        memory = self.memories.pop(thread, None)
        if memory is not None:
            os.close(memory)

    def _at_event(self, thread: int, number: int, event: int) -> None:
        if event in kernel.FORKED:
            with contextlib.suppress(OSError):
                self.roles.setdefault(kernel.event_message(thread), self._role(thread))
            kernel.go_on(thread)
        elif event == kernel.EXECED:
            self._drop_memory(thread)
            kernel.go_on(thread)
        elif event == kernel.STOPPED:
            self._role(thread)
            if number in _STOPS:
                with contextlib.suppress(OSError):
                    kernel.listen(thread)
            else:
                kernel.go_on(thread)
        else:
            kernel.go_on(thread, number)

    def _role(self, thread: int) -> str:
        """Whose thread it is. A new one may stop before its maker tells of it."""
        role = self.roles.get(thread)
        if role is None:
            role = next((self.roles[one] for one in family_of(thread) if one in self.roles), "a stranger")
            self.roles[thread] = role
        return role

    def _memory(self, thread: int) -> int:
        if thread not in self.memories:
            self.memories[thread] = os.open(f"/proc/{thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
        return self.memories[thread]

    def _at_call(self, thread: int, info: ctypes.Array[ctypes.c_char]) -> None:
        if not kernel.call_info(thread, info):
            return
        operation = info.raw[0]
        if operation == kernel.ENTRY:
            _, architecture, _, _, number, *arguments = _ENTRY.unpack_from(info)
            call = calls.table().get(number)
            if architecture != calls.architecture():
                call = FOREIGN
            self.pending[thread] = None if call is None else self._begun(thread, call, tuple(arguments))
        elif operation == kernel.EXIT:
            pending = self.pending.pop(thread, None)
            if pending is not None:
                value, failed = _EXIT.unpack_from(info)[4:6]
                with contextlib.suppress(OSError):  # it is gone
                    self._ended(thread, pending, value, -value if failed else 0)

    def _begun(self, thread: int, call: Call, arguments: tuple[int, ...]) -> Pending | None:
        if call.kind in (calls.POWER, calls.SOCKET, calls.HELD):
            return Pending(call, arguments)
        try:
            return self._named(thread, call, arguments)
        except OSError:
            return Pending(call, arguments)

    def _named(self, thread: int, call: Call, arguments: tuple[int, ...]) -> Pending | None:
        memory = self._memory(thread)
        names = tuple(
            (signed(arguments[folder]) if folder >= 0 else folder, text_at(memory, arguments[path]))
            for folder, path in call.names
        )
        flags = 0 if call.flags is None else arguments[call.flags]
        resolve = 0
        if call.name == "openat2":
            flags, _, resolve = _HOW.unpack(os.pread(memory, _HOW.size, arguments[2]))
        elif call.name == "creat":
            flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        elif call.name == "clone3":
            flags = struct.unpack("=Q", os.pread(memory, 8, arguments[0]))[0]
        if call.name in ("clone", "clone3") and (flags or arguments[0]) & _THREAD:
            return None  # a thread of the same process
        if call.kind == calls.RUN and call.name.startswith("exec"):
            # Nothing is left to be asked afterwards, where it works.
            self._note(thread, Pending(call, arguments, names), names[0][1])
            return None
        return Pending(call, arguments, names, flags, resolve)

    def _ended(self, thread: int, pending: Pending, value: int, error: int) -> None:
        call = pending.call
        if (mark := MARK.unpack_from(self.shared)[0]) != self.mark:
            self.mark = mark
            self.lookups.begin()
        if call.kind == calls.OPEN:
            self._opened(thread, pending, value, error)
        elif call.kind in (calls.LOOK, calls.CHANGE):
            for start, named in pending.names:
                fd, path = of_descriptor(start, named)
                if path:
                    folder, name = parted(thread, fd, path)
                    looks = call.kind == calls.LOOK
                    place = self.lookups.named(folder, name) if looks else self.lookups.around(folder)
                    self._note(thread, pending, named, error, (place, NOTHING, False))
                elif call.kind == calls.CHANGE:
                    self._note(thread, pending, named, error, self.lookups.opened(thread, fd, "/proc", "-"))
                # What is looked at by its descriptor was judged when that was opened.
            if call.kind == calls.CHANGE:
                self.lookups.forget()
        elif call.kind == calls.HELD:
            found = self.lookups.opened(thread, signed(pending.arguments[0]), "/proc", "-")
            self._note(thread, pending, "", error, found)
        elif call.kind == calls.SOCKET:
            if reaches(call.name, pending.arguments, lambda at, size: self._bytes(thread, at, size)):
                self._note(thread, pending, self._address(thread, pending), error)
        else:
            told = ", ".join(f"{one:#x}" for one in pending.arguments[:3])
            self._note(thread, pending, told, error)

    def _opened(self, thread: int, pending: Pending, value: int, error: int) -> None:
        start, path = pending.names[0] if pending.names else (calls.HERE, "")
        fd, named = of_descriptor(start, path)
        folder, name = parted(thread, fd, named)
        if error and path and not named:
            self._note(
                thread,
                pending,
                path,
                error,
                (self.lookups.opened(thread, fd, "/proc", "-")[0], NOTHING, False),
            )
        elif error:
            self._note(thread, pending, path, error, (self.lookups.around(folder), NOTHING, False))
        else:
            self._note(thread, pending, path, 0, self.lookups.opened(thread, value, folder, name))

    def _note(
        self,
        thread: int,
        pending: Pending,
        path: str,
        error: int = 0,
        found: Found = NOT_FOUND,
    ) -> None:
        call, (place, thing, special) = pending.call, found
        self.seen.append(
            Seen(
                self.mark,
                self._role(thread),
                call.name,
                call.kind,
                place,
                path,
                access_of(pending),
                thing,
                error,
                follows(pending, path),
                pending.resolve & CONFINED == CONFINED,
                special and access_of(pending) != "",
            )
        )

    def _bytes(self, thread: int, at: int, size: int) -> bytes:
        return os.pread(self._memory(thread), size, at)

    def _address(self, thread: int, pending: Pending) -> str:
        at = {"connect": 1, "bind": 1, "sendto": 4}.get(pending.call.name)
        if at is None or not pending.arguments[at]:
            return f"family {pending.arguments[0]}" if pending.call.name == "socket" else ""
        data = self._bytes(thread, pending.arguments[at], 64)
        family = int.from_bytes(data[:2], "little")
        return f"family {family}: {data[2:].split(bytes(1) * 2)[0][:60]!r}"


FOREIGN: Final = Call("a call of another architecture", calls.POWER)


def signed(value: int) -> int:
    """A C int out of a register."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= _INT else value


def access_of(pending: Pending) -> str:
    """What an open asks for: w as soon as anything can change by it."""
    if pending.call.kind in (calls.CHANGE, calls.HELD):
        return "w"
    if pending.call.kind != calls.OPEN:
        return ""
    if pending.flags & _O_PATH:
        return ""
    return "w" if pending.flags & _WRITES else "r"


def follows(pending: Pending, path: str) -> bool:
    """Whether a link anywhere in the path would have been followed."""
    if pending.resolve & CONFINED == CONFINED or not of_descriptor(calls.HERE, path)[1]:
        return False
    if "/" in path.rstrip("/"):
        return True
    if pending.call.kind == calls.OPEN:
        return not pending.flags & os.O_NOFOLLOW and not (
            pending.flags & os.O_CREAT and pending.flags & os.O_EXCL
        )
    return pending.call.follows and not pending.flags & calls.NO_FOLLOW


def reaches(name: str, arguments: tuple[int, ...], read: Any) -> bool:  # noqa: ANN401 - reads memory
    """Whether a call makes a socket or reaches for something new: not what sends on a connection there is."""
    if name == "sendto":
        return arguments[4] != 0
    if name == "sendmsg":
        return bool(int.from_bytes(read(arguments[1], 8), "little"))
    return True


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
    ready: Any,  # noqa: ANN401 - called without arguments
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
    return tracer.seen

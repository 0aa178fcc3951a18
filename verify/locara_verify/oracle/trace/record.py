"""What is kept of a call: its arguments when it begins, and which thing it was about when it ends."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Callable
from dataclasses import field
from typing import Final

from locara.records import dataclass
from locara_verify.oracle.trace import calls
from locara_verify.oracle.trace.calls import Call
from locara_verify.oracle.trace.lookups import (
    CONFINED,
    NOT_FOUND,
    NOTHING,
    Found,
    Lookups,
    Seen,
    of_descriptor,
    parted,
    text_at,
)

_HOW: Final = struct.Struct("=QQQ")
_INT: Final = 1 << 31
_THREAD: Final = 0x10000
_O_PATH: Final = getattr(os, "O_PATH", 0)
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NEW: Final = os.O_CREAT | os.O_EXCL
_NEVER_WAITS: Final = os.O_NONBLOCK | _O_PATH | os.O_DIRECTORY
_OTHERS_WRITE: Final = 0o022
_ADDRESSES: Final = {"connect": 1, "bind": 1, "sendto": 4}


@dataclass(slots=True)
class Pending:
    """A call that a thread is in. ``over_link``: what it changes or replaces was a link, or had a second name, when it
    began."""

    call: Call
    arguments: tuple[int, ...]
    names: tuple[tuple[int, str], ...] = ()
    flags: int = 0
    mode: int = 0
    resolve: int = 0
    over_link: bool = False

    @property
    def access(self) -> str:
        """What it asks for: w as soon as anything can change by it."""
        if self.call.kind in (calls.CHANGE, calls.HELD, calls.WRITTEN):
            return "w"
        if self.call.kind != calls.OPEN or self.flags & _O_PATH:
            return ""
        return "w" if self.flags & _WRITES else "r"

    @property
    def waits(self) -> bool:
        """Whether opening what another process made, a pipe, could take as long as that one likes."""
        opens = self.call.kind == calls.OPEN
        return opens and not self.flags & _NEVER_WAITS and self.flags & _NEW != _NEW

    @property
    def for_others(self) -> bool:
        """Whether what it makes is for others to write."""
        makes = self.call.kind == calls.CHANGE or bool(self.flags & os.O_CREAT)
        return makes and self.call.mode is not None and bool(self.mode & _OTHERS_WRITE)

    def follows(self, path: str) -> bool:
        """Whether a link anywhere in the path would have been followed."""
        if self.resolve & CONFINED == CONFINED or not of_descriptor(calls.HERE, path)[1]:
            return False
        if "/" in path.rstrip("/"):
            return True
        if self.call.kind == calls.OPEN:
            return not self.flags & os.O_NOFOLLOW and self.flags & _NEW != _NEW
        return self.call.follows and not self.flags & calls.NO_FOLLOW


@dataclass(slots=True)
class Record:
    """The calls of traced threads. ``role`` tells whose a thread is."""

    lookups: Lookups
    role: Callable[[int], str]
    seen: list[Seen] = field(default_factory=list)
    mark: int = 0
    _memories: dict[int, int] = field(default_factory=dict)

    def at(self, mark: int) -> None:
        """What comes belongs to this request."""
        if mark != self.mark:
            self.mark = mark
            self.lookups.begin()

    def drop_memory(self, thread: int) -> None:
        """The thread has ended, or runs another program."""
        memory = self._memories.pop(thread, None)
        if memory is not None:
            os.close(memory)

    def begun(self, thread: int, call: Call, arguments: tuple[int, ...]) -> Pending | None:
        """What has to be remembered of a call until it ends; None for nothing."""
        if call.kind in (calls.POWER, calls.SOCKET, calls.HELD, calls.WRITTEN):
            return Pending(call, arguments)
        try:
            pending = self._read(thread, call, arguments)
        except OSError:
            return Pending(call, arguments)
        if call.kind == calls.RUN and call.name.startswith("exec"):
            # Nothing is left to be asked afterwards, where it works.
            self._note(thread, pending, pending.names[0][1])
            return None
        if call.name in ("clone", "clone3") and (pending.flags or arguments[0]) & _THREAD:
            return None  # a thread of the same process
        return pending

    def _read(self, thread: int, call: Call, arguments: tuple[int, ...]) -> Pending:
        memory = self._memory(thread)
        names = tuple(
            (signed(arguments[folder]) if folder >= 0 else folder, text_at(memory, arguments[path]))
            for folder, path in call.names
        )
        found = Pending(call, arguments, names)
        if call.name == "openat2":
            found.flags, found.mode, found.resolve = _HOW.unpack(os.pread(memory, _HOW.size, arguments[2]))
            return found
        if call.name == "clone3":
            found.flags = struct.unpack("=Q", os.pread(memory, 8, arguments[0]))[0]
            return found
        found.flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC if call.name == "creat" else 0
        if call.flags is not None:
            found.flags = arguments[call.flags]
        if call.mode is not None:
            found.mode = arguments[call.mode]
        if call.kind == calls.CHANGE:
            found.over_link = any(is_link(thread, fd, path) for fd, path in names)
            if call.name.startswith("rename"):
                found.over_link |= has_second_name("/".join(parted(thread, *names[-1])))
        return found

    def ended(self, thread: int, pending: Pending, value: int, error: int) -> None:
        """Keep the call that ended with ``value``. Raises OSError when its thread is gone."""
        call = pending.call
        if call.kind == calls.OPEN:
            self._opened(thread, pending, value, error)
        elif call.kind in (calls.LOOK, calls.CHANGE):
            for start, path in pending.names:
                self._looked(thread, pending, start, path, error)
            if call.kind == calls.CHANGE:
                self.lookups.forget()
        elif call.kind in (calls.HELD, calls.WRITTEN):
            self._held(thread, pending, error)
        elif call.kind == calls.SOCKET:
            if self._reaches(thread, pending):
                self._note(thread, pending, self._address(thread, pending), error)
        else:
            told = ", ".join(f"{one:#x}" for one in pending.arguments[:3])
            self._note(thread, pending, told, error)

    def _opened(self, thread: int, pending: Pending, value: int, error: int) -> None:
        start, path = pending.names[0] if pending.names else (calls.HERE, "")
        fd, named = of_descriptor(start, path)
        folder, name = parted(thread, fd, named)
        if not error:
            found = self.lookups.opened(thread, value, folder, name)
        elif path and not named:
            found = (self.lookups.opened(thread, fd, "/proc", "-")[0], NOTHING, False)
        else:
            found = (self.lookups.around(folder), NOTHING, False)
        self._note(thread, pending, path, error, found)

    def _looked(self, thread: int, pending: Pending, start: int, path: str, error: int) -> None:
        changes = pending.call.kind == calls.CHANGE
        fd, named = of_descriptor(start, path)
        if named:
            folder, name = parted(thread, fd, named)
            place = self.lookups.around(folder) if changes else self.lookups.named(folder, name)
            self._note(thread, pending, path, error, (place, NOTHING, False))
        elif changes:
            self._note(thread, pending, path, error, self.lookups.opened(thread, fd, "/proc", "-"))
        # What is looked at by its descriptor was judged when that was opened.

    def _held(self, thread: int, pending: Pending, error: int) -> None:
        fd = signed(pending.arguments[pending.call.flags or 0])
        pending.over_link = has_second_name(f"/proc/{thread}/fd/{fd}", follow=True)
        if pending.call.kind == calls.HELD or (pending.over_link and not error):
            self._note(thread, pending, "", error, self.lookups.opened(thread, fd, "/proc", "-"))

    def _note(
        self, thread: int, pending: Pending, path: str, error: int = 0, found: Found = NOT_FOUND
    ) -> None:
        place, thing, special = found
        self.seen.append(
            Seen(
                self.mark,
                self.role(thread),
                pending.call.name,
                pending.call.kind,
                place,
                path,
                pending.access,
                thing,
                error,
                follows=pending.follows(path),
                confined=pending.resolve & CONFINED == CONFINED,
                special=special and pending.access != "",
                waits=pending.waits,
                for_others=pending.for_others,
                alias=pending.over_link and not error,
                folder=bool(pending.flags & os.O_DIRECTORY),
            )
        )

    def _reaches(self, thread: int, pending: Pending) -> bool:
        """Whether a call makes a socket or reaches for something new: not what sends on a connection there is."""
        if pending.call.name == "sendto":
            return pending.arguments[4] != 0
        if pending.call.name == "sendmsg":
            return any(os.pread(self._memory(thread), 8, pending.arguments[1]))
        return True

    def _address(self, thread: int, pending: Pending) -> str:
        at = _ADDRESSES.get(pending.call.name)
        if at is None or not pending.arguments[at]:
            return f"family {pending.arguments[0]}" if pending.call.name == "socket" else ""
        data = os.pread(self._memory(thread), 64, pending.arguments[at])
        return f"family {int.from_bytes(data[:2], 'little')}: {data[2:].split(bytes(2))[0][:60]!r}"

    def _memory(self, thread: int) -> int:
        if thread not in self._memories:
            self._memories[thread] = os.open(f"/proc/{thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
        return self._memories[thread]


def signed(value: int) -> int:
    """A C int out of a register."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= _INT else value


def is_link(thread: int, fd: int, path: str) -> bool:
    """Whether a name of the thread is a link now."""
    with contextlib.suppress(OSError):
        return stat.S_ISLNK(os.lstat("/".join(parted(thread, fd, path))).st_mode)
    return False


def has_second_name(path: str, *, follow: bool = False) -> bool:
    """Whether at a path, or behind the link of a descriptor, is a file that has another name as well."""
    with contextlib.suppress(OSError):
        found = os.stat(path, follow_symlinks=follow)  # noqa: PTH116 - a hot path
        return stat.S_ISREG(found.st_mode) and found.st_nlink > 1
    return False

"""The part of an app that stands outside: shows the picker, opens what was picked, carries the network proxy.

One thread on one end of a socket pair. The peer is inside the sandbox and believed in nothing: every
operation is decided again from the Grants here, and paths are resolved by the kernel beneath a held
descriptor. Directory descriptors never travel, because `..` of a directory outside the mount namespace
leads out of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
import stat
import threading
from collections.abc import Callable
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final, cast

from locara.core.decision import decide
from locara.core.grant import Grants
from locara.core.request import FsRequest, Request
from locara.errors import CallError, CapabilityDenied
from locara.records import dataclass
from locara.sandbox.broker_wire import (
    LIST_PAGE,
    MAX_DATAGRAM,
    MAX_HANDLES,
    MAX_PENDING,
    MODES,
    Mode,
    decode,
    encode,
    fitting,
)
from locara.sandbox.desktop.ports import Desktop
from locara.sandbox.desktop_service import DesktopService
from locara.sandbox.handles import (
    Handle,
    call_error,
    create_entry,
    kind_of,
    open_entry,
    open_parent,
    open_picked,
    opened_place,
    place_of,
    refuse_linked,
    reserve,
)
from locara.sandbox.kept import Kept, Memory, NoMemory, identity_of, reopen, require_kept
from locara.sandbox.picker import Ask, NoPicker, Picker, ScriptedPicker
from locara.sandbox.programs import NoPrograms, Programs, require_program
from locara.sandbox.proxy import Dial, Observe, Proxy, Resolver, direct_dial, system_resolver

__all__ = ["Broker", "NoPicker", "Picker", "ScriptedPicker", "Services"]

_FILE_MODE: Final = 0o644
_OTHERS: Final = 0o077
_CLOSE_SECONDS: Final = 2.0
_TEMPORARY: Final = ".locara-"
_LINK: Final = {
    "message": "a link is not followed",
    "capability": "fs.user-selected",
    "because": "the path runs through a link or leaves what was picked; neither is followed",
    "fix": "use a plain file or folder inside what was picked",
}


@dataclass(frozen=True, slots=True)
class Services:
    """Who answers on the outside. The defaults answer nothing but the host's own name resolution.

    ``judge`` is told where each thing that was picked lies once it is open, and raises when it may not be handed over.
    """

    picker: Picker = field(default_factory=NoPicker)
    judge: Callable[[Path], None] = lambda _place: None
    memory: Memory = field(default_factory=NoMemory)
    desktop: Desktop = field(default_factory=Desktop)
    resolver: Resolver = system_resolver
    dial: Dial = direct_dial
    observe: Observe | None = None
    programs: Programs = field(default_factory=NoPrograms)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A replacement being written: renamed over its target by `commit`, removed by `abort`."""

    directory: int
    temporary: str
    name: str
    grant: str | None


Reply = tuple[dict[str, Any], int | None]


def _refuse_link(mode: int) -> None:
    """Raise for a link what opening one would have raised, so that it is denied with the same reason."""
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _failure(error: Exception) -> dict[str, str]:
    """An error as the fields of a reply. Nothing of the host (a path, a trace) is in it."""
    if isinstance(error, CapabilityDenied):
        told = {"capability": error.capability, "because": error.because, "fix": error.fix}
        return {"code": error.code, "message": error.message, **told}
    if isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.EXDEV):
        return {"code": "capability_denied", **_LINK}
    if isinstance(error, OSError):
        error = call_error(error)
    if isinstance(error, CallError):
        return {"code": error.code, "message": error.message, **({"fix": error.fix} if error.fix else {})}
    if isinstance(error, ValueError):
        return {"code": "bad_request", "message": "malformed request"}
    return {"code": "internal", "message": "the broker failed"}


def _ask_of(message: dict[str, Any]) -> Ask:
    """The pick that a request asks for. CallError bad_request for anything that is none."""
    kind, access = message.get("kind"), message.get("access")
    flags = [message.get(name, False) for name in ("multiple", "recursive", "remember")]
    if (
        kind not in ("file", "directory")
        or access not in ("read", "read-write")
        or not all(isinstance(flag, bool) for flag in flags)
    ):
        raise CallError("a pick names kind and access; the rest is yes or no", code="bad_request")
    return Ask(kind, access, *flags)


def _size(message: dict[str, Any]) -> int:
    size = message.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 40:
        raise CallError("size is a whole number of bytes", code="bad_request")
    return size


def _told(kept: Kept) -> dict[str, Any]:
    """A remembered pick as the app hears of it: the last part of its path, and not where it lies."""
    return {
        "grant": kept.key,
        "name": kept.path.name,
        "kind": kept.kind,
        "access": "read-write" if kept.writable else "read",
        "recursive": kept.recursive,
        "picked": int(kept.picked),
    }


def _shallow() -> CapabilityDenied:
    return CapabilityDenied(
        capability="fs.user-selected",
        because="the person picked this folder without what lies in its folders",
        fix="ask fs.pick for recursive: true",
    )


class Broker:
    """Serves one sandbox until its end of the pair closes."""

    def __init__(
        self, grants: Grants, sock: socket.socket, services: Services, listener: socket.socket | None = None
    ) -> None:
        self._grants = grants
        self._sock = sock
        self._services = services
        self._handles: dict[str, Handle] = {}
        self._pending: dict[str, _Pending] = {}
        self._untold: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="locara-broker", daemon=True)
        self._proxy: Proxy | None = None
        if listener is not None:
            self._proxy = Proxy(
                grants, listener, resolver=services.resolver, dial=services.dial, observe=services.observe
            )
        self._desktop = DesktopService(grants, services.desktop, self._allow)
        self._operations: dict[str, Callable[[dict[str, Any]], Reply]] = {
            **self._desktop.operations,
            "pick": self._pick,
            "dropped": self._dropped,
            "handed": self._handed,
            "kept": self._kept,
            "reopen": self._reopen,
            "forget": self._forget_kept,
            "release": self._release,
            "open": self._open,
            "commit": self._commit,
            "abort": self._abort,
            "list": self._list,
            "stat": self._stat,
            "mkdir": self._mkdir,
            "remove": self._remove,
            "program": self._program,
            "facts": self._facts,
        }

    @property
    def background(self) -> str:
        """What the app asked for and was granted: to go on without its window none, passive or active."""
        return self._desktop.background

    def begin(self) -> None:
        """Start serving, on a thread of its own."""
        if self._proxy is not None:
            self._proxy.begin()
        self._thread.start()

    def close(self) -> None:
        """Stop serving and forget every handle; unfinished replacements are removed. Idempotent."""
        with self._lock:
            first, self._closed = not self._closed, True
        if first:
            if self._proxy is not None:
                self._proxy.close()
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread and self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)  # longer only while a person still looks at the picker

    def _serve(self) -> None:
        with contextlib.ExitStack() as end:  # whatever ends the thread, nothing stays open, running or on
            for last in (self.close, self._forget, self._desktop.close, self._services.programs.close):
                end.callback(last)
            end.enter_context(self._sock)
            while not self._closed:
                try:
                    # No room for ancillary data: descriptors sent from inside are dropped by the kernel.
                    data = self._sock.recv(MAX_DATAGRAM + 1)
                except OSError:
                    break
                if not data:
                    break
                reply, fd = self._answer(data)
                try:
                    socket.send_fds(self._sock, [reply], [] if fd is None else [fd])
                except OSError:
                    break
                finally:
                    if fd is not None:
                        os.close(fd)

    def _forget(self) -> None:
        for token in list(self._pending):
            self._drop(self._pending.pop(token))
        for handle in self._handles.values():
            handle.close()
        self._handles.clear()

    def _answer(self, data: bytes) -> tuple[bytes, int | None]:
        """The reply to a request as it is sent, and the descriptor beside it."""
        fd: int | None = None
        try:
            message = decode(data)
            name = message.get("op")
            operation = self._operations.get(name) if isinstance(name, str) else None
            if operation is None:
                raise CallError("no such operation", code="bad_request")
            reply, fd = operation(message)
            return encode({"ok": True, **reply}), fd
        except Exception as error:  # a fault of ours must not open anything nor end the app
            if fd is not None:
                os.close(fd)
            return encode({"ok": False, **_failure(error)}), None

    def _require(self, path: str, *, write: bool) -> None:
        self._allow(FsRequest("user-selected", path, "write" if write else "read"))

    def _allow(self, request: Request) -> None:
        decision = decide(self._grants, request)
        if self._services.observe is not None:
            self._services.observe(request, decision)
        if not decision.allowed:
            raise CapabilityDenied(capability=decision.capability, because=decision.because, fix=decision.fix)

    def _handle(self, message: dict[str, Any], *, write: bool) -> tuple[Handle, str]:
        """The handle and path of a request, after the decision and the handle's own access agreed."""
        key, path = message.get("handle"), message.get("path", "")
        if not isinstance(key, str) or not isinstance(path, str):
            raise CallError("a handle and a path are needed", code="bad_request")
        self._require(path, write=write)
        handle = self._handles.get(key)
        if handle is None:
            raise CallError("no such handle", code="not_found")
        if write and not handle.writable:
            raise CapabilityDenied(
                capability="fs.user-selected",
                because="the person picked this for reading only",
                fix='ask fs.pick for access "read-write"',
            )
        if path and handle.kind == "file":
            raise CallError("a picked file has nothing below it", code="bad_request")
        if not handle.recursive and "/" in path.strip("/"):
            raise _shallow()
        if handle.grant is not None:
            require_kept(self._services.memory, handle.grant)
        return handle, path

    def _pick(self, message: dict[str, Any]) -> Reply:
        ask = _ask_of(message)
        self._require("", write=False)
        if ask.access == "read-write":
            self._require("", write=True)
        return self._hand_over(ask), None

    def _dropped(self, message: dict[str, Any]) -> Reply:
        """What the person dropped on the window, for reading. The app can ask for it and cannot make it be there."""
        recursive = message.get("recursive", False)
        if not isinstance(recursive, bool):
            raise CallError("recursive is yes or no", code="bad_request")
        self._require("", write=False)
        return self._hand_over(Ask("dropped", "read", multiple=True, recursive=recursive)), None

    def _hand_over(self, ask: Ask) -> dict[str, Any]:
        """Open what the person answers, all of it or nothing."""
        answer = self._services.picker.pick(ask)
        chosen, writable = answer.paths, ask.access == "read-write"
        if len(chosen) > 1 and not ask.multiple:
            raise CallError("more was picked than was asked for", code="internal")
        if len(self._handles) + len(chosen) > MAX_HANDLES:
            raise CallError("too many handles are open", code="limit_exceeded")
        opened: list[Handle] = []
        try:
            for path in chosen:
                opened.append(open_picked(path, writable=writable, recursive=ask.recursive))
                self._services.judge(opened_place(opened[-1]))
                if ask.kind not in ("dropped", opened[-1].kind):
                    raise CallError(f"the pick is not a {ask.kind}", code="io_error")
            if ask.remember and answer.remember:
                opened = [self._keep(handle, path) for handle, path in zip(opened, chosen, strict=True)]
        except BaseException:
            for handle in opened:
                handle.close()
            raise
        self._untold = [self._describe(handle) for handle in opened]
        self._handles.update((handle.key, handle) for handle in opened)
        return self._tell_handed()

    def _handed(self, _message: dict[str, Any]) -> Reply:
        """More of what the last pick or drop handed over, where one datagram did not hold all of it."""
        self._require("", write=False)
        return self._tell_handed(), None

    def _tell_handed(self) -> dict[str, Any]:
        told = fitting(self._untold)
        self._untold = self._untold[len(told) :]
        return {"handles": told, "left": len(self._untold)}

    def _keep(self, handle: Handle, path: Path) -> Handle:
        kept = self._services.memory.keep(handle, place_of(path), identity_of(handle.fd))
        return replace(handle, grant=kept.key)

    def _kept(self, message: dict[str, Any]) -> Reply:
        self._require("", write=False)
        found = self._services.memory.kept().values()
        return {
            "grants": [_told(kept) for kept in sorted(found, key=lambda kept: (kept.picked, kept.key))]
        }, None

    def _reopen(self, message: dict[str, Any]) -> Reply:
        self._require("", write=False)
        kept = require_kept(self._services.memory, message.get("grant"))
        if kept.writable:
            self._require("", write=True)
        if len(self._handles) >= MAX_HANDLES:
            raise CallError("too many handles are open", code="limit_exceeded")
        handle = reopen(kept)
        try:
            self._services.judge(opened_place(handle))
        except BaseException:
            handle.close()
            raise
        self._handles[handle.key] = handle
        return self._describe(handle), None

    def _forget_kept(self, message: dict[str, Any]) -> Reply:
        self._require("", write=False)
        key = message.get("grant")
        return {"forgotten": isinstance(key, str) and self._services.memory.forget(key)}, None

    @staticmethod
    def _describe(handle: Handle) -> dict[str, Any]:
        size = os.fstat(handle.fd).st_size if handle.kind == "file" else 0
        name = handle.name.encode("utf-8", "replace").decode()
        told = {"handle": handle.key, "name": name, "kind": handle.kind, "size": size}
        return told if handle.grant is None else {**told, "grant": handle.grant}

    def _program(self, message: dict[str, Any]) -> Reply:
        name = require_program(self._grants, message.get("program"))
        options = message.get("options")
        if not isinstance(options, dict):
            raise CallError("a program is given options", code="bad_request")
        return {}, self._services.programs.begin(name, options)

    def _facts(self, message: dict[str, Any]) -> Reply:
        name = require_program(self._grants, message.get("program"))
        return {"facts": dict(self._services.programs.facts(name))}, None

    def _release(self, message: dict[str, Any]) -> Reply:
        key = message.get("handle")
        handle = self._handles.pop(key, None) if isinstance(key, str) else None
        if handle is None:
            raise CallError("no such handle", code="not_found")
        handle.close()
        return {}, None

    def _open(self, message: dict[str, Any]) -> Reply:
        mode = message.get("mode", "read")
        if mode not in MODES:
            raise CallError(f"mode is one of {', '.join(MODES)}", code="bad_request")
        handle, path = self._handle(message, write=mode != "read")
        if mode == "replace" and handle.kind == "directory":
            return self._replace(handle, path)
        if mode == "create" and not path:
            raise CallError("a picked file exists already", code="exists")
        fd = self._open_fd(handle, path, mode)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise CallError("not a regular file", code="io_error")
            if mode != "read":
                refuse_linked(fd)
            if mode == "replace":
                reserve(fd, _size(message))
                os.ftruncate(fd, 0)
            os.set_blocking(fd, True)
        except BaseException:
            os.close(fd)
            raise
        return {"size": os.fstat(fd).st_size}, fd

    @staticmethod
    def _open_fd(handle: Handle, path: str, mode: Mode) -> int:
        if mode == "create":
            return create_entry(handle, path, _FILE_MODE)
        flags = {"read": os.O_RDONLY, "append": os.O_WRONLY | os.O_APPEND, "replace": os.O_WRONLY}[mode]
        try:
            return open_entry(handle, path, flags)
        except FileNotFoundError:
            if mode != "append":
                raise
            return create_entry(handle, path, _FILE_MODE)

    def _replace(self, handle: Handle, path: str) -> Reply:
        if len(self._pending) >= MAX_PENDING:
            raise CallError("too many files are being replaced", code="limit_exceeded")
        directory, name = open_parent(handle, path)
        temporary = _TEMPORARY + secrets.token_hex(12)
        try:
            readers = self._readers_of_target(directory, name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(temporary, flags, _FILE_MODE & ~_OTHERS | readers, dir_fd=directory)
        except BaseException:
            os.close(directory)
            raise
        token = secrets.token_urlsafe(24)
        self._pending[token] = _Pending(directory, temporary, name, handle.grant)
        return {"commit": token, "size": 0}, fd

    @staticmethod
    def _readers_of_target(directory: int, name: str) -> int:
        """Which others may read the new content: no more than read what is replaced, if a file is. Raises for
        anything else."""
        try:
            seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return _FILE_MODE & _OTHERS
        _refuse_link(seen.st_mode)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1:
            raise CallError("only a regular file with one name can be replaced", code="io_error")
        return _FILE_MODE & _OTHERS & seen.st_mode

    def _take_pending(self, message: dict[str, Any]) -> _Pending:
        token = message.get("commit")
        pending = self._pending.pop(token, None) if isinstance(token, str) else None
        if pending is None:
            raise CallError("no such replacement", code="not_found")
        return pending

    def _commit(self, message: dict[str, Any]) -> Reply:
        pending = self._take_pending(message)
        done = False
        try:
            self._require(pending.name, write=True)
            if pending.grant is not None:
                require_kept(self._services.memory, pending.grant)
            self._readers_of_target(pending.directory, pending.name)
            ends = {"src_dir_fd": pending.directory, "dst_dir_fd": pending.directory}
            os.rename(pending.temporary, pending.name, **ends)  # noqa: PTH104 - relative to the held directory
            done = True
            os.fsync(pending.directory)
        finally:
            if done:
                os.close(pending.directory)
            else:
                self._drop(pending)
        return {}, None

    def _abort(self, message: dict[str, Any]) -> Reply:
        self._drop(self._take_pending(message))
        return {}, None

    @staticmethod
    def _drop(pending: _Pending) -> None:
        with contextlib.suppress(OSError):
            os.unlink(pending.temporary, dir_fd=pending.directory)
        os.close(pending.directory)

    def _list(self, message: dict[str, Any]) -> Reply:
        handle, path = self._handle(message, write=False)
        if not handle.recursive and path.strip("/"):
            raise _shallow()
        offset = message.get("offset", 0)
        if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
            raise CallError("offset is a whole number", code="bad_request")
        fd = open_entry(handle, path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            names = sorted(name for name in os.listdir(fd) if not name.startswith(_TEMPORARY))  # noqa: PTH208
            looked = [self._entry(fd, name) for name in names[offset : offset + LIST_PAGE]]
        finally:
            os.close(fd)
        told = fitting(looked)
        following = offset + len(told)
        entries = [entry for entry in told if entry is not None]
        return {"entries": entries, "next": following if following < len(names) else None}, None

    @staticmethod
    def _entry(directory: int, name: str) -> dict[str, Any] | None:
        try:
            name.encode("utf-8")
            seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except (OSError, UnicodeEncodeError):
            return None
        kind = kind_of(seen.st_mode)
        return (
            None
            if kind is None
            else {"name": name, "kind": kind, "size": seen.st_size if kind == "file" else 0}
        )

    def _stat(self, message: dict[str, Any]) -> Reply:
        handle, path = self._handle(message, write=False)
        fd = open_entry(handle, path, os.O_RDONLY)
        try:
            seen = os.fstat(fd)
        finally:
            os.close(fd)
        kind = kind_of(seen.st_mode)
        return {
            "kind": kind,
            "size": seen.st_size if kind == "file" else 0,
            "modified": int(seen.st_mtime),
        }, None

    def _mkdir(self, message: dict[str, Any]) -> Reply:
        directory, name = open_parent(*self._handle(message, write=True))
        try:
            os.mkdir(name, 0o755, dir_fd=directory)
        finally:
            os.close(directory)
        return {}, None

    def _remove(self, message: dict[str, Any]) -> Reply:
        directory, name = open_parent(*self._handle(message, write=True))
        try:
            mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
            _refuse_link(mode)
            kind = kind_of(mode)
            if kind is None:
                raise CallError("only regular files and empty directories can be removed", code="io_error")
            remove = os.rmdir if kind == "directory" else os.unlink
            cast(Any, remove)(name, dir_fd=directory)
        finally:
            os.close(directory)
        return {}, None

"""The runtime's end of the broker: blocking calls over the inherited socket, safe to use from several
threads.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from locara.errors import IPC_CODES, CallError, CapabilityDenied
from locara.records import dataclass
from locara.sandbox.broker_wire import MAX_DATAGRAM, Mode, PickAccess, PickKind, decode, encode

BROKER_FD: Final = "LOCARA_BROKER_FD"


@dataclass(frozen=True, slots=True)
class Picked:
    """What a person picked: `handle` names it in later calls, `name` is its last path component, size in
    bytes. `grant` names it in later runs, where it is remembered.
    """

    handle: str
    name: str
    kind: str
    size: int
    grant: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory entry; size is 0 for directories."""

    name: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Stat:
    """Kind, size in bytes, and modification time in whole seconds since 1970."""

    kind: str
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file being written in place of another: write to `fd`, then commit or abort `token`. The caller
    closes fd.
    """

    fd: int
    token: str | None


def _picked(told: Mapping[str, Any]) -> Picked:
    return Picked(told["handle"], told["name"], told["kind"], told["size"], told.get("grant"))


class BrokerClient:
    """Every call raises CapabilityDenied or CallError (a code of errors.IPC_CODES) as the broker answers."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    @classmethod
    def inherited(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The client on the descriptor the launcher passed. KeyError outside a sandbox."""
        return cls(socket.socket(fileno=int(environ[BROKER_FD])))

    def pick(
        self,
        kind: PickKind,
        access: PickAccess,
        *,
        multiple: bool = False,
        recursive: bool = False,
        remember: bool = False,
    ) -> list[Picked]:
        """Ask the person; blocks while they choose. Empty when they cancelled."""
        flags = {"multiple": multiple, "recursive": recursive, "remember": remember}
        return self._all_handed({"op": "pick", "kind": kind, "access": access, **flags})

    def dropped(self, *, recursive: bool = False) -> list[Picked]:
        """What the person dropped on the window and hands over, for reading. Empty when there is nothing."""
        return self._all_handed({"op": "dropped", "recursive": recursive})

    def _all_handed(self, asked: dict[str, Any]) -> list[Picked]:
        """All that a pick hands over. One caller at a time: a second pick would take the first one's rest."""
        reply, _ = self._call(asked)
        found = [_picked(handle) for handle in reply["handles"]]
        while reply["left"]:
            reply, _ = self._call({"op": "handed"})
            found += [_picked(handle) for handle in reply["handles"]]
        return found

    def kept(self) -> list[dict[str, Any]]:
        """What this app may find again: grant, name, kind, access, recursive, picked (seconds since 1970)."""
        reply, _ = self._call({"op": "kept"})
        return [dict(grant) for grant in reply["grants"]]

    def reopen(self, grant: str) -> Picked:
        """Open again what the person picked in an earlier run."""
        reply, _ = self._call({"op": "reopen", "grant": grant})
        return _picked(reply)

    def forget(self, grant: str) -> bool:
        """Give a remembered pick up, and every handle of it. False when there was none."""
        reply, _ = self._call({"op": "forget", "grant": grant})
        return reply.get("forgotten") is True

    def release(self, handle: str) -> None:
        """Forget a handle."""
        self._call({"op": "release", "handle": handle})

    def open(self, handle: str, path: str = "", mode: Mode = "read") -> int:
        """A descriptor of a regular file: the picked file itself ("") or one beneath a picked directory.

        read; create (it must not exist); append (made when absent). Use `replace` to rewrite a file.
        """
        if mode == "replace":
            raise ValueError("use replace()")
        _, fd = self._call({"op": "open", "handle": handle, "path": path, "mode": mode})
        return self._descriptor(fd)

    def replace(self, handle: str, path: str = "", *, size: int = 0) -> Replacement:
        """Write a whole new content. Beneath a directory it is atomic: nothing changes before `commit`.

        A picked file itself has no directory to rename in: it is emptied and written in place (token None). That
        begins only when there is room for `size` bytes.
        """
        asked = {"op": "open", "handle": handle, "path": path, "mode": "replace", "size": size}
        reply, fd = self._call(asked)
        return Replacement(self._descriptor(fd), reply.get("commit"))

    def commit(self, token: str) -> None:
        """Put a replacement in place."""
        self._call({"op": "commit", "commit": token})

    def abort(self, token: str) -> None:
        """Drop a replacement."""
        self._call({"op": "abort", "commit": token})

    def entries(self, handle: str, path: str = "", *, most: int | None = None) -> list[Entry]:
        """Files and directories in a directory, sorted by name; links, pipes, sockets and devices are left
        out. Of more than ``most`` not all are asked for: each page costs a look at the whole directory.
        """
        found: list[Entry] = []
        offset: int | None = 0
        while offset is not None and (most is None or len(found) <= most):
            reply, _ = self._call({"op": "list", "handle": handle, "path": path, "offset": offset})
            found += [Entry(e["name"], e["kind"], e["size"]) for e in reply["entries"]]
            offset = reply["next"]
        return found

    def stat(self, handle: str, path: str = "") -> Stat:
        """What is there."""
        reply, _ = self._call({"op": "stat", "handle": handle, "path": path})
        return Stat(reply["kind"], reply["size"], reply["modified"])

    def mkdir(self, handle: str, path: str) -> None:
        """Make one directory."""
        self._call({"op": "mkdir", "handle": handle, "path": path})

    def remove(self, handle: str, path: str) -> None:
        """Remove a regular file or an empty directory."""
        self._call({"op": "remove", "handle": handle, "path": path})

    def read_clipboard(self) -> bytes:
        """The text on the clipboard, as UTF-8."""
        reply, fd = self._call({"op": "clipboard-read"})
        with os.fdopen(self._descriptor(fd), "rb") as file:
            return file.read(int(reply["size"]))

    def write_clipboard(self, text: bytes) -> None:
        """Put text on the clipboard."""
        reply, fd = self._call({"op": "clipboard-offer"})
        with os.fdopen(self._descriptor(fd), "wb") as file:
            file.write(text)
        self._call({"op": "clipboard-write", "offer": reply["offer"]})

    def notify(self, modes: Sequence[str], title: str, body: str, badge: int | None) -> None:
        """Call for the person's attention."""
        message: dict[str, Any] = {"op": "notify", "modes": list(modes), "title": title, "body": body}
        self._call(message if badge is None else message | {"badge": badge})

    def open_external(self, url: str) -> None:
        """Open a page in the person's browser."""
        self._call({"op": "open-external", "url": url})

    def listen(self, device: str, rate: int, channels: int) -> tuple[str, int]:
        """Begin to record sound: the recording's name and the descriptor it comes through."""
        asked = {"op": "listen", "device": device, "rate": rate, "channels": channels}
        reply, fd = self._call(asked)
        return str(reply["recording"]), self._descriptor(fd)

    def watch(self, width: int, height: int) -> tuple[str, int]:
        """Switch the camera on: the recording's name and the descriptor that pictures come through."""
        reply, fd = self._call({"op": "watch", "width": width, "height": height})
        return str(reply["recording"]), self._descriptor(fd)

    def stop(self, recording: str) -> None:
        """Switch a device off."""
        self._call({"op": "stop", "recording": recording})

    def background(self, mode: str) -> None:
        """Ask to go on without a window: none, passive or active."""
        self._call({"op": "background", "mode": mode})

    def program(self, name: str, options: Mapping[str, Any]) -> int:
        """Start a program beside the app. The descriptor takes its input and gives its output and outcome;
        closing it ends the program."""
        _, fd = self._call({"op": "program", "program": name, "options": dict(options)})
        return self._descriptor(fd)

    def facts(self, name: str) -> Mapping[str, Any]:
        """What this machine has of a program."""
        reply, _ = self._call({"op": "facts", "program": name})
        found = reply.get("facts")
        return found if isinstance(found, dict) else {}

    def close(self) -> None:
        """Close the socket; the broker then forgets every handle."""
        self._sock.close()

    @staticmethod
    def _descriptor(fd: int | None) -> int:
        if fd is None:
            raise CallError("the broker sent no descriptor", code="internal")
        return fd

    def _call(self, message: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
        try:
            data = encode(message)
        except ValueError as error:
            raise CallError("the request is too large", code="too_large") from error
        try:
            with self._lock:
                self._sock.sendall(data)
                answer, fds, _, _ = socket.recv_fds(self._sock, MAX_DATAGRAM + 1, 1)
        except OSError as error:
            raise CallError("the broker is gone", code="io_error") from error
        fd = fds[0] if fds else None
        if fd is not None:
            os.set_inheritable(fd, False)
        if not answer:
            raise CallError("the broker is gone", code="io_error")
        reply = decode(answer)
        if reply.get("ok") is True:
            return reply, fd
        if fd is not None:
            os.close(fd)
        code = reply.get("code")
        text = str(reply.get("message", ""))
        if code == "capability_denied":
            body = {key: str(reply.get(key, "")) for key in ("capability", "because", "fix")}
            raise CapabilityDenied(text or None, **body)
        known = isinstance(code, str) and code in IPC_CODES
        raise CallError(text, code=code if known else "internal", fix=str(reply.get("fix", "")) or None)

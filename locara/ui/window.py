"""A window that is open: started in its sandbox, heard over its control socket, ended with it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from locara.core.grant import Grants
from locara.core.text import escape
from locara.records import dataclass
from locara.sandbox.launcher import Process, start
from locara.sandbox.linux.identity import ordinary_identity
from locara.ui.display import Display, find_display
from locara.ui.plan import Look, window_plan

EVENTS: Final = frozenset(
    {"alarm", "blocked", "closed", "crashed", "dropped", "loaded", "no-display", "permission", "size"}
)
_TOLD: Final = frozenset({"alarm", "blocked", "crashed", "no-display", "permission"})
_MAX_REPORT: Final = 128 * 1024
MOST_NEWS: Final = 1_000
"""As many as an honest window tells; one that somebody took over fills no terminal either."""
_MOST_FACTS: Final = 8
_MAX_COOKIE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """One thing a window told; ``uris`` is what was dropped on it.

    All of it comes from the untrusted side: show it escaped, decide nothing by it.
    """

    event: str
    facts: Mapping[str, Any]
    uris: tuple[str, ...] = ()

    def line(self) -> str:
        """The report for a log, in one line."""
        facts = "".join(f" {escape(key, 20)}={escape(str(value), 200)}" for key, value in self.facts.items())
        return f"window: {self.event}{facts}"

    @property
    def news(self) -> str:
        """The line that a person is told: of what was refused or went wrong. Empty for all that is as it should be."""
        return self.line() if self.event in _TOLD else ""


Hear: TypeAlias = Callable[[Report], None]


class Orders:
    """What the launcher tells a window that is open. One that has ended, or is not open yet, hears nothing."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def attach(self, sock: socket.socket | None) -> None:
        """The control socket of the window, None when there is no window."""
        self._socket = sock

    def reload(self, entry: str, about: Mapping[str, Sequence[str]]) -> None:
        """Load this page anew; the menu tells ``about`` from now on."""
        self._give({"order": "reload", "entry": entry, "about": {key: [*about[key]] for key in about}})

    def turn(self, *, dark: bool) -> None:
        """Be dark, or light, as the desktop is."""
        self._give({"order": "dark", "dark": dark})

    def notice(self, text: str) -> None:
        """Show a sentence in place of the page, until the next reload."""
        self._give({"order": "notice", "text": text})

    def _give(self, order: Mapping[str, Any]) -> None:
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.send(json.dumps(order).encode(), socket.MSG_DONTWAIT)


class Ear:
    """Reads the reports of one window until it ends. Of what is news, and of its sizes, the first `MOST_NEWS` are
    heard: each size is written to the disk."""

    def __init__(self, sock: socket.socket, hear: Hear, orders: Orders) -> None:
        self._socket = sock
        self._hear = hear
        self._orders = orders
        self._left = {"news": MOST_NEWS, "size": MOST_NEWS}
        orders.attach(sock)
        self._thread = threading.Thread(target=self._listen, name="locara-window", daemon=True)

    @property
    def background(self) -> str:
        """A window ends with its app."""
        return "none"

    def begin(self) -> None:
        """Start listening."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening. Idempotent."""
        self._orders.attach(None)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                data = self._socket.recv(_MAX_REPORT)
            except OSError:
                return
            if not data:
                return
            report = _report(data)
            if report is None:
                continue
            kind = "news" if report.news else report.event
            if kind in self._left:
                self._left[kind] -= 1
            if self._left.get(kind, 0) >= 0:
                self._hear(report)


def _report(data: bytes) -> Report | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    event = value.get("event") if isinstance(value, dict) else None
    if not isinstance(event, str) or event not in EVENTS:
        return None
    plain = (
        (key, fact) for key, fact in value.items() if key != "event" and isinstance(fact, str | int | bool)
    )
    facts = dict(islice(plain, _MOST_FACTS))
    uris = value.get("uris") if event == "dropped" else []
    named = isinstance(uris, list) and all(isinstance(uri, str) for uri in uris)
    return Report(event, facts, tuple(uris) if named else ())


@contextmanager
def open_window(
    grants: Grants,
    folder: Path,
    look: Look,
    *,
    peer: socket.socket,
    hear: Hear,
    log: int,
    display: Display | None = None,
    orders: Orders | None = None,
) -> Iterator[Process]:
    """Show the page in ``folder`` while the block runs. ``peer`` is the window's end of its frame socket.

    ``hear`` is called on a thread of its own; ``log`` is where the engine's own words go; ``orders`` reaches the
    window while it is open. Raises SandboxError: ``no_display``, ``window_missing``, and what
    `locara.sandbox.launcher.start` raises.
    """
    where = find_display(os.environ) if display is None else display
    with _readable_cookie(where.cookie) as cookie:
        plan = window_plan(grants, folder, look, where, cookie)
        with start(
            plan,
            stdin=peer.fileno(),
            stdout=log,
            stderr=log,
            outside=lambda ours: Ear(ours, hear, orders or Orders()),
        ) as process:
            yield process


@contextmanager
def _readable_cookie(cookie: Path | None) -> Iterator[Path | None]:
    """The X11 cookie as a file the sandbox's user may read: the person's own, or a copy when root starts it."""
    who = ordinary_identity(os.getuid(), os.environ)
    if cookie is None or who is None:
        yield None if cookie is None else Path(os.path.realpath(cookie))
        return
    with tempfile.TemporaryDirectory(prefix="locara-window-") as folder:
        copy = Path(os.path.realpath(folder)) / "cookie"
        copy.touch(0o600)
        with cookie.open("rb") as file:
            copy.write_bytes(file.read(_MAX_COOKIE))
        os.chown(copy, who.uid, who.gid)
        yield copy

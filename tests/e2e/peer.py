"""The other end of a window's frames, in the test's own hands: it records what a page sends and answers it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from locara.core.grant import Grants
from locara.runtime import frames
from locara.runtime.app import AppBundle
from locara.sandbox.launcher import Process
from locara.ui.display import Display, find_display
from locara.ui.plan import Look
from locara.ui.window import Report, open_window

from .screen import Screen

APP = Path(__file__).resolve().parents[2] / "apps" / "docvault"
Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]


def echo(frame: dict[str, Any]) -> list[dict[str, Any]]:
    """The call's arguments, as its result."""
    return [{"id": frame["id"], "ok": True, "result": frame.get("args")}]


class Peer:
    """Frames that came, reports that came, and waiting for either."""

    def __init__(self, sock: socket.socket, answer: Answer) -> None:
        self.frames: list[dict[str, Any]] = []
        self.reports: list[Report] = []
        self._sock = sock
        self._answer = answer
        self._changed = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def hear(self, report: Report) -> None:
        """One report of the window."""
        with self._changed:
            self.reports.append(report)
            self._changed.notify_all()

    def _serve(self) -> None:
        reader = frames.FrameReader(self._sock.fileno())
        try:
            while (payload := reader.read()) is not None:
                frame = frames.decode(payload)
                with self._changed:
                    self.frames.append(frame)
                    self._changed.notify_all()
                if "cmd" in frame:
                    data = b"".join(map(frames.encode, self._answer(frame)))
                    frames.write_all(self._sock.fileno(), data)
        except OSError:
            return  # the window is gone

    def wait_frame(self, command: str, seconds: float = 120) -> dict[str, Any]:
        """The first call of that command."""
        with self._changed:
            came = self._changed.wait_for(lambda: any(f.get("cmd") == command for f in self.frames), seconds)
            assert came, f"no {command}: {self.commands()}, {[r.line() for r in self.reports]}"
            return next(frame for frame in self.frames if frame.get("cmd") == command)

    def wait_report(self, event: str, seconds: float = 120) -> Report:
        """The first report of that event."""
        with self._changed:
            came = self._changed.wait_for(lambda: any(r.event == event for r in self.reports), seconds)
            assert came, f"no {event}: {[r.line() for r in self.reports]}"
            return next(report for report in self.reports if report.event == event)

    def commands(self) -> list[str]:
        """The commands that were called, in order."""
        return [str(frame.get("cmd")) for frame in self.frames]


def write_page(folder: Path, script: str, body: str = "", **files: str) -> Path:
    """A page whose script runs with ``send`` and ``call`` at hand."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(
        f"<!doctype html><html><head><meta charset=utf-8></head><body>{body}<script src=page.js></script></body></html>"
    )
    (folder / "page.js").write_text(_PRELUDE + script)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


_PRELUDE = """
const open = new Map(); let next = 1;
window.__locara.listen((f) => { if ("event" in f) open.get(f.id)?.event?.(f.event); else { open.get(f.id)?.done(f); open.delete(f.id); } },
  (reason) => { document.title = reason; });
const call = (cmd, args = {}, event) => new Promise((done) => { const id = next++; open.set(id, { done, event }); window.__locara.send({ id, cmd, args }); });
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
"""


@contextmanager
def show(
    screen: Screen,
    folder: Path,
    *,
    answer: Answer = echo,
    grants: Grants | None = None,
    look: Look = Look("A page", "index.html"),  # noqa: B008 - frozen
) -> Iterator[tuple[Peer, Process]]:
    """A page in the product's own window, and the peer it talks to."""
    ours, theirs = socket.socketpair()
    display: Display = find_display(screen.environ)
    screen.pictures.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(screen.pictures.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with ours:
        peer = Peer(ours, answer)
        with open_window(
            grants or AppBundle.open(APP).grants,
            folder,
            look,
            peer=theirs,
            hear=peer.hear,
            log=log,
            display=display,
        ) as window:
            theirs.close()
            yield peer, window
            window.kill()
    os.close(log)

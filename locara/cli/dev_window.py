"""The app's own window in a session of development: the page as it was built last, and its frames."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.cli.dev_page import mirror
from locara.cli.dev_session import page_of, say
from locara.errors import CallError, LocaraError, SandboxError

if TYPE_CHECKING:
    from locara.cli.dev_link import Pages
    from locara.runtime.app import AppBundle
    from locara.runtime.state import StateFolder
    from locara.sandbox.launcher import Process
    from locara.ui.display import Display
    from locara.ui.drops import Dropped
    from locara.ui.window import Report

Lines = queue.Queue[Mapping[str, Any]]
_PAGE: Final = "window"
_END: Final[Mapping[str, Any]] = {}
_GONE: Final = ("cancelled", "the runtime of this session has ended")


def usable_display() -> Display:
    """The display on which a window can be shown. Raises SandboxError ``no_display`` or ``window_missing``."""
    from locara.ui.display import find_display
    from locara.ui.plan import find_engine

    found = find_display(os.environ)
    find_engine()
    return found


class WindowFront:
    """One window with the page. ``ended`` is set when it has gone, however that came; ``dropped`` is told of drops."""

    def __init__(
        self, pages: Pages, folder: Path, display: Display, ended: threading.Event, dropped: Dropped
    ) -> None:
        from locara.ui.window import Orders

        self.has_no_display = False
        self._pages = pages
        self._folder = folder
        self._display = display
        self._ended = ended
        self._dropped = dropped
        self._orders = Orders()
        self._bundle: AppBundle | None = None
        self._entry = ""
        self._missing = ""
        self._sending = threading.Lock()  # two threads answer the page; a frame stays whole

    def show(self, bundle: AppBundle) -> None:
        """Copy the page as it is built now; the window loads it when it is told to."""
        out, self._entry = page_of(bundle)
        self._missing = (
            ""
            if (out / self._entry).is_file()
            else f"{bundle.manifest.entry} is not built yet. It appears here when it is."
        )
        self._bundle = bundle
        mirror(out, self._folder)

    @contextmanager
    def open(self) -> Iterator[None]:
        """The window is there while the block runs, with what was shown last. Raises SandboxError."""
        from locara.runtime import frames
        from locara.ui.look import look_of
        from locara.ui.theme import following
        from locara.ui.window import open_window

        bundle = self._shown()
        ours, theirs = socket.socketpair()
        with ours, ExitStack() as stack:  # the socket is closed last of all
            with theirs:
                window = stack.enter_context(
                    open_window(
                        bundle.grants,
                        self._folder,
                        look_of(bundle, self._entry, _state()),
                        peer=theirs,
                        hear=self.hear,
                        log=2,
                        display=self._display,
                        orders=self._orders,
                    )
                )
            lines = self._pages.lines_of(_PAGE) or queue.Queue()
            stack.callback(window.kill)
            if self._missing:
                self._orders.notice(self._missing)
            reads, writes, waits = (
                threading.Thread(target=target, args=args, name="locara-dev-window", daemon=True)
                for target, args in (
                    (self._read, (ours,)),
                    (self._write, (ours, lines)),
                    (self._wait, (window,)),
                )
            )
            for thread in (reads, writes, waits):
                thread.start()
            stack.callback(frames.fall_silent, ours, reads, writes)
            stack.callback(_end, lines)
            stack.callback(self._pages.leave, _PAGE)  # first of all: nothing is put behind the end
            stack.enter_context(following(os.environ, self._orders.turn))
            yield

    def _shown(self) -> AppBundle:
        if self._bundle is None:
            raise SandboxError("no page was shown before the window was opened", code="launch_failed")
        return self._bundle

    # -- what the window tells ----------------------------------------------------------------------------

    def hear(self, report: Report) -> None:
        """Keep, hand on or say what the window tells."""
        from locara.ui.placement import keep

        if report.event == "size":
            with suppress(LocaraError):  # where a window stood is not worth ending a session for
                keep(_state(), self._shown().grants.app_id, report)
        elif report.event == "dropped":
            self._dropped.put(report.uris)
        elif report.event == "no-display":
            self.has_no_display = True
        elif report.news:
            say(report.news)

    def _wait(self, window: Process) -> None:
        window.wait()
        self._ended.set()

    # -- frames -------------------------------------------------------------------------------------------

    def _read(self, sock: socket.socket) -> None:
        """Hand on what the page asks for, until the window has gone."""
        from locara.runtime import frames

        reader = frames.FrameReader(sock.fileno())
        with suppress(
            OSError, CallError
        ):  # a stream that cannot be followed any more ends as one that was closed
            while (payload := reader.read()) is not None:
                try:
                    frame = frames.decode(payload)
                except CallError as error:
                    self._answer(sock, None, error.code, error.message)
                    continue
                if not self._pages.send(_PAGE, frame) and "cancel" not in frame:
                    code, why = ("bad_request", "no call with a free id") if self._pages.connected else _GONE
                    self._answer(sock, frame.get("id"), code, why)

    def _write(self, sock: socket.socket, lines: Lines) -> None:
        """Hand on what the page is to know, until the session ends."""
        from locara.runtime import frames

        with suppress(OSError):
            while (line := lines.get()) is not _END:
                if "frame" in line:
                    frame = line["frame"]
                    try:
                        data = frames.encode(frame)
                    except CallError as error:
                        self._answer(sock, frame.get("id"), error.code, error.message)
                    else:
                        self._send(sock, data)
                elif "closed" in line:
                    self._orders.notice(f"{str(line['closed']).capitalize()}. The terminal says more.")
                else:
                    self._load()

    def _answer(self, sock: socket.socket, call: object, code: str, why: str) -> None:
        from locara.runtime import frames

        reply = {"id": call, "ok": False, "error": {"code": code, "message": why}}
        self._send(sock, frames.encode(reply))

    def _send(self, sock: socket.socket, data: bytes) -> None:
        from locara.runtime import frames

        with self._sending:
            frames.write_all(sock.fileno(), data)

    def _load(self) -> None:
        """Load the page as it was copied last; a sentence stays where there is none, or nothing to answer it."""
        from locara.ui.look import about_of

        if self._missing:
            self._orders.notice(self._missing)
        elif self._pages.connected:
            self._orders.reload(self._entry, about_of(self._shown()))


def _end(lines: Lines) -> None:
    with suppress(queue.Full):  # a page that does not read: its writer ends with the stream
        lines.put_nowait(_END)


def _state() -> StateFolder:
    """Where windows stood is kept with the person's own decisions: it is the same window for them."""
    from locara.runtime.state import StateFolder, default_state_root

    return StateFolder(default_state_root())

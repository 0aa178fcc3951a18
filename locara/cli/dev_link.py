"""The runtime of one development session and the pages that talk to it.

Each page has calls of its own: their ids are replaced on the way to the runtime and put back on the way to the
page, so that two tabs, or a page and what it was before a reload, never take each other's answers.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from locara.runtime import frames
from locara.runtime.client import ConnectionLost

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

MAX_PAGES: Final = 32
MAX_WAITING: Final = 10_000
_WAIT: Final = 3_600.0


class Pages:
    """The pages of a session: a queue of lines for each, and the calls of each that have no answer yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # apart: while one call waits to be written, answers are delivered
        self._pages: dict[str, queue.Queue[Mapping[str, Any]]] = {}
        self._calls: dict[int, tuple[str | None, object]] = {}  # None: of a page that has left
        self._next = 1
        self._running: RunningApp | None = None

    def lines_of(self, page: str) -> queue.Queue[Mapping[str, Any]] | None:
        """What a page is to be told, in order; None when there are too many pages."""
        with self._lock:
            if page not in self._pages and len(self._pages) >= MAX_PAGES:
                return None
            return self._pages.setdefault(page, queue.Queue(MAX_WAITING))

    def leave(self, page: str) -> None:
        """Forget a page and cancel what it had asked for."""
        with self._lock:
            self._pages.pop(page, None)
            gone = [wire for wire, (owner, _) in self._calls.items() if owner == page]
            self._calls.update((wire, (None, None)) for wire in gone)
        for wire in gone:
            self._send({"cancel": wire})

    def send(self, page: str, frame: object) -> bool:
        """Hand a page's frame to the runtime. False when it is no call and no cancel of this page."""
        if not isinstance(frame, dict):
            return False
        own = frame.get("cancel", frame.get("id"))
        if isinstance(own, bool) or not isinstance(own, int | str):
            return False
        with self._lock:
            known = next((wire for wire, call in self._calls.items() if call == (page, own)), None)
            if "cancel" not in frame:
                if known is not None:
                    return False
                known, self._next = self._next, self._next + 1
                self._calls[known] = (page, own)
        if "cancel" in frame:
            return known is None or self._send({"cancel": known})
        return self._send({**frame, "id": known})

    def _send(self, frame: Mapping[str, Any]) -> bool:
        with self._lock:
            running = self._running
        if running is None:
            return False
        with self._writing:
            try:
                running.client.send_raw(frames.encode(frame))
            except ConnectionLost:
                return False
        return True

    def tell(self, line: Mapping[str, Any]) -> None:
        """Tell every page something."""
        with self._lock:
            waiting = list(self._pages.values())
        for one in waiting:
            _put(one, line)

    @property
    def connected(self) -> bool:
        """Whether a runtime is there that calls can go to."""
        with self._lock:
            return self._running is not None

    def attach(self, running: RunningApp, ended: Callable[[RunningApp], None]) -> None:
        """Connect a runtime that was started; ``ended`` is called when its output ends."""
        with self._lock:
            self._running = running
        threading.Thread(target=self._pump, args=(running, ended), daemon=True).start()

    def detach(self) -> RunningApp | None:
        """Disconnect the runtime and return it; calls that have no answer get none."""
        with self._lock:
            running, self._running = self._running, None
            self._calls.clear()
        return running

    def detach_if(self, running: RunningApp) -> bool:
        """Disconnect this runtime if it is the connected one: False when it was stopped on purpose."""
        with self._lock:
            if self._running is not running:
                return False
            self._running = None
            self._calls.clear()
        return True

    def _pump(self, running: RunningApp, ended: Callable[[RunningApp], None]) -> None:
        try:
            while True:
                try:
                    frame = running.client.recv_frame(_WAIT)
                except TimeoutError:
                    continue
                if frame is None:
                    break
                self._deliver(frame)
        except (ConnectionLost, OSError, ValueError):
            pass  # the runtime is gone, or was closed for a restart
        ended(running)

    def _deliver(self, frame: dict[str, Any]) -> None:
        wire = frame.get("id")
        with self._lock:
            call = self._calls.get(wire) if isinstance(wire, int) else None
            if call is None:
                return
            if "event" not in frame:
                del self._calls[wire]  # type: ignore[arg-type]
            waiting = None if call[0] is None else self._pages.get(call[0])
        if waiting is not None:
            _put(waiting, {"frame": {**frame, "id": call[1]}})


def _put(waiting: queue.Queue[Mapping[str, Any]], line: Mapping[str, Any]) -> None:
    try:
        waiting.put_nowait(line)
    except queue.Full:  # a page that does not read: it is told that it lost the connection when it does
        waiting.queue.clear()
        waiting.put_nowait({"closed": "this page did not read its answers"})

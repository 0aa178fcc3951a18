"""A pywebview window with one page: pywebview opens it, and everything it offers a page is replaced by the one channel.

What pywebview brings and this takes away: `window.pywebview` with every attribute of an object behind it, a message
handler that sub-frames and other origins reach, code that is evaluated in the page, a web server on a port of this
machine, links handed to the browser, and downloads.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import webview

from locara.ui.webkit import files
from locara.ui.webkit.bridge import ORIGIN, Bridge
from locara.ui.webkit.link import Link
from locara.ui.webkit.reports import Reports

_BATCH: Final = 1 << 20
_SAFE: Final = {
    "ALLOW_DOWNLOADS": False,
    "ALLOW_FILE_URLS": False,
    "OPEN_EXTERNAL_LINKS_IN_BROWSER": False,
    "OPEN_DEVTOOLS_IN_DEBUG": False,
    "IGNORE_SSL_ERRORS": False,
}


class Screen(Protocol):
    """What a platform does for the host; each method is called on the thread that draws."""

    def deliver(self, token: str, frames: str, reason: str) -> None:
        """Hand frames to the document in the top frame."""

    def renew(self, script: str) -> None:
        """Have the script run first in the next document of the top frame."""

    def close(self) -> None:
        """Close the window."""


class Host:
    """The page's side of the frames. ``later`` runs a function on the thread that draws, soon."""

    def __init__(self, config: dict[str, Any], reports: Reports, handler: str) -> None:
        self.config = config
        self.reports = reports
        self.closing = False
        self._handler = handler
        self._bridge = Bridge(handler)
        self._incoming: deque[bytes] = deque()
        self._scheduled = False
        self._lock = threading.Lock()
        self._screen: Screen | None = None
        self._later: Callable[[Callable[[], None]], None] | None = None
        self._link: Link | None = None

    @property
    def start(self) -> str:
        """The address of the first page."""
        return ORIGIN + str(self.config["entry"])

    def attach(self, screen: Screen, later: Callable[[Callable[[], None]], None]) -> None:
        """The view is there and locked: begin to carry frames."""
        self._screen, self._later = screen, later
        self._renew()
        self._link = Link(0, self._received, lambda: later(self._ended))

    def serve(self, uri: str) -> files.Served | None:
        """The file that an address names."""
        return files.serve(self.config["folder"], uri, self.config["entry"])

    def may_go(self, uri: str, *, what: str, new_window: bool = False) -> bool:
        """Whether a navigation stays in the app and its window; one that does not is reported."""
        if uri.startswith(ORIGIN) and not new_window:
            return True
        self.reports.say("blocked", what=what, uri=uri)
        return False

    def message(self, text: object) -> None:
        """What a page posted."""
        frame = self._bridge.frame_of(text)
        if frame is None:
            self.reports.say("alarm", what="a message without the token")
        elif self._link is None or not self._link.send(frame):
            self.reports.say("alarm", what="a frame too large, or too many at once")
            self._deliver((), "the window could not pass on what this page sent")

    def crashed(self, what: str) -> None:
        """The page's process ended: it is loaded again once, with a token of its own."""
        self.reports.say("crashed", what=what)
        self._renew()

    def _renew(self) -> None:
        self._bridge = Bridge(self._handler)
        if self._screen is not None:
            self._screen.renew(self._bridge.script)

    def _received(self, payload: bytes) -> None:
        with self._lock:
            self._incoming.append(payload)
            if self._scheduled or self._later is None:
                return
            self._scheduled = True
        self._later(self._flush)

    def _flush(self) -> None:
        batch: list[bytes] = []
        with self._lock:
            size = 0
            while self._incoming and size < _BATCH:
                batch.append(self._incoming.popleft())
                size += len(batch[-1])
            self._scheduled = again = bool(self._incoming)
        self._deliver(batch, "")
        if again and self._later is not None:
            self._later(self._flush)

    def _deliver(self, batch: list[bytes] | tuple[()], reason: str) -> None:
        if self._screen is not None:
            text = (b"[" + b",".join(batch) + b"]").decode("utf-8", "replace")
            self._screen.deliver(self._bridge.token, text, reason)

    def _ended(self) -> None:
        if not self.closing:
            self._deliver((), "the app has ended")


def _lock_platform(host: Host) -> None:
    """Put the locks of this platform on pywebview before it makes a window. ImportError where there are none."""
    if sys.platform == "darwin":
        from locara.ui.pywebview import cocoa as platform  # noqa: PLC0415 - one platform each
    elif sys.platform == "win32":
        from locara.ui.pywebview import edge as platform  # noqa: PLC0415
    else:
        from locara.ui.pywebview import gtk as platform  # noqa: PLC0415
    platform.lock(host)


HANDLERS: Final = {"win32": "chrome.webview"}


def main() -> None:
    """Show one window until it is closed. 0 then; 3 when there is no display."""
    config = json.loads(sys.argv[1])
    reports = Reports(int(os.environ["LOCARA_BROKER_FD"]))
    host = Host(config, reports, HANDLERS.get(sys.platform, "webkit.messageHandlers.locara"))
    webview.settings.update(_SAFE)
    try:
        _lock_platform(host)
    except ImportError:
        reports.say("no-display")
        sys.stdout.flush()
        os._exit(3)
    width, height = config.get("size") or [1000, 720]
    # No address and no object: pywebview then starts no server and has nothing that a page could call.
    window: Any = webview.create_window(
        config["title"], width=int(width), height=int(height), maximized=bool(config.get("maximized"))
    )

    def resized(width: int, height: int) -> None:
        reports.say("size", width=int(width), height=int(height), maximized=False)

    def closed() -> None:
        host.closing = True
        reports.say("closed")

    window.events.resized += resized
    window.events.closed += closed
    webview.start(private_mode=True, http_server=False, debug=False)
    os._exit(0)


if __name__ == "__main__":
    main()

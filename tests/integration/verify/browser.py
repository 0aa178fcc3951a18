"""A real Chromium, driven over its debugging pipe: no port, no driver program, no package.

Only what the tests of reports need: open a page, evaluate, press keys, take a picture, see every request.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The protocol wants descriptors 3 and 4, which may be anything in the process that starts it.
_WIRE = """
import os, sys
to_it, from_it = (os.dup2(os.dup(int(fd)), 60 + n) for n, fd in enumerate(sys.argv[1:3]))
os.dup2(to_it, 3)
os.dup2(from_it, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass(slots=True)
class Browser:
    """One page. ``events`` holds what the browser told without being asked."""

    send_fd: int
    receive_fd: int
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _number: int = 0
    _unread: bytes = b""

    def call(self, method: str, **params: object) -> Any:
        """Call a method of the protocol and wait for its result."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.send_fd, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._read()
            if reply.get("id") == self._number:
                assert "error" not in reply, reply
                return reply["result"]
            self.events.append(reply)

    def wait_for(self, method: str) -> None:
        """Wait until the browser tells of ``method``, or has told."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._read())

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            data = os.read(self.receive_fd, 1 << 16)
            assert data, "the browser ended"
            self._unread += data
        text, _, self._unread = self._unread.partition(b"\0")
        return json.loads(text)

    def open(self, path: Path, *, dark: bool = False, width: int = 1100) -> None:
        """Show a file."""
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.events.clear()
        went = self.call("Page.navigate", url=path.as_uri())
        assert "errorText" not in went, went
        self.wait_for("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression; a promise is awaited."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key as the keyboard does."""
        codes = {"Tab": 9, "Enter": 13, "Space": 32}
        text = {"Enter": "\r", "Space": " "}.get(key)
        name = " " if key == "Space" else key
        keys = {"key": name, "code": key, "windowsVirtualKeyCode": codes[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **keys, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **keys)

    def picture(self, path: Path) -> None:
        """Save the whole page as PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def requests(self) -> list[str]:
        """The addresses of everything the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """What the browser logged as wrong: refused loads, violations of the policy, errors."""
        return [
            event["params"]["entry"]["text"]
            for event in self.events
            if event.get("method") == "Log.entryAdded"
        ]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A fresh browser with one page; nothing of it stays."""
    assert PROGRAM is not None
    to_it, send = os.pipe()
    receive, from_it = os.pipe()
    with tempfile.TemporaryDirectory(prefix="locara-browser-", ignore_cleanup_errors=True) as profile:
        command = [
            PROGRAM,
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "about:blank",
        ]

        process = subprocess.Popen(
            [sys.executable, "-c", _WIRE, str(to_it), str(from_it), *command],
            pass_fds=(to_it, from_it),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_it)
        os.close(from_it)
        try:
            browser = Browser(send, receive)
            target = browser.call("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)[
                "sessionId"
            ]
            for domain in ("Page", "Runtime", "Network", "Log"):
                browser.call(f"{domain}.enable")
            yield browser
        finally:
            os.close(send)
            os.close(receive)
            process.kill()
            process.wait()

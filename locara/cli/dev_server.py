"""The loopback bridge of a development session: serves the built page and carries its frames.

It listens on 127.0.0.1 alone. Every request must name that very host, a foreign Origin is refused, and frames
need the token of the session, which is only in the address that `locara dev` prints.
"""

from __future__ import annotations

import hmac
import json
import os
import queue
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from locara.cli.dev_link import Pages
from locara.plain_files import plain_file
from locara.runtime.frames import MAX_FRAME
from locara.runtime.openat2 import open_beneath

HOST: Final = "127.0.0.1"
POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}
_FRAMES: Final = "/__locara/frames"
_BRIDGE_PATH: Final = "/__locara/bridge.js"
_MAX_FILE: Final = 256 * 1024 * 1024
_PAGE: Final = re.compile(r"[0-9a-f-]{36}")
_HEAD: Final = re.compile(rb"<head[^>]*>", re.IGNORECASE)
_BRIDGE: Final = """(() => {
  const headers = { "x-locara-token": location.hash.slice(1), "x-locara-page": crypto.randomUUID() };
  let queue = Promise.resolve(), receive, closed, ended;
  const waiting = [];
  const end = (reason) => { ended = reason; closed?.(reason); };
  Object.defineProperty(window, "__locara", { value: Object.freeze({
    send(frame) {
      queue = queue.then(() => fetch("/__locara/frames", { method: "POST", headers, body: JSON.stringify(frame) }))
        .then((response) => { if (!response.ok) end("the development bridge refused a call"); })
        .catch(() => end("`locara dev` has ended"));
    },
    listen(onFrame, onClosed) {
      receive = onFrame;
      closed = onClosed;
      for (const frame of waiting.splice(0)) receive(frame);
      if (ended) closed(ended);
    },
  }) });
  (async () => {
    const response = await fetch("/__locara/frames", { headers });
    if (!response.ok) return end("the development bridge refused this page: open the address that it printed");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let open = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return end("`locara dev` has ended");
      const lines = (open + value).split("\\n");
      open = lines.pop();
      for (const line of lines.filter(Boolean)) {
        const told = JSON.parse(line);
        if (told.reload) location.reload();
        else if (told.closed) end(told.closed);
        else if (receive) receive(told.frame);
        else waiting.push(told.frame);
      }
    }
  })().catch(() => end("`locara dev` has ended"));
})();
"""


class Bridge(ThreadingHTTPServer):
    """The server of one session. ``port`` 0 takes a free one. Raises OSError when the port is taken."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, port: int, *, token: str, pages: Pages, out: Path, entry: str) -> None:
        self.token = token
        self.pages = pages
        self.out = out
        self.entry = entry
        super().__init__((HOST, port), _Handler)

    @property
    def host(self) -> str:
        """What every request must call this server."""
        return f"{HOST}:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """The address to open, with the token in the part that no server is sent."""
        return f"http://{self.host}/{self.entry if '/' in self.entry else ''}#{self.token}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves in the middle is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    server: Bridge
    timeout = 60
    server_version = "locara-dev"
    sys_version = ""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal is for what changed."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self._is_ours():
            return
        if path == _FRAMES:
            if self._may_talk():
                self._follow()
        elif path == _BRIDGE_PATH:
            self._answer(200, _BRIDGE.encode(), ".js")
        else:
            self._file(unquote(path).removeprefix("/") or self.server.entry)

    def do_POST(self) -> None:
        self.close_connection = True
        if not self._is_ours() or not self._may_talk():
            return
        length = self.headers.get("Content-Length", "")
        if urlsplit(self.path).path != _FRAMES or not length.isdecimal() or int(length) > MAX_FRAME:
            self._answer(400)
            return
        try:
            frame = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            self._answer(400)
            return
        self._answer(204 if self.server.pages.send(self.headers["X-Locara-Page"], frame) else 400)

    def _is_ours(self) -> bool:
        """The request names this very server, so no other name can be made to lead here."""
        if self.headers.get_all("Host") != [self.server.host]:
            self._answer(421)
            return False
        if self.headers.get("Origin") not in (None, f"http://{self.server.host}"):
            self._answer(403)
            return False
        return True

    def _may_talk(self) -> bool:
        token = self.headers.get("X-Locara-Token", "").encode("utf-8", "replace")
        page = self.headers.get("X-Locara-Page", "")
        if hmac.compare_digest(token, self.server.token.encode()) and _PAGE.fullmatch(page):
            return True
        self._answer(403)
        return False

    def _follow(self) -> None:
        """Tell a page what it is to know, line by line, until either side ends."""
        page = self.headers["X-Locara-Page"]
        lines = self.server.pages.lines_of(page)
        if lines is None:
            self._answer(503)
            return
        self.close_connection = True
        self._begin(200, "application/x-ndjson")
        self.end_headers()
        try:
            while True:
                try:
                    line = json.dumps(lines.get(timeout=2)).encode()
                except queue.Empty:
                    line = b""  # an empty line now and then shows whether the page is still there
                self.wfile.write(line + b"\n")
                self.wfile.flush()
        except OSError:
            self.server.pages.leave(page)

    def _file(self, path: str) -> None:
        """A regular file of the built page; links are not followed and nothing outside is reached."""
        try:
            folder = os.open(self.server.out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fd = open_beneath(folder, path, os.O_RDONLY)
            finally:
                os.close(folder)
            with plain_file(fd, path) as file:
                if os.fstat(fd).st_size > _MAX_FILE:
                    raise FileNotFoundError
                data = file.read()
        except (OSError, ValueError):
            self._answer(404, b"not a file of the built page\n", ".txt")
            return
        suffix = PurePosixPath(path).suffix.lower()
        self._answer(200, _with_bridge(data) if suffix == ".html" else data, suffix)

    def _answer(self, code: int, body: bytes = b"", suffix: str = "") -> None:
        self._begin(code, _TYPES.get(suffix, "application/octet-stream" if code == 200 else "text/plain"))
        if code != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _begin(self, code: int, content_type: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        for name, value in _HEADERS.items():
            self.send_header(name, value)


def _with_bridge(page: bytes) -> bytes:
    """The page with the bridge as its first script."""
    script = f'<script src="{_BRIDGE_PATH}"></script>'.encode()
    head = _HEAD.search(page)
    return script + page if head is None else page[: head.end()] + script + page[head.end() :]

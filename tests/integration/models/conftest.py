"""A real https server on this machine that behaves as each test says, and the certificate it is trusted by."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Content:
    """Serves bytes as well-behaved servers do; every field makes it behave less well in one way."""

    data: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    cut_after: int | None = None  # bytes of the body of one answer, then the connection ends
    cuts: int = 1_000_000  # how many answers are cut
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None  # what Content-Length says in place of the truth; -1: nothing
    endless: bool = False
    gate: threading.Semaphore | None = None
    sent: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        start = self._start(handler)
        if start is None:
            handler.send_response(416)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        body = self.data[start:]
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        if self.length != -1 and not self.endless:
            handler.send_header("Content-Length", str(len(body) if self.length is None else self.length))
        if self.etag:
            handler.send_header("ETag", self.etag)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if self.cut_after is not None and self.cuts > 0:
            self.cuts -= 1
            body = body[: self.cut_after]
        handler.wfile.write(body)
        handler.wfile.flush()
        self.sent.set()
        if self.gate is not None:
            self.gate.acquire(timeout=20)
        while self.endless:
            handler.wfile.write(self.data)

    def _start(self, handler: BaseHTTPRequestHandler) -> int | None:
        wanted = handler.headers.get("Range", "")
        condition = handler.headers.get("If-Range")
        if not self.ranges or not wanted.startswith("bytes=") or condition not in {None, self.etag}:
            return 0
        start = int(wanted[6:].partition("-")[0])
        return None if start >= len(self.data) else start


def redirect(location: str, status: int = 302) -> Behaviour:
    """Answers with a redirect."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", location)
        handler.send_header("Set-Cookie", "who=you")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


def status(code: int, **headers: str) -> Behaviour:
    """Answers with a status and no body."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


@dataclass
class Server:
    """What is served by path (without query), and every request that came."""

    port: int
    name: str
    paths: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"https://{self.name}:{self.port}{path}"

    def put(self, path: str, behaviour: Behaviour) -> str:
        self.paths[path] = behaviour
        return self.url(path)

    def gets(self, path: str) -> list[dict[str, str]]:
        return [headers for method, seen, headers in self.requests if method == "GET" and seen == path]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem and, signed by it, leaf.pem + leaf.key for localhost and 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for command in (
        ["req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority"],
        ["req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
         "-out", "leaf.pem", "-days", "2", "-extfile", "names"],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def serve(certificates: Path) -> Iterator[Callable[..., Server]]:
    """Start an https server: `serve()` is known as localhost, `serve("127.0.0.1")` by its number."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(name: str = "localhost") -> Server:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                server.bodies.append(self.rfile.read(length))
                path = self.path.partition("?")[0]
                server.requests.append((self.command, path, dict(self.headers.items())))
                with contextlib.suppress(OSError):  # the other side left
                    server.paths.get(path, status(404))(self)
                self.close_connection = True

            do_GET = do_HEAD = do_POST = answer

            def log_message(self, *_args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_args: object) -> None:
                pass

            def finish_request(self, request, address) -> None:  # type: ignore[no-untyped-def]
                # The handshake belongs into the connection's own thread.
                with context.wrap_socket(request, server_side=True) as wrapped:
                    super().finish_request(wrapped, address)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "leaf.pem", certificates / "leaf.key")
        http = Quiet((name if name.startswith("127.") else "127.0.0.1", 0), Handler)
        server = Server(http.server_address[1], name)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        running.append((http, thread))
        return server

    yield start
    for http, thread in running:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def trusted(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process trusts the test authority, as a person's would by SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    return certificates / "ca.pem"

"""The instance over HTTP, as Sigstore's clients speak to Fulcio, Rekor v2, a timestamp authority and an issuer.

It listens where it is told to, which for the embedded default is the loopback. In front of it in production stands
a server that speaks TLS; nothing here is secret but the tokens, which live for minutes.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from cryptography import x509

from locara.errors import LocaraError
from locara.trust.refusal import Reason
from locara.trust.statement.reading import read_json
from locara_registry.trust.instance import Instance, pem
from locara_registry.trust.trusted_root import trust_instance, trusted_root

MAX_REQUEST: Final = 64 << 10
_JSON: Final = "application/json"
_REPLY: Final = "application/timestamp-reply"

Answer = tuple[HTTPStatus, str, bytes]


class Service(ThreadingHTTPServer):
    """The instance at an address. ``instance`` may be put in later: its record names the address."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, _Handler)
        self.instance: Instance | None = None
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server_address[0]!s}:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A connection that broke is nobody's problem; nothing is written to the terminal."""


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Serve in a thread of its own until left."""
    thread = threading.Thread(target=service.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One request. Every answer is written at once: a second write costs the client 40 ms."""

    server: Service
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 << 10
    timeout = 30

    def do_POST(self) -> None:
        """Certificates, log entries, timestamps."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or int(length) > MAX_REQUEST:
            self.close_connection = True
            return self._send(_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too large"))
        body = self.rfile.read(int(length))
        known: dict[str, Callable[[Instance, bytes], Answer]] = {
            "/api/v2/signingCert": self._certificate,
            "/api/v2/log/entries": _entry,
            "/timestamp": _timestamp,
        }
        return self._send(self._answered(known.get(self.path), body))

    def do_GET(self) -> None:
        """What is public about the instance."""
        known: dict[str, Callable[[Instance, bytes], Answer]] = {
            "/.well-known/openid-configuration": lambda one, _: _json(one.identity.discovery()),
            "/keys": lambda one, _: _json(one.identity.key_set()),
            "/trusted_root.json": lambda one, _: _json(trusted_root(one.record)),
            "/instance.json": lambda one, _: (HTTPStatus.OK, _JSON, trust_instance(one.record)),
        }
        self._send(self._answered(known.get(self.path), b""))

    def _answered(self, work: Callable[[Instance, bytes], Answer] | None, body: bytes) -> Answer:
        instance = self.server.instance
        if work is None or instance is None:
            return _problem(HTTPStatus.NOT_FOUND, "there is nothing here")
        # Askers of a log in batches wait together; one at a time they would never share a batch.
        together = work is _entry and instance.batches is not None
        try:
            with nullcontext() if together else self.server.lock:
                return work(instance, body)
        except LocaraError as error:
            return _problem(HTTPStatus.BAD_REQUEST, error.message)
        except Exception:
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed")

    def _certificate(self, instance: Instance, body: bytes) -> Answer:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        value = read_json(body, "request", Reason.STATEMENT_MALFORMED)
        written = value.get("certificateSigningRequest") if isinstance(value, dict) else None
        if kind != "Bearer" or not isinstance(written, str):
            return _problem(HTTPStatus.BAD_REQUEST, "a token and a signing request are needed")
        try:
            request = x509.load_pem_x509_csr(base64.b64decode(written, validate=True))
        except ValueError:
            return _problem(HTTPStatus.BAD_REQUEST, "the signing request cannot be read")
        chain = instance.certify(request, token)
        return _json({"signedCertificateEmbeddedSct": {"chain": {"certificates": pem(chain)}}})

    def _send(self, answer: Answer) -> None:
        status, kind, body = answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a request line may hold what is nobody's business."""


def _entry(instance: Instance, body: bytes) -> Answer:
    value = read_json(body, "request", Reason.STATEMENT_MALFORMED)
    return _json(instance.enter(value if isinstance(value, dict) else {}), HTTPStatus.CREATED)


def _timestamp(instance: Instance, body: bytes) -> Answer:
    return HTTPStatus.OK, _REPLY, instance.timestamps.answer(body)


def _json(value: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return status, _JSON, json.dumps(value).encode()


def _problem(status: HTTPStatus, message: str) -> Answer:
    return _json({"code": int(status), "message": message}, status)

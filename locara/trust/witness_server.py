"""The C2SP witness protocol over HTTP: one call, `POST /add-checkpoint`, on this machine's loopback.

To be reachable from elsewhere, put a web server with TLS before it. What the answer says is the witness's; here
is only its spelling as a status and a body.
"""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Final

from locara.trust.log_refusal import LogRefused
from locara.trust.log_text import read_base64, read_number
from locara.trust.merkle import HASH_BYTES, MAX_PROOF
from locara.trust.note import MAX_NOTE
from locara.trust.witness import OldSize, Witness

PATH: Final = "/add-checkpoint"
MAX_REQUEST: Final = MAX_NOTE + 8 * 1024
SECONDS: Final = 10.0
_CODE: Final = "request_malformed"
_STATUS: Final = {
    "wrong_origin": HTTPStatus.NOT_FOUND,
    "unsigned": HTTPStatus.FORBIDDEN,
    "bad_signature": HTTPStatus.FORBIDDEN,
    "fork": HTTPStatus.CONFLICT,
    "inconsistent": HTTPStatus.UNPROCESSABLE_ENTITY,
    "disk_full": HTTPStatus.INTERNAL_SERVER_ERROR,
    "state_unwritable": HTTPStatus.INTERNAL_SERVER_ERROR,
    "state_unreadable": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def parse_request(body: bytes) -> tuple[int, tuple[bytes, ...], bytes]:
    """Old size, consistency proof and checkpoint of a request. Raises LogRefused `request_malformed`."""
    head, gap, checkpoint = body.partition(b"\n\n")
    try:
        first, *rest = head.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise LogRefused("the request is not UTF-8", code=_CODE) from error
    if not gap or not first.startswith("old "):
        raise LogRefused("a request begins with the old size", code=_CODE)
    if len(rest) > MAX_PROOF:
        raise LogRefused(f"a proof has at most {MAX_PROOF} hashes", code=_CODE)
    hashes = tuple(read_base64(line, "a hash of the proof", code=_CODE) for line in rest)
    if any(len(one) != HASH_BYTES for one in hashes):
        raise LogRefused("a hash of the proof is not 32 bytes long", code=_CODE)
    return read_number(first.removeprefix("old "), "the old size", code=_CODE), hashes, checkpoint


def answer(witness: Witness, body: bytes) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer to a request."""
    try:
        old, proof, checkpoint = parse_request(body)
        line = witness.add(old, proof, checkpoint)
    except OldSize as refusal:
        return HTTPStatus.CONFLICT, "text/x.tlog.size", b"%d\n" % refusal.size
    except LogRefused as refusal:
        status = _STATUS.get(refusal.code, HTTPStatus.BAD_REQUEST)
        return status, "text/plain", f"{refusal.message}\n".encode()
    return HTTPStatus.OK, "text/plain", str(line).encode()


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness on 127.0.0.1. `port` 0 takes a free one; `address` says which."""

    daemon_threads = True

    def __init__(self, witness: Witness, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.witness = witness

    @property
    def address(self) -> str:
        """The submission prefix, such as `http://127.0.0.1:8080`."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without asking a name server who we are."""
        TCPServer.server_bind(self)

    def handle_error(self, *_: object) -> None:
        """A connection that broke is nobody's problem; nothing is written to the terminal."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "locara-witness"
    sys_version = ""
    timeout = SECONDS
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != PATH:
            self._say(HTTPStatus.NOT_FOUND, "text/plain", b"there is /add-checkpoint and nothing else\n")
        elif not length.isdecimal() or not length.isascii() or int(length) > MAX_REQUEST:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text/plain", b"the request is too large\n")
        else:
            server = self.server
            if not isinstance(server, WitnessServer):
                raise TypeError("this handler serves a witness")
            self._say(*answer(server.witness, self.rfile.read(int(length))))
            return
        self.close_connection = True

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Nothing is logged about who asked."""

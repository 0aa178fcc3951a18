"""One https request through the broker's proxy: the only way from a runtime to the network.

The host and port are taken out of the URL by one strict pattern, and those two values are what is decided,
what the proxy is asked for and what the certificate is checked against. Redirects are answers, not
instructions.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from locara.errors import CallError
from locara.records import dataclass

if TYPE_CHECKING:
    import http.client

_HTTPS: Final = 443
TIMEOUT: Final = 30.0
MAX_BODY: Final = 11 * 1024 * 1024
MAX_HEADERS: Final = 100
_URL: Final = re.compile(
    r"https://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:[/?][!-\"$-\[\]-~]*)?)(?:#[!-~]*)?",
    re.ASCII,
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", re.ASCII)
_VALUE: Final = re.compile(r"[\t -~]{0,8192}", re.ASCII)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OWN: Final = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "keep-alive",
    }
)
_CHUNK: Final = 65_536
_LOOK_SECONDS: Final = 0.1
_MAX_REPLY_HEAD: Final = 4_096


class ProxyRefused(Exception):
    """The proxy outside said no. `code` is its reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Url:
    """Where a request goes: lower-case host, port, and the path with its query."""

    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """Read an https URL. Raises CallError(bad_request) for another scheme, credentials, spaces or
        non-ASCII."""
        found = _URL.fullmatch(text)
        port = int(found["port"]) if found and found["port"] else _HTTPS
        if found is None or not 1 <= port <= 65_535:
            raise CallError(
                "url is https://host[:port]/path in ASCII, without credentials",
                code="bad_request",
                fix="write other characters percent-encoded and host names in punycode",
            )
        target = found["target"]
        return cls(found["host"].lower(), port, target if target.startswith("/") else f"/{target}")


@dataclass(frozen=True, slots=True)
class Answer:
    """status, header fields in the order they came (names in lower case), and the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises CallError(bad_request) for a field that would change where or how the request is sent."""
    if len(headers) > MAX_HEADERS:
        raise CallError(f"at most {MAX_HEADERS} header fields", code="bad_request")
    for name, value in headers.items():
        lower = name.lower()
        if _TOKEN.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
            raise CallError("a header field is not valid", code="bad_request")
        if lower in _OWN or lower.startswith("proxy-"):
            raise CallError(f"the header field {lower} is set by the runtime", code="bad_request")


def fetch(
    url: Url,
    *,
    method: str,
    headers: Mapping[str, str],
    body: bytes | None,
    max_bytes: int,
    cancelled: threading.Event,
    connect: Callable[[Url, Opened], socket.socket] | None = None,
) -> Answer:
    """Send one request and read its answer. Raises ProxyRefused or CallError; at most max_bytes of body are
    read, and what is cancelled ends at once, however long the host takes."""
    import http.client  # noqa: PLC0415 - an app without network never loads an HTTP or TLS client
    import ssl  # noqa: PLC0415

    try:
        with _cut_off(cancelled) as opened, (connect or connect_through_proxy)(url, opened) as connection:
            client = http.client.HTTPConnection(url.host, url.port, timeout=TIMEOUT)
            client.sock = connection
            host = url.host if url.port == _HTTPS else f"{url.host}:{url.port}"
            fields = {"Accept-Encoding": "identity", **headers, "Host": host, "Connection": "close"}
            client.request(method, url.target, body=body, headers=fields)
            response = client.getresponse()
            content = _content(response, max_bytes, cancelled)
            shown = tuple((name.lower(), value) for name, value in response.getheaders())
            return Answer(response.status, shown, content)
    except (OSError, http.client.HTTPException) as error:
        _check(cancelled)
        if isinstance(error, TimeoutError):
            raise CallError(f"{url.host} did not answer in time", code="io_error") from error
        if isinstance(error, ssl.SSLCertVerificationError):
            raise CallError(f"{url.host} has no certificate this machine trusts", code="io_error") from error
        raise CallError(f"the connection to {url.host} failed", code="io_error") from error


def _content(response: http.client.HTTPResponse, max_bytes: int, cancelled: threading.Event) -> bytes:
    content, due = bytearray(), response.length
    # What has come is taken: a whole piece would be waited for, however little the host sends.
    while chunk := response.read1(_CHUNK if due is None else min(_CHUNK, due - len(content))):
        _check(cancelled)
        content += chunk
        if len(content) > max_bytes:
            raise CallError(
                f"the body is larger than {max_bytes} bytes", code="too_large", fix="raise maxBytes"
            )
    _check(cancelled)
    # The reader takes any end of the connection for the end of the body.
    if due is not None and len(content) < due:
        raise ConnectionError("the body broke off")
    return bytes(content)


def _check(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise CallError("net.fetch was cancelled", code="cancelled")


Opened = Callable[[socket.socket], None]
"""Told of each socket that a request goes over, as soon as it is there."""


@contextmanager
def _cut_off(cancelled: threading.Event) -> Iterator[Opened]:
    """During the block the last socket that was opened is shut down once nobody wants the answer: whoever reads from it
    would wait for a host that sends little, or nothing."""
    last: list[socket.socket] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            if cancelled.is_set() and last:
                with suppress(OSError):  # it is closed, or another one has taken its place
                    # Not that of TLS: it would have what is being written go out as it is.
                    socket.socket.shutdown(last[-1], socket.SHUT_RDWR)

    watching = threading.Thread(target=watch, name="locara-fetch", daemon=True)
    watching.start()
    try:
        yield last.append
    finally:
        over.set()
        watching.join()


def connect_through_proxy(url: Url, opened: Opened = lambda _: None) -> socket.socket:
    """A TLS connection to the URL's host, through the listener that this sandbox has."""
    import ssl  # noqa: PLC0415 - as above

    address, _, port = os.environ.get("LOCARA_PROXY", "").rpartition(":")
    if not port:
        raise CallError("this sandbox has no way to the network", code="io_error")
    plain = socket.create_connection((address, int(port)), timeout=TIMEOUT)
    opened(plain)
    try:
        plain.sendall(
            f"CONNECT {url.host}:{url.port} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n\r\n".encode("ascii")
        )
        _read_connect_reply(plain)
        context = ssl.create_default_context(cafile=os.environ.get("LOCARA_CA_FILE"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Whoever is on the way can end a connection, but cannot say for the host that this was all.
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # OpenSSL before 3 has none
        secure = context.wrap_socket(
            plain, server_hostname=url.host, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
    except BaseException:
        plain.close()
        raise
    opened(secure)
    try:
        secure.do_handshake()
    except BaseException:
        secure.close()
        raise
    return secure


def _read_connect_reply(plain: socket.socket) -> None:
    head = b""
    # Byte by byte: what follows the head belongs to TLS.
    while not head.endswith(b"\r\n\r\n"):
        byte = plain.recv(1)
        if not byte or len(head) > _MAX_REPLY_HEAD:
            raise CallError("the proxy did not answer", code="io_error")
        head += byte
    lines = head.decode("latin-1").split("\r\n")
    if lines[0].split(" ")[1:2] == ["200"]:
        return
    codes = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("locara-code:")]
    raise ProxyRefused(codes[0] if codes else "io_error")

"""The one way the model supply reaches the network: https with verified certificates, each hop decided anew.

Nothing is sent that could identify the person beyond the connection itself: no cookies, no credentials, no
netrc, no proxy settings of the environment. An answer that asks for credentials is an error, never a
conversation. Certificates are checked against the system's store, or the file that SSL_CERT_FILE names.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Final
from urllib.parse import urljoin, urlsplit

import locara
from locara.core.authority import authority, is_number, is_plain
from locara.errors import ModelError
from locara.records import dataclass

MAX_URL: Final = 8_192  # signed storage addresses are long
MAX_HOPS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD: Final = frozenset({307, 308})


class Unreachable(ModelError):
    """A server could not be talked to; asking it, or another one, again may help."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Url:
    """An https address of which every part is known: host, port and the target of the request line."""

    host: str
    port: int
    target: str

    @staticmethod
    def parse(text: str) -> Url:
        """Return the address written in `text`; nothing is stripped, decoded or guessed.

        Raises ModelError `bad_address` for another scheme, a user name or password, a fragment, a host that
        two parsers could read as two hosts, control characters and whatever else is not plain.
        """
        if len(text) > MAX_URL or not is_plain(text):
            raise _refused(text, "it is too long or holds characters that an address has not")
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise _refused(text, "it cannot be read") from error
        if parts.scheme != "https" or not text.startswith("https://"):
            raise _refused(text, "only https is used")
        if "@" in parts.netloc:
            raise _refused(text, "it holds a user name or password")
        if parts.fragment or text.endswith("#"):
            raise _refused(text, "it holds a fragment")
        place = authority(parts.netloc)
        if place is None:
            raise _refused(text, "its host or port is not a plain one")
        host, port = place
        target = text[len("https://") + len(parts.netloc) :]  # as it was given, an empty query included
        return Url(host, 443 if port is None else port, target if target.startswith("/") else f"/{target}")

    def join(self, reference: str) -> Url:
        """The address that a reference found at this one stands for; same rules, same errors."""
        if not reference or len(reference) > MAX_URL or not is_plain(reference):
            raise _refused(reference, "it is too long or holds characters that an address has not")
        return Url.parse(urljoin(str(self), reference).partition("#")[0])

    @property
    def is_local(self) -> bool:
        """True for an address by number and for names of this machine: no public server may send us there."""
        return is_number(self.host) or self.host == "localhost" or self.host.endswith(".localhost")

    @property
    def origin(self) -> str:
        """Host and port for people, without path and query, which may hold a signature."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"https://{self.origin}{self.target}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. The body is read in pieces; every read has the time limit of the connection."""

    url: Url
    status: int
    _response: http.client.HTTPResponse

    def header(self, name: str) -> str:
        """One header of the answer; empty when it is absent, given twice or not printable ASCII."""
        found = self._response.headers.get_all(name) or []
        value = found[0].strip() if len(found) == 1 else ""
        return value if len(value) <= MAX_URL and value.isascii() and value.isprintable() else ""

    def read(self, count: int) -> bytes:
        """At most count bytes of the body, b"" at its end. Raises Unreachable when the connection breaks."""
        try:
            return self._response.read1(count)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.url.origin} stopped answering: {_reason(error)}") from error

    def read_all(self, limit: int) -> bytes:
        """The whole body. Raises ModelError `bad_format` when it is longer than limit bytes."""
        data = bytearray()
        while piece := self.read(65_536):
            data += piece
            if len(data) > limit:
                raise ModelError(f"{self.url.origin} answers with more than {limit:,} bytes")
        return bytes(data)


class Web:
    """Makes requests. timeout: seconds without any byte until a connection counts as broken."""

    def __init__(self, *, timeout: float = 30.0) -> None:
        self._timeout = timeout

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Made for the first connection: reading the system's store takes longer than a command that needs none."""
        return ssl.create_default_context()

    @contextmanager
    def ask(
        self,
        url: Url,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        follow: bool = True,
    ) -> Iterator[Answer]:
        """Send a request and yield the answer, after at most five redirects when `follow`.

        A redirect stays on https, drops nothing but the body's method where HTTP says so, and may not lead
        from a public host to this machine or to an address by number. A request with a body is not sent to
        another host. Raises Unreachable, and ModelError `bad_address` for a redirect that is refused.
        """
        start = url
        for _ in range(MAX_HOPS + 1):
            with self._once(url, method, headers or {}, body) as answer:
                if not follow or answer.status not in _MOVED:
                    yield answer
                    return
                url = _next(start, answer, has_body=body is not None)
                if body is not None and answer.status not in _KEEPS_METHOD:
                    method, body = "GET", None
        raise ModelError(f"{start.origin} redirects more than {MAX_HOPS} times", code="bad_address")

    @contextmanager
    def _once(
        self, url: Url, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> Iterator[Answer]:
        connection = http.client.HTTPSConnection(
            url.host, url.port, timeout=self._timeout, context=self._context
        )
        sent = {
            "User-Agent": f"locara/{locara.__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **headers,
        }
        try:
            try:
                connection.request(method, url.target, body=body, headers=sent)
                response = connection.getresponse()
            except (OSError, http.client.HTTPException, UnicodeError) as error:
                raise Unreachable(f"{url.origin} cannot be reached: {_reason(error)}") from error
            yield Answer(url, response.status, response)
        finally:
            connection.close()


def _next(start: Url, answer: Answer, *, has_body: bool) -> Url:
    location = answer.header("Location")
    if not location:
        raise ModelError(f"{answer.url.origin} redirects to nowhere", code="bad_address")
    url = answer.url.join(location)
    if url.is_local and not start.is_local:
        raise ModelError(
            f"{answer.url.origin} redirects to {url.origin}, which is no public host", code="bad_address"
        )
    if has_body and answer.status in _KEEPS_METHOD and url.origin != answer.url.origin:
        raise ModelError(f"{answer.url.origin} sends a request on to {url.origin}", code="bad_address")
    return url


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__


def _refused(text: str, why: str) -> ModelError:
    shown = ascii(text.partition("?")[0][:96])
    return ModelError(f"the address {shown} is refused: {why}", code="bad_address")

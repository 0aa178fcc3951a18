"""net.fetch's own parts: one strict reading of a URL, no header that changes the request, and a real TLS
exchange."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from locara.errors import CallError
from locara.runtime import fetch


@pytest.mark.parametrize(
    ("text", "host", "port", "target"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("https://EXAMPLE.com/a?b=c#d", "example.com", 443, "/a?b=c"),
        ("https://a.b.example.com:8443/x/../y", "a.b.example.com", 8443, "/x/../y"),
        ("https://example.com?q=1", "example.com", 443, "/?q=1"),
        ("https://example.com/%2e%2e/%00", "example.com", 443, "/%2e%2e/%00"),
        ("https://127.0.0.1/", "127.0.0.1", 443, "/"),
    ],
)
def test_a_url_is_read_one_way(text: str, host: str, port: int, target: str) -> None:
    assert fetch.Url.parse(text) == fetch.Url(host, port, target)


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com/",
        "HTTPS://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "https:example.com",
        "https://",
        "https:///x",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://example.com@evil.test/",
        "https://example.com\\@evil.test/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:/",
        "https://[::1]/",
        "https://exa mple.com/",
        "https://example.com/a b",
        "https://example.com/\r\nHost: evil.test",
        "https://example.com/\n",
        "https://exämple.com/",
        "https://example.com/ä",
        " https://example.com/",
        "https://.example.com/",
        "https://example.com./",
        "https://-example.com/",
    ],
)
def test_anything_else_is_a_bad_request(text: str) -> None:
    with pytest.raises(CallError) as caught:
        fetch.Url.parse(text)
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.test"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Proxy-Authorization": "x"},
        {"Connection": "upgrade"},
        {"X": "a\r\nHost: evil.test"},
        {"X\r\nHost": "evil.test"},
        {"X ": "a"},
        {"": "a"},
        {"X": "ä"},
        {f"X-{n}": "a" for n in range(101)},
    ],
)
def test_a_header_cannot_change_where_or_how_it_is_sent(headers: dict[str, str]) -> None:
    with pytest.raises(CallError) as caught:
        fetch.check_headers(headers)
    assert caught.value.code == "bad_request"


def test_ordinary_headers_pass() -> None:
    fetch.check_headers({"Accept": "application/json", "X-Token": "abc=="})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=api.example.com"),
            *("-addext", "subjectAltName=DNS:api.example.com"),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


class Upstream:
    """A CONNECT proxy and the host behind it in one: it answers the tunnel, then speaks TLS with a
    certificate."""

    def __init__(self, certificate: tuple[Path, Path], head: bytes, answer: bytes, *, says_end: bool) -> None:
        self.asked = b""
        self.request = b""
        self._certificate = certificate
        self._head, self._answer, self._says_end = head, answer, says_end
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        import ssl  # noqa: PLC0415

        plain, _ = self._listener.accept()
        with plain:
            while b"\r\n\r\n" not in self.asked:
                self.asked += plain.recv(4096)
            plain.sendall(self._head)
            if b" 200 " not in self._head:
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate[1], self._certificate[0])
            try:
                with context.wrap_socket(plain, server_side=True) as tls:
                    while b"\r\n\r\n" not in self.request:
                        self.request += tls.recv(4096)
                    tls.sendall(self._answer)
                    if self._says_end:
                        tls.unwrap()
            except (ssl.SSLError, OSError):
                return

    def close(self) -> None:
        self._listener.close()
        self.thread.join(10)


TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.fixture
def upstream(certificate, monkeypatch) -> Iterator:
    started: list[Upstream] = []

    def begin(
        head: bytes = TUNNEL, answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n", *, says_end: bool = False
    ) -> Upstream:
        started.append(Upstream(certificate, head, answer, says_end=says_end))
        monkeypatch.setenv("LOCARA_PROXY", f"127.0.0.1:{started[-1].port}")
        monkeypatch.setenv("LOCARA_CA_FILE", str(certificate[1]))
        return started[-1]

    yield begin
    for one in started:
        one.close()


def ask(url: str, **more) -> fetch.Answer:
    settings = {
        "method": "GET",
        "headers": {},
        "body": None,
        "max_bytes": 100,
        "cancelled": threading.Event(),
        **more,
    }
    return fetch.fetch(fetch.Url.parse(url), **settings)


def test_a_request_goes_through_the_tunnel_and_a_redirect_is_an_answer(upstream) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: https://evil.test/\r\nX-A: 1\r\nX-A: 2\r\n"
    answer = head + b"Content-Length: 2\r\n\r\nhi"
    host = upstream(answer=answer)
    got = ask("https://api.example.com/v1?q=1", headers={"Accept": "text/plain"})
    assert (got.status, got.body) == (302, b"hi")
    assert ("location", "https://evil.test/") in got.headers
    assert [value for name, value in got.headers if name == "x-a"] == ["1", "2"]
    assert host.asked.startswith(b"CONNECT api.example.com:443 HTTP/1.1\r\n")
    assert host.request.startswith(b"GET /v1?q=1 HTTP/1.1\r\n")
    assert b"Host: api.example.com\r\n" in host.request


def test_a_body_above_the_cap_is_too_large(upstream) -> None:
    upstream(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
    with pytest.raises(CallError) as caught:
        ask("https://api.example.com/", max_bytes=4999)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    "told",
    [
        b"Content-Length: 9\r\n\r\nhalf",
        b"Content-Length: 9\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        b"\r\nhalf",
        b"X-A: 1",
    ],
)
def test_a_body_that_breaks_off_is_no_answer(upstream, told: bytes) -> None:
    upstream(answer=b"HTTP/1.1 200 OK\r\n" + told)
    with pytest.raises(CallError) as failed:
        ask("https://api.example.com/")
    assert failed.value.code == "io_error"
    assert "certificate" not in str(failed.value)


def test_a_body_without_a_length_is_whole_where_the_host_says_so(upstream) -> None:
    upstream(answer=b"HTTP/1.1 200 OK\r\n\r\nall of it", says_end=True)
    assert ask("https://api.example.com/").body == b"all of it"


@pytest.mark.parametrize(
    "told", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n"]
)
def test_a_host_that_takes_its_time_ends_with_the_call(told: bytes) -> None:
    ours, theirs = socket.socketpair()
    cancelled, over = threading.Event(), threading.Event()

    def drip() -> None:
        theirs.recv(4096)
        theirs.sendall(told)
        with suppress(OSError):
            while not over.wait(0.05):
                theirs.sendall(b"x" if told.endswith(b"\r\n\r\n") else b"")

    def connect(_url: fetch.Url, opened: fetch.Opened) -> socket.socket:
        opened(ours)
        return ours

    threading.Thread(target=drip, daemon=True).start()
    threading.Timer(0.2, cancelled.set).start()
    with theirs, pytest.raises(CallError) as failed:
        ask("https://api.example.com/", cancelled=cancelled, connect=connect)
    over.set()
    assert failed.value.code == "cancelled"


def test_a_certificate_of_another_host_is_refused(upstream) -> None:
    host = upstream()
    with pytest.raises(CallError, match="no certificate this machine trusts") as caught:
        ask("https://other.example.com/")
    assert caught.value.code == "io_error"
    assert host.request == b""


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nLocara-Code: capability_denied\r\n\r\n", "capability_denied"),
        (b"HTTP/1.1 403 Forbidden\r\nlocara-code: address_refused\r\n\r\n", "address_refused"),
        (b"HTTP/1.1 502 Bad\r\n\r\n", "io_error"),
    ],
)
def test_what_the_proxy_refuses_carries_its_reason(upstream, head: bytes, code: str) -> None:
    upstream(head=head)
    with pytest.raises(fetch.ProxyRefused) as caught:
        ask("https://api.example.com/")
    assert caught.value.code == code


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200", b"x" * 5000])
def test_a_proxy_that_breaks_off_is_an_error(upstream, head: bytes) -> None:
    upstream(head=head)
    with pytest.raises(CallError) as caught:
        ask("https://api.example.com/")
    assert caught.value.code == "io_error"


def test_without_a_proxy_there_is_no_way_out(monkeypatch) -> None:
    monkeypatch.delenv("LOCARA_PROXY", raising=False)
    with pytest.raises(CallError, match="no way to the network"):
        ask("https://api.example.com/")

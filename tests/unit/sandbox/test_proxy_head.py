from __future__ import annotations

import socket

import pytest

from locara.sandbox import proxy
from locara.sandbox.proxy import _Refused, parse_connect, read_head


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"CONNECT api.example.com:443 HTTP/1.1\r\n\r\n", ("api.example.com", 443)),
        (b"CONNECT API.Example.com:8443 HTTP/1.0\r\nHost: evil.example\r\n\r\n", ("api.example.com", 8443)),
    ],
)
def test_a_tunnel_is_asked_for_by_name_and_port(head: bytes, expected: tuple[str, int]) -> None:
    assert parse_connect(head) == expected


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"GET http://api.example.com/ HTTP/1.1\r\n\r\n", "bad_request"),
        (b"CONNECT api.example.com HTTP/1.1\r\n\r\n", "bad_request"),
        (b"CONNECT api.example.com:0 HTTP/1.1\r\n\r\n", "bad_request"),
        (b"CONNECT api.example.com:65536 HTTP/1.1\r\n\r\n", "bad_request"),
        (b"CONNECT api.example.com:+443 HTTP/1.1\r\n\r\n", "bad_request"),
        (b"CONNECT api.example.com:443 HTTP/2\r\n\r\n", "bad_request"),
        (b"CONNECT  api.example.com:443 HTTP/1.1\r\n\r\n", "bad_request"),
        (b"CONNECT \xc3\xa4.example:443 HTTP/1.1\r\n\r\n", "bad_request"),
        (b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", "address_refused"),
        (b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n", "address_refused"),
        (b"CONNECT 2130706433:443 HTTP/1.1\r\n\r\n", "address_refused"),
        (b"CONNECT 0x7f.1:443 HTTP/1.1\r\n\r\n", "address_refused"),
        (b"CONNECT localhost:443 HTTP/1.1\r\n\r\n", "address_refused"),
        (b"CONNECT api.example.com.:443 HTTP/1.1\r\n\r\n", "address_refused"),
        (b"CONNECT user@api.example.com:443 HTTP/1.1\r\n\r\n", "address_refused"),
    ],
)
def test_everything_else_is_refused_with_a_code(head: bytes, code: str) -> None:
    with pytest.raises(_Refused) as refused:
        parse_connect(head)
    assert f"Locara-Code: {code}\r\n".encode() in refused.value.reply


@pytest.mark.parametrize("port", ["1", "443", "65535", "00443"])
def test_every_port_there_is(port: str) -> None:
    assert parse_connect(f"CONNECT a.example:{port} HTTP/1.1\r\n\r\n".encode()) == ("a.example", int(port))


@pytest.mark.parametrize(
    "target",
    ["a.example:000443", "a.example:\u0664\u0664\u0663", "a.example:", ":443", "a.example:44 3", "a.example:-1"]
)  # fmt: skip
def test_what_is_no_port_or_no_host(target: str) -> None:
    with pytest.raises(_Refused):
        parse_connect(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())


def sent(*parts: bytes, end: bool = False, limits: tuple[int, float] = (200, 5.0)) -> bytes:
    """What `read_head` makes of these pieces, each in a packet of its own."""
    client, server = socket.socketpair()
    with client, server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(proxy, "MAX_HEAD", limits[0])
        patch.setattr(proxy, "HEAD_SECONDS", limits[1])
        for part in parts:
            client.sendall(part)
        if end:
            client.shutdown(socket.SHUT_WR)
        return read_head(server)


HEAD = b"CONNECT a.example:443 HTTP/1.1\r\n\r\n"


def test_a_head_is_whole_with_its_empty_line() -> None:
    assert sent(HEAD) == sent(HEAD[:5], HEAD[5:]) == HEAD
    assert len(sent(HEAD[:-4] + b"x" * (200 - len(HEAD)) + b"\r\n\r\n")) == 200


@pytest.mark.parametrize(
    "parts",
    [
        (HEAD[:-4] + b"x" * (201 - len(HEAD)) + b"\r\n\r\n",),
        (b"x" * 300,),
        (HEAD + b"x",),
        (HEAD + HEAD,),
        (HEAD + b"\r\n\r\n",),
    ],
)
def test_a_head_that_is_too_long_or_followed_by_something_is_refused(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(_Refused) as refused:
        sent(*parts)
    assert refused.value.reply.startswith(b"HTTP/1.1 400 ")


def test_a_head_that_ends_or_never_comes_is_refused() -> None:
    for part in (b"", HEAD[:-1]):
        with pytest.raises(_Refused) as refused:
            sent(part, end=True)
        assert refused.value.reply.startswith(b"HTTP/1.1 400 ")
        with pytest.raises(_Refused) as refused:
            sent(part, limits=(200, 0.05))
        assert refused.value.reply.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))


def test_the_system_resolver_tells_every_address_of_a_name_for_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def told(host: str, port: int, **how: int) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        assert (host, port, how) == (
            "a.example", 443, {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP},
        )  # fmt: skip
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2606:2800:220::1", 443, 0, 0)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", told)
    assert proxy.system_resolver("a.example", 443) == ["93.184.216.34", "2606:2800:220::1"]

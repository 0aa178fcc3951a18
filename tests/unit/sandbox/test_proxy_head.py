from __future__ import annotations

import pytest

from locara.sandbox.proxy import _Refused, parse_connect


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

"""The proxy with chosen DNS answers: by itself, and from inside the real sandbox."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from locara.core.grant import Grants
from locara.sandbox.broker import Services
from locara.sandbox.proxy import Proxy

from .conftest import Box, grants_of

PUBLIC = "93.184.216.34"
GRANTS = grants_of({"net": {"allowed_hosts": ["api.example.com", "*.cdn.example.com"]}})


@dataclass
class World:
    """A server that answers every connection, a resolver with a table, and a record of what was asked for."""

    answers: dict[str, Sequence[str]]
    dialled: list[tuple[str, int]] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved.append(host)
        if host not in self.answers:
            raise OSError("no such name")
        return self.answers[host]

    def dial(self, address: str, port: int) -> socket.socket:
        self.dialled.append((address, port))
        left, right = socket.socketpair()
        threading.Thread(target=self.serve, args=(right,), daemon=True).start()
        return left

    @staticmethod
    def serve(sock: socket.socket) -> None:
        with sock:
            while data := sock.recv(4096):
                sock.sendall(b"echo " + data)


@contextmanager
def proxied(world: World, grants: Grants = GRANTS) -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    proxy = Proxy(grants, listener, resolver=world.resolve, dial=world.dial)
    proxy.begin()
    try:
        yield address
    finally:
        proxy.close()


def ask(address: tuple[str, int], target: str, payload: bytes = b"") -> tuple[int, str, bytes]:
    """(status, Locara-Code, what came through the tunnel)."""
    with socket.create_connection(address, timeout=30) as sock:
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = sock.recv(4096)
            if not part:
                break
            head += part
        lines = head.decode().split("\r\n")
        code = next((line.split(": ")[1] for line in lines if line.startswith("Locara-Code")), "")
        status = int(lines[0].split(" ")[1])
        body = b""
        if status == 200:
            sock.sendall(payload)
            body = sock.recv(4096)
        return status, code, body


def test_a_granted_host_gets_its_tunnel_to_the_address_that_was_judged() -> None:
    world = World({"api.example.com": [PUBLIC, "1.1.1.1"]})
    with proxied(world) as address:
        assert ask(address, "api.example.com:443", b"hi") == (200, "", b"echo hi")
        assert ask(address, "API.example.COM:443", b"hi")[0] == 200
    assert world.dialled == [(PUBLIC, 443)] * 2
    assert world.resolved == ["api.example.com"] * 2


@pytest.mark.parametrize(
    "target",
    [
        "evil.example:443",
        "example.com:443",
        "cdn.example.com:443",
        "api.example.com:80",
        "api.example.com.evil.example:443",
    ],
)
def test_anything_else_is_refused_before_it_is_resolved(target: str) -> None:
    world = World({})
    with proxied(world) as address:
        assert ask(address, target)[:2] == (403, "capability_denied")
    assert world.resolved == world.dialled == []


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["100.64.1.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fd00::1"],
        [PUBLIC, "127.0.0.1"],
        ["192.168.1.1", PUBLIC],
    ],
)
def test_a_granted_name_that_points_near_is_refused(answers: list[str]) -> None:
    world = World({"api.example.com": answers})
    with proxied(world) as address:
        assert ask(address, "api.example.com:443")[:2] == (403, "address_refused")
    assert world.dialled == []


def test_rebinding_changes_nothing_for_a_tunnel_and_is_refused_for_the_next() -> None:
    world = World({"api.example.com": [PUBLIC]})
    with proxied(world) as address:
        assert ask(address, "api.example.com:443", b"1")[0] == 200
        world.answers["api.example.com"] = ["127.0.0.1"]
        assert ask(address, "api.example.com:443", b"2")[:2] == (403, "address_refused")
    assert world.dialled == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    "target", ["127.0.0.1:443", "[::1]:443", "2130706433:443", "0x7f.1:443", "localhost:443"]
)
def test_any_host_is_still_no_address(target: str) -> None:
    world = World({})
    with proxied(world, grants_of({"net": True})) as address:
        assert ask(address, target)[:2] == (403, "address_refused")
    assert world.resolved == world.dialled == []


def test_any_host_means_any_public_host() -> None:
    world = World({"anything.example": [PUBLIC], "intranet.example": ["10.0.0.1"]})
    with proxied(world, grants_of({"net": True})) as address:
        assert ask(address, "anything.example:8443", b"x")[0] == 200
        assert ask(address, "intranet.example:443")[:2] == (403, "address_refused")


def test_a_name_that_does_not_resolve() -> None:
    world = World({"empty.cdn.example.com": []})
    with proxied(world) as address:
        assert ask(address, "x.cdn.example.com:443")[:2] == (502, "not_found")
        assert ask(address, "empty.cdn.example.com:443")[:2] == (502, "not_found")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
        b"A" * 9000,
        b"CONNECT api.example.com:443 HTTP/1.1\r\n\r\nearly",
    ],
)
def test_what_is_no_connect_is_closed(sent: bytes) -> None:
    world = World({"api.example.com": [PUBLIC]})
    with proxied(world) as address, socket.create_connection(address, timeout=30) as sock:
        sock.sendall(sent)
        answer = sock.recv(4096)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 405"))
    assert world.dialled == []


INSIDE = """
import os, socket
host, port = os.environ["LOCARA_PROXY"].split(":")

def ask(target):
    sock = socket.create_connection((host, int(port)), timeout=30)
    sock.sendall(f"CONNECT {target} HTTP/1.1\\r\\n\\r\\n".encode())
    head = sock.recv(4096)
    if b" 200 " in head:
        sock.sendall(b"hi")
        return sock.recv(4096).decode()
    return head.split(b"\\r\\n")[1].decode()

def attempt(call):
    try:
        call()
        return "open"
    except OSError as error:
        return str(error.errno)

print(ask("api.example.com:443"))
print(ask("evil.example:443"))
print(ask("127.0.0.1:443"))
print(attempt(lambda: socket.create_connection(("127.0.0.1", OUTSIDE), timeout=5)))
print(attempt(lambda: socket.create_connection(("93.184.216.34", 443), timeout=5)))
print(attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
print(attempt(lambda: socket.socket(socket.AF_INET6)))
print(attempt(lambda: socket.socket().bind(("127.0.0.1", 0))))
"""


def test_from_inside_the_proxy_is_the_only_way_out(box: Box) -> None:
    world = World({"api.example.com": [PUBLIC]})
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    code = f"OUTSIDE = {server.getsockname()[1]}\n" + INSIDE
    output = box.run(
        box.plan(code, grants=GRANTS), Services(resolver=world.resolve, dial=world.dial)
    ).splitlines()
    assert output[:3] == ["echo hi", "Locara-Code: capability_denied", "Locara-Code: address_refused"]
    assert "open" not in output
    assert output[3] == output[4] == "13"  # EACCES: Landlock lets it connect to the proxy's port alone
    assert output[5] == output[6] == "97"
    assert output[7] == "13"
    assert world.dialled == [(PUBLIC, 443)]
    with server, pytest.raises(BlockingIOError):
        server.accept()


def test_an_app_without_net_has_no_proxy(box: Box) -> None:
    assert box.say("os.environ.get('LOCARA_PROXY')") is None
    code = "import socket\ntry: socket.socket()\nexcept OSError as e: print(e.errno)"
    assert box.run(box.plan(code)) == "97\n"

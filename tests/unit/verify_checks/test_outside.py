"""The canaries around a sandbox count whoever reaches them, however little is said, and at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from locara_verify.checks.sandbox.outside import Canaries

KINDS = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM),
    "path": (socket.AF_UNIX, socket.SOCK_STREAM),
    "datagram": (socket.AF_UNIX, socket.SOCK_DGRAM),
}


@pytest.fixture
def canaries(tmp_path: Path) -> Iterator[Canaries]:
    made = Canaries()
    for name, (family, kind) in KINDS.items():
        address = ("127.0.0.1", 0) if family == socket.AF_INET else str(tmp_path / name)
        (made.listen if kind == socket.SOCK_STREAM else made.receive)(name, family, address)
    yield made
    made.close()


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 1_000])
@pytest.mark.parametrize("name", KINDS)
def test_each_hit_counts_and_leaves_the_canary_awake(canaries: Canaries, name: str, data: bytes) -> None:
    family, kind = KINDS[name]
    for count in (1, 3, 7):
        for _ in range(count):
            with socket.socket(family, kind) as client:
                client.connect(dict(canaries.sockets)[name].getsockname())
                with suppress(BrokenPipeError, ConnectionError):  # who connects is counted and let go at once
                    client.send(data)
        assert canaries.take() == {name: count}
    assert canaries.take() == {}


def test_who_asks_over_udp_is_answered(canaries: Canaries) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        for _ in range(3):
            client.sendto(b"x", dict(canaries.sockets)["udp"].getsockname())
            assert client.recv(9) == b"ok"
    assert canaries.take() == {"udp": 3}


def test_its_threads_end_with_it(tmp_path: Path) -> None:
    made = Canaries()
    made.listen("path", socket.AF_UNIX, str(tmp_path / "s"))
    made.receive("udp", socket.AF_INET, ("127.0.0.1", 0))
    made.receive("datagram", socket.AF_UNIX, str(tmp_path / "d"))
    assert len(made.threads) == 3
    assert all(thread.is_alive() for thread in made.threads)
    made.close()
    assert not any(thread.is_alive() for thread in made.threads)


def test_two_of_one_name_count_as_one(tmp_path: Path) -> None:
    made = Canaries()
    for number in range(2):
        made.listen("session", socket.AF_UNIX, str(tmp_path / str(number)))
    for number in (0, 1, 1):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / str(number)))
    assert made.take() == {"session": 3}
    made.close()

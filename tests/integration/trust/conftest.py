"""A log as its operator runs it, copies of what it serves that a test may change, and no network."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from locara.trust.checkpoint import Checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.note import sign_note
from locara.trust.note_keys import ED25519, SigningKey
from locara_registry.trust.log.log import Log

LOG_KEY = SigningKey("log.example.org/locara", ED25519, bytes(range(32)))


class World:
    """One log and the folder it serves; `fork` is the same key with another history."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.policy = LogPolicy.of(LOG_KEY.verifier)
        self.log = Log.create(root / "log", root / "public", LOG_KEY)
        self.public = root / "public"

    def grow(self, count: int) -> None:
        size = self.log.size
        self.log.append([b"entry %d" % number for number in range(size, size + count)])
        self.log.publish()

    def mirror(self, name: str) -> Path:
        """A copy of what is served now."""
        shutil.copytree(self.public, self.root / name)
        return self.root / name

    def fork(self, name: str, *, same: int, other: int) -> Path:
        """What a log serves that has the first `same` entries and then `other` different ones."""
        with Log.create(self.root / f"{name}-log", self.root / name, LOG_KEY) as log:
            log.append([self.log.entry(number) for number in range(same)])
            log.append([b"%s %d" % (name.encode(), number) for number in range(other)])
            log.publish()
        return self.root / name

    def sign(self, size: int, root: bytes) -> bytes:
        """A checkpoint that the log's key signed, whatever the log is."""
        return sign_note(Checkpoint(LOG_KEY.name, size, root).text, LOG_KEY).raw


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.log.close()


Refused = Callable[[str, Callable[[], object]], LogRefused]


@pytest.fixture
def refused() -> Refused:
    def check(code: str, act: Callable[[], object]) -> LogRefused:
        with pytest.raises(LogRefused) as caught:
            act()
        assert caught.value.code == code, caught.value
        return caught.value

    return check


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every attempt to reach a network fails, and is written down."""
    tried: list[str] = []

    def refuse(*args: object, **_kwargs: object) -> None:
        tried.append(str(args[-1]))
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield tried
    assert tried == []

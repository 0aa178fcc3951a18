"""A regular file or an error at once, and nothing stays open."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from locara.cli.attest import read_small
from locara.errors import LocaraError
from locara.models.cache import open_regular
from locara.models.users import user_in
from locara.plain_files import NotPlainError, open_plain
from locara.runtime.manifest_file import read_manifest
from locara.runtime.revocation import read_limits
from locara.runtime.state import StateFolder
from locara.storage.migrations import read_steps
from locara.tools import cache as tools
from locara.tools import compiled
from locara.trust.kept_files import read_file
from locara.trust.locapp import is_locapp
from locara.trust.repository import home
from locara.ui.webkit.files import serve


def opened() -> list[str]:
    return sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []  # noqa: PTH112, PTH208


def socket_at(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(place))


ODD: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": socket_at,
    "device": lambda place: place.symlink_to("/dev/null"),
}


def test_a_file_is_read_and_a_link_only_when_it_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    with open_plain(tmp_path / "file") as file:
        assert file.read() == b"text"
        assert not os.get_inheritable(file.fileno())
    with open_plain(tmp_path / "link", follow=True) as file:
        assert file.read() == b"text"
    with pytest.raises(OSError, match="symbolic links"):
        open_plain(tmp_path / "link")
    with pytest.raises(FileNotFoundError):
        open_plain(tmp_path / "none")
    top = os.open(tmp_path, os.O_RDONLY)
    with open_plain("file", dir_fd=top) as file:
        assert file.read() == b"text"
    os.close(top)


@pytest.mark.parametrize("what", ODD)
def test_nothing_else_is_opened_and_nothing_stays_open(tmp_path: Path, what: str) -> None:
    ODD[what](tmp_path / "odd")
    before = opened()
    for _ in range(3):
        # A socket has no other end to open: the system says so itself.
        with pytest.raises(OSError if what == "socket" else NotPlainError):
            open_plain(tmp_path / "odd", follow=True)
    assert opened() == before


READERS: dict[str, Callable[[Path], object]] = {
    "a manifest": read_manifest,
    "the state of an app": lambda place: StateFolder(place.parent).read_bytes(
        place.name, code="consent_unreadable"
    ),
    "a policy": read_limits,
    "a model": open_regular,
    "an app that uses models": lambda place: user_in(place.parent),
    "a step of the database": lambda place: read_steps(place.parent),
    "a tool": lambda place: tools._read(place, 10),
    "a file of a log": lambda place: read_file(place, 10, code="state_unreadable"),
    "a file of a registry": lambda place: home._read(place, 10),
    "an attestation": read_small,
}
NAMES = {"an app that uses models": "locara.json", "a step of the database": "schema.sql"}


@pytest.mark.parametrize("what", ["folder", "pipe"])
@pytest.mark.parametrize("reader", READERS)
def test_whoever_reads_a_file_says_in_its_own_words_that_there_is_none(
    tmp_path: Path, reader: str, what: str
) -> None:
    place = tmp_path / NAMES.get(reader, "file")
    ODD[what](place)
    before = opened()
    for _ in range(3):
        with pytest.raises(LocaraError) as refused:
            READERS[reader](place)
        assert refused.value.message
    assert opened() == before


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_whoever_says_nothing_of_it_keeps_nothing_open(tmp_path: Path, what: str) -> None:
    ODD[what](tmp_path / "odd")
    before = opened()
    for _ in range(3):
        assert serve(str(tmp_path), "locara://app/odd", "index.html") is None
        assert compiled._read(tmp_path / "odd") is None
        assert not is_locapp(tmp_path / "odd")
    assert opened() == before


def test_an_interrupt_while_the_file_is_made_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "letter").write_bytes(b"text")
    before, fdopen = opened(), os.fdopen

    def interrupted(fd: int, mode: str) -> object:
        fdopen(fd, mode)  # the file is dropped, and with it the descriptor is closed
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fdopen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_plain(tmp_path / "letter")
    assert opened() == before

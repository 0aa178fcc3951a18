"""Remembered picks at the broker, with the person's real state folder: only the thing itself opens again."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from locara.core.digest import Digest
from locara.errors import CallError, CapabilityDenied
from locara.runtime.private_places import PrivatePlaces
from locara.runtime.remembered import PickMemory, forget_all, load
from locara.runtime.state import StateFolder
from locara.sandbox.broker import Broker, Services
from locara.sandbox.broker_client import BrokerClient
from locara.sandbox.picker import ScriptedPicker
from tests.integration.sandbox.conftest import grants_of

CANARY = b"canary-of-the-other-folder"
APP = "acme/probe"


GRANTS = {access: grants_of({"fs.user-selected": access}) for access in ("read", "read-write")}


@dataclass
class Person:
    """One person's folders, and the broker that each start of the app has."""

    folder: Path

    @property
    def state(self) -> StateFolder:
        return StateFolder(self.folder / "state")

    @property
    def list(self) -> Path:
        return self.folder / "state/picked/acme.probe.json"

    @contextmanager
    def starts(
        self,
        *picks: Sequence[Path],
        access: str = "read-write",
        manifest: str = "one",
        state: Path | None = None,
    ) -> Iterator[BrokerClient]:
        folder = StateFolder(state or self.state.path)
        private = PrivatePlaces(self.folder / "anna", (folder.path,))
        picker = ScriptedPicker(picks, remembers=True)
        memory = PickMemory(folder, APP, Digest.of(manifest.encode()), private)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        broker = Broker(GRANTS[access], ours, Services(picker=picker, memory=memory, judge=private.judge))
        broker.begin()
        client = BrokerClient(theirs)
        try:
            yield client
        finally:
            client.close()
            broker.close()


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    (folder / "old").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"mine")
    return folder


def remember(person: Person, place: Path, *, kind: Any = "directory", access: Any = "read") -> str:
    with person.starts([place]) as client:
        (picked,) = client.pick(kind, access, recursive=True, remember=True)
    assert picked.grant is not None
    return picked.grant


def read(client: BrokerClient, handle: str, path: str = "a.txt") -> bytes:
    fd = client.open(handle, path)
    try:
        return os.read(fd, 1_000)
    finally:
        os.close(fd)


def refused(client: BrokerClient, grant: str) -> CapabilityDenied | CallError:
    with pytest.raises((CapabilityDenied, CallError)) as caught:
        client.reopen(grant)
    return caught.value


def put_another(place: Path) -> None:
    place.rename(place.with_name("away"))
    place.mkdir()
    (place / "a.txt").write_bytes(CANARY)


def make_anew(place: Path) -> None:
    shutil.rmtree(place)
    place.mkdir()
    (place / "a.txt").write_bytes(CANARY)


def link_another(place: Path) -> None:
    other = place.with_name("other")
    other.mkdir()
    (other / "a.txt").write_bytes(CANARY)
    place.rename(place.with_name("away"))
    place.symlink_to(other)


def link_the_same(place: Path) -> None:
    place.rename(place.with_name("away"))
    place.symlink_to(place.with_name("away"))


def link_the_way(place: Path) -> None:
    above = place.parent
    above.rename(above.with_name("moved"))
    above.symlink_to(above.with_name("moved"))


def put_a_file(place: Path) -> None:
    shutil.rmtree(place)
    place.write_bytes(CANARY)


@pytest.mark.parametrize(
    ("replace", "reason"),
    [
        (put_another, "something else"),
        (make_anew, "something else"),
        (put_a_file, "something else"),
        (link_another, "through a link"),
        (link_the_same, "through a link"),
        (link_the_way, "through a link"),
    ],
)
def test_something_else_at_its_place_does_not_open(
    person: Person, letters: Path, replace: Callable[[Path], None], reason: str
) -> None:
    place = person.folder / "home" / "letters"
    shutil.copytree(letters, place)
    grant = remember(person, place)
    with person.starts() as client:
        assert read(client, client.reopen(grant).handle) == b"mine"
        replace(place)
        error = refused(client, grant)
        assert (error.code, reason in str(error.because)) == ("capability_denied", True)


def test_what_lies_elsewhere_now_is_not_found(person: Person, letters: Path) -> None:
    grant = remember(person, letters)
    letters.rename(letters.with_name("moved"))
    with person.starts() as client:
        assert refused(client, grant).code == "not_found"
    letters.with_name("moved").rename(letters)
    with person.starts() as client:
        assert read(client, client.reopen(grant).handle) == b"mine"


def test_the_way_to_it_is_the_persons_to_choose(person: Person, letters: Path) -> None:
    (person.folder / "way").symlink_to(person.folder)
    grant = remember(person, person.folder / "way" / "letters")
    with person.starts() as client:
        assert read(client, client.reopen(grant).handle) == b"mine"
        (told,) = client.kept()
        assert "path" not in told


def test_a_file_is_the_file_that_was_picked(person: Person, letters: Path) -> None:
    file = letters / "a.txt"
    grant = remember(person, file, kind="file", access="read-write")
    file.write_bytes(b"changed in place")
    with person.starts() as client:
        handle = client.reopen(grant).handle
        assert read(client, handle, "") == b"changed in place"
        replacement = client.replace(handle)
        os.write(replacement.fd, b"by the app")
        os.close(replacement.fd)
        assert file.read_bytes() == b"by the app"
        (letters / "new").write_bytes(CANARY)
        (letters / "new").rename(file)
        assert refused(client, grant).code == "capability_denied"
        file.unlink()
        assert refused(client, grant).code == "not_found"


def test_a_pick_for_reading_stays_for_reading(person: Person, letters: Path) -> None:
    reading, writing = (remember(person, letters, access=access) for access in ("read", "read-write"))
    with person.starts() as client:
        with pytest.raises(CapabilityDenied, match="for reading only"):
            client.mkdir(client.reopen(reading).handle, "new")
        client.mkdir(client.reopen(writing).handle, "new")
        assert (letters / "new").is_dir()
    with person.starts(access="read") as client:
        assert refused(client, writing).code == "capability_denied"
        assert read(client, client.reopen(reading).handle) == b"mine"


def test_the_same_pick_is_remembered_once(person: Person, letters: Path) -> None:
    first = remember(person, letters)
    assert remember(person, letters) == first
    assert remember(person, letters, access="read-write") != first
    assert len(load(person.state, APP)) == 2


def test_it_is_for_the_version_that_it_was_given_to(person: Person, letters: Path) -> None:
    grant = remember(person, letters)
    with person.starts(manifest="two") as client:
        assert client.kept() == []
        assert refused(client, grant).code == "capability_denied"
        assert client.forget(grant) is False
    with person.starts() as client:
        assert read(client, client.reopen(grant).handle) == b"mine"


def test_an_unfinished_replacement_ends_with_it(person: Person, letters: Path) -> None:
    for taken_back in (False, True):
        grant = remember(person, letters, access="read-write")
        with person.starts() as client:
            replacement = client.replace(client.reopen(grant).handle, "a.txt")
            os.write(replacement.fd, b"new" if not taken_back else CANARY)
            os.close(replacement.fd)
            assert replacement.token is not None
            if not taken_back:
                client.commit(replacement.token)
                continue
            assert forget_all(person.state, APP) == 1
            with pytest.raises(CapabilityDenied, match="took this back"):
                client.commit(replacement.token)
        assert (letters / "a.txt").read_bytes() == b"new"
        assert sorted(path.name for path in letters.iterdir()) == ["a.txt", "old"]


SPOILT: tuple[Callable[[Any], Any], ...] = (
    lambda value: {**value, "app": "acme/other"},
    lambda value: {**value, "grants": [{**value["grants"][0], "path": "relative"}]},
    lambda value: {**value, "grants": [{**value["grants"][0], "access": "all"}]},
    lambda value: {**value, "grants": [{**value["grants"][0], "more": 1}]},
    lambda value: {**value, "grants": value["grants"] * 33},
    lambda value: [],
)


def test_a_list_that_cannot_be_believed_opens_nothing(person: Person, letters: Path) -> None:
    grant = remember(person, letters)
    good = person.list.read_text()
    with person.starts(*[[letters]] * 20) as client:
        handle = client.reopen(grant).handle
        spoilt = [json.dumps(spoil(json.loads(good))) for spoil in SPOILT]
        for text, mode in [*((text, 0o600) for text in (*spoilt, "", "{")), (good, 0o666)]:
            person.list.write_text(text)
            person.list.chmod(mode)
            for attempt in (
                lambda: read(client, handle),
                lambda: client.reopen(grant),
                client.kept,
                lambda: client.pick("directory", "read", remember=True),
            ):
                with pytest.raises(CallError, match="cannot be relied on") as caught:
                    attempt()
                assert str(person.folder) not in caught.value.diagnostics()
        person.list.chmod(0o600)
        assert read(client, handle) == b"mine"


def test_no_more_than_so_many(person: Person) -> None:
    files = [person.folder / f"{number}.txt" for number in range(33)]
    for file in files:
        file.write_bytes(b"x")
    with person.starts(files[:32], files[32:], files[32:]) as client:
        grants = [picked.grant for picked in client.pick("file", "read", multiple=True, remember=True)]
        with pytest.raises(CallError) as caught:
            client.pick("file", "read", remember=True)
        assert caught.value.code == "limit_exceeded"
        assert client.forget(str(grants[0]))
        assert client.pick("file", "read", remember=True)[0].name == "32.txt"
        assert len(client.kept()) == 32
    with person.starts(files[:1], manifest="two") as client:  # what another version left makes room
        assert client.pick("file", "read", remember=True)[0].grant is not None
        assert len(load(person.state, APP)) == 1


def test_what_became_a_private_place_does_not_open(person: Person, letters: Path) -> None:
    grant, other = remember(person, letters), remember(person, letters / "old")
    person.state.path.rename(letters / "state")
    with person.starts(state=letters / "state") as client:
        assert refused(client, grant).code == "capability_denied"
        assert client.entries(client.reopen(other).handle) == []

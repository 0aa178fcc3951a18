"""The broker over its real socket, with a scripted person; and once from inside the real sandbox."""

from __future__ import annotations

import json
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from locara.core.grant import Grants
from locara.errors import CallError, CapabilityDenied
from locara.runtime.private_places import PrivatePlaces
from locara.sandbox.broker import Broker, ScriptedPicker, Services
from locara.sandbox.broker_client import BrokerClient
from locara.sandbox.broker_wire import LIST_PAGE, MAX_HANDLES
from locara.sandbox.desktop.ports import Desktop
from locara.sandbox.picker import Answer, Ask

from .conftest import Box, grants_of, open_descriptors

READ = grants_of({"fs.user-selected": "read"})
WRITE = grants_of({"fs.user-selected": "read-write"})


@contextmanager
def broker_of(grants: Grants, services: Services) -> Iterator[BrokerClient]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    served = Broker(grants, ours, services)
    served.begin()
    client = BrokerClient(theirs)
    try:
        yield client
    finally:
        client.close()
        served.close()


def broker(grants: Grants, *answers: list[Path]) -> AbstractContextManager[BrokerClient]:
    return broker_of(grants, Services(picker=ScriptedPicker(answers)))


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A home with a letter and a key of the same name, in folders of their own."""
    home = tmp_path / "home"
    for name, text in (("letters", "mine"), (".ssh", "KEY")):
        (home / name).mkdir(parents=True)
        (home / name / "one").write_text(text)
    return home


@pytest.mark.parametrize(
    ("exchanged", "judged", "read"),
    [(False, True, b"mine"), (True, True, None), (True, False, b"KEY")],
    ids=["as it was", "exchanged", "exchanged, and only the name was judged"],
)
def test_what_was_opened_is_judged_not_what_was_named(person, exchanged, judged, read) -> None:
    places, scripted = PrivatePlaces(person, ()), ScriptedPicker([[person / "letters/one"]])

    class Slow:
        def pick(self, ask: Ask) -> Answer:
            answer = scripted.pick(ask)
            assert places.refusal(answer.paths[0]) is None
            if exchanged:
                (person / "letters").rename(person / "old")
                (person / "letters").symlink_to(person / ".ssh")
            return answer

    services = Services(picker=Slow(), judge=places.judge) if judged else Services(picker=Slow())
    with broker_of(READ, services) as client:
        if read is None:
            with pytest.raises(CapabilityDenied) as denied:
                client.pick("file", "read")
            assert denied.value.because == "one is where programs keep your keys and settings"
        else:
            (picked,) = client.pick("file", "read")
            assert read_fd(client.open(picked.handle, "")) == read


@pytest.mark.parametrize("grants", [READ, WRITE], ids=["read", "read-write"])
def test_nothing_is_handed_over_when_one_of_many_is_private(person, grants) -> None:
    good, bad = person / "letters", person / ".ssh"
    access = "read" if grants is READ else "read-write"
    services = Services(picker=ScriptedPicker([[good, bad], [good]]), judge=PrivatePlaces(person, ()).judge)
    with broker_of(grants, services) as client:
        before = open_descriptors()
        with pytest.raises(CapabilityDenied, match=r"\.ssh is where programs keep"):
            client.pick("directory", access, multiple=True)
        assert open_descriptors() == before
        (picked,) = client.pick("directory", access)
        assert read_fd(client.open(picked.handle, "one")) == b"mine"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    picked = tmp_path / "picked"
    (picked / "sub").mkdir(parents=True)
    (picked / "a.txt").write_text("alpha", "utf-8")
    (picked / "sub" / "b.txt").write_text("beta", "utf-8")
    (tmp_path / "outside.txt").write_text("SECRET", "utf-8")
    return picked


def read_fd(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises((CallError, CapabilityDenied)) as error:
        call()
    return error.value.code


def test_a_picked_file_can_be_read_and_not_written(folder: Path) -> None:
    with broker(WRITE, [folder / "a.txt"]) as client:
        (picked,) = client.pick("file", "read")
        assert (picked.name, picked.kind, picked.size) == ("a.txt", "file", 5)
        assert read_fd(client.open(picked.handle)) == b"alpha"
        with pytest.raises(CapabilityDenied, match="reading only") as denied:
            client.open(picked.handle, mode="append")
        assert "read-write" in denied.value.fix
    assert (folder / "a.txt").read_text("utf-8") == "alpha"


def test_a_cancelled_pick_is_empty(folder: Path) -> None:
    with broker(READ, []) as client:
        assert client.pick("file", "read") == []
        assert client.pick("directory", "read", recursive=True) == []


def test_without_the_grant_nobody_is_asked(folder: Path) -> None:
    for grants in (Grants.none(), grants_of({"fs.app-data": "read-write"})):
        with broker(grants, [folder]) as client, pytest.raises(CapabilityDenied) as denied:
            client.pick("directory", "read", recursive=True)
        assert denied.value.capability == "fs.user-selected"
        assert "fs.user-selected" in denied.value.fix


def test_writing_needs_the_wider_grant(folder: Path) -> None:
    with broker(READ, [folder], [folder]) as client:
        with pytest.raises(CapabilityDenied) as denied:
            client.pick("directory", "read-write", recursive=True)
        assert '"fs.user-selected": "read-write"' in denied.value.fix
        assert len(client.pick("directory", "read", recursive=True)) == 1


def test_of_a_large_folder_no_more_pages_are_asked_for_than_are_wanted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3 * LIST_PAGE):
        (folder / f"{number:04}").touch()
    with broker(READ, [folder]) as client:
        (top,) = client.pick("directory", "read")
        asked, real = [], client._call
        monkeypatch.setattr(client, "_call", lambda message: asked.append(message["op"]) or real(message))
        assert len(client.entries(top.handle, most=10)) == LIST_PAGE
        assert asked == ["list"]
        assert len(client.entries(top.handle, most=LIST_PAGE)) == 2 * LIST_PAGE
        assert len(client.entries(top.handle)) == 3 * LIST_PAGE + 2


def test_a_picked_folder_serves_what_is_beneath_it(folder: Path) -> None:
    with broker(WRITE, [folder]) as client:
        (top,) = client.pick("directory", "read-write", recursive=True)
        assert [(e.name, e.kind, e.size) for e in client.entries(top.handle)] == [
            ("a.txt", "file", 5),
            ("sub", "directory", 0),
        ]
        assert [e.name for e in client.entries(top.handle, "sub")] == ["b.txt"]
        assert read_fd(client.open(top.handle, "sub/b.txt")) == b"beta"
        assert client.stat(top.handle, "a.txt").size == 5
        assert client.stat(top.handle).kind == "directory"
        client.mkdir(top.handle, "new")
        with os.fdopen(client.open(top.handle, "new/c.txt", "create"), "wb") as file:
            file.write(b"c")
        with os.fdopen(client.open(top.handle, "new/c.txt", "append"), "wb") as file:
            file.write(b"d")
        assert (folder / "new" / "c.txt").read_bytes() == b"cd"
        assert code_of(lambda: client.open(top.handle, "new/c.txt", "create")) == "exists"
        assert code_of(lambda: client.remove(top.handle, "new")) == "exists"
        client.remove(top.handle, "new/c.txt")
        client.remove(top.handle, "new")
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "sub"]


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../outside.txt",
        "sub/../../outside.txt",
        "/etc/passwd",
        "./a.txt",
        "a.txt/",
        "sub//b.txt",
        "a.txt\0",
        "\\..\\x",
    ],
)
def test_no_path_leads_out(folder: Path, path: str) -> None:
    with broker(WRITE, [folder]) as client:
        (top,) = client.pick("directory", "read-write", recursive=True)
        for call in (
            lambda: client.open(top.handle, path),
            lambda: client.open(top.handle, path, "create"),
            lambda: client.entries(top.handle, path),
            lambda: client.stat(top.handle, path),
            lambda: client.mkdir(top.handle, path),
            lambda: client.remove(top.handle, path),
        ):
            assert code_of(call) in ("capability_denied", "bad_request", "not_found")
    assert (folder.parent / "outside.txt").read_text("utf-8") == "SECRET"
    assert sorted(p.name for p in folder.parent.iterdir()) == ["outside.txt", "picked"]


def test_links_pipes_and_sockets_are_not_served(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "outside.txt")
    (folder / "dirlink").symlink_to(folder.parent)
    (folder / "inner").symlink_to("a.txt")
    os.mkfifo(folder / "pipe")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(folder / "sock"))
    with broker(WRITE, [folder]) as client, sock:
        (top,) = client.pick("directory", "read-write", recursive=True)
        for path in ("link", "dirlink/outside.txt", "inner"):
            with pytest.raises(CapabilityDenied, match="link"):
                client.open(top.handle, path)
        for path in ("pipe", "sock"):
            assert code_of(lambda path=path: client.open(top.handle, path, "append")) == "io_error"  # type: ignore[misc]
            assert code_of(lambda path=path: client.open(top.handle, path)) == "io_error"  # type: ignore[misc]
        assert [entry.name for entry in client.entries(top.handle)] == ["a.txt", "sub"]
        assert code_of(lambda: client.remove(top.handle, "link")) == "capability_denied"
        assert code_of(lambda: client.replace(top.handle, "link")) == "capability_denied"
    assert (folder / "link").is_symlink()


def test_a_picked_link_is_refused_and_its_target_is_not(folder: Path) -> None:
    link = folder / "link"
    link.symlink_to(folder / "a.txt")
    with broker(READ, [link], [folder / "a.txt"]) as client:
        with pytest.raises(CapabilityDenied, match="link"):
            client.pick("file", "read")
        assert len(client.pick("file", "read")) == 1


def test_a_file_with_a_second_name_is_read_and_never_written(folder: Path) -> None:
    os.link(folder.parent / "outside.txt", folder / "second")
    with broker(WRITE, [folder]) as client:
        (top,) = client.pick("directory", "read-write", recursive=True)
        assert read_fd(client.open(top.handle, "second")) == b"SECRET"
        assert code_of(lambda: client.open(top.handle, "second", "append")) == "io_error"
        assert code_of(lambda: client.replace(top.handle, "second")) == "io_error"
    assert (folder.parent / "outside.txt").read_text("utf-8") == "SECRET"


def test_a_replacement_changes_nothing_before_its_commit(folder: Path) -> None:
    with broker(WRITE, [folder]) as client:
        (top,) = client.pick("directory", "read-write", recursive=True)
        new = client.replace(top.handle, "a.txt")
        os.write(new.fd, b"new")
        os.close(new.fd)
        assert (folder / "a.txt").read_text("utf-8") == "alpha"
        assert [entry.name for entry in client.entries(top.handle)] == ["a.txt", "sub"]
        assert new.token is not None
        client.commit(new.token)
        assert (folder / "a.txt").read_text("utf-8") == "new"
        assert code_of(lambda: client.commit(str(new.token))) == "not_found"
        dropped = client.replace(top.handle, "fresh.txt")
        os.close(dropped.fd)
        client.abort(str(dropped.token))
        abandoned = client.replace(top.handle, "fresh.txt")
        os.close(abandoned.fd)
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "sub"]


@pytest.mark.parametrize(("mode", "due"), [(0o600, 0o600), (0o640, 0o640), (0o400, 0o600), (0o666, 0o644)])
def test_others_read_a_replacement_only_as_far_as_what_it_replaces(folder: Path, mode: int, due: int) -> None:
    (folder / "a.txt").chmod(mode)
    with broker(WRITE, [folder]) as client:
        (top,) = client.pick("directory", "read-write", recursive=True)
        new = client.replace(top.handle, "a.txt")
        os.close(new.fd)
        client.commit(str(new.token))
    assert (folder / "a.txt").stat().st_mode & 0o777 == due


def test_a_picked_file_is_rewritten_in_place(folder: Path) -> None:
    with broker(WRITE, [folder / "a.txt"]) as client:
        (picked,) = client.pick("file", "read-write")
        new = client.replace(picked.handle)
        assert new.token is None
        os.write(new.fd, b"n")
        os.close(new.fd)
        assert code_of(lambda: client.open(picked.handle, "b.txt")) == "bad_request"
    assert (folder / "a.txt").read_text("utf-8") == "n"


def test_a_picked_file_is_not_emptied_for_what_finds_no_room(folder: Path) -> None:
    """The limit of a process stands for the end of a disk."""
    with broker(WRITE, [folder / "a.txt"]) as client:
        (picked,) = client.pick("file", "read-write")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
        try:
            assert code_of(lambda: client.replace(picked.handle, size=3_000_000)) == "quota_exceeded"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (folder / "a.txt").read_text("utf-8") == "alpha"
        for wrong in (-1, True, "1", 1 << 40):
            assert code_of(lambda size=wrong: client.replace(picked.handle, size=size)) == "bad_request"
        os.close(client.replace(picked.handle, size=3_000_000).fd)
    assert (folder / "a.txt").read_text("utf-8") == ""


def test_handles_are_unguessable_released_and_bound_to_their_app(folder: Path) -> None:
    with broker(READ, [folder], [folder]) as client, broker(READ, [folder]) as other:
        first, second = (client.pick("directory", "read")[0] for _ in range(2))
        assert first.handle != second.handle
        assert len(first.handle) >= 32
        for forged in ("", "0", first.handle[:-1], first.handle + "A", second.handle[::-1]):
            assert code_of(lambda forged=forged: client.entries(forged)) == "not_found"  # type: ignore[misc]
        assert code_of(lambda: other.entries(first.handle)) == "not_found"
        client.release(first.handle)
        assert code_of(lambda: client.entries(first.handle)) == "not_found"
        assert code_of(lambda: client.release(first.handle)) == "not_found"
        assert client.entries(second.handle)


def test_a_handle_follows_the_folder_and_not_its_name(folder: Path) -> None:
    with broker(READ, [folder]) as client:
        (top,) = client.pick("directory", "read", recursive=True)
        folder.rename(folder.parent / "moved")
        folder.symlink_to(folder.parent)
        assert [entry.name for entry in client.entries(top.handle)] == ["a.txt", "sub"]


def test_a_glob_in_a_picked_name_is_a_name(tmp_path: Path) -> None:
    odd = tmp_path / "[a-z]*.txt"
    odd.write_text("odd", "utf-8")
    (tmp_path / "b.txt").write_text("SECRET", "utf-8")
    with broker(READ, [odd]) as client:
        (picked,) = client.pick("file", "read")
        assert read_fd(client.open(picked.handle)) == b"odd"


LONG_NAMES = ("\x01" * 250, "Ж" * 125, "𝄞" * 62, "a" * 250)


@pytest.mark.parametrize("name", LONG_NAMES, ids=["control", "two bytes", "four bytes", "plain"])
def test_names_of_any_length_and_script_are_listed_and_the_broker_lives(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    names = [f"{name}{number:03d}" for number in range(230)]
    for one in names:
        (folder / one).touch()
    with broker(READ, [folder], [folder / names[0]]) as client:
        (top,) = client.pick("directory", "read")
        assert [entry.name for entry in client.entries(top.handle)] == sorted(names)
        assert [picked.name for picked in client.pick("file", "read")] == [names[0]]


@pytest.mark.parametrize("name", LONG_NAMES, ids=["control", "two bytes", "four bytes", "plain"])
def test_as_much_as_there_are_handles_for_is_handed_over_at_once(tmp_path: Path, name: str) -> None:
    files = [tmp_path / f"{name}{number:03d}" for number in range(MAX_HANDLES)]
    for file in files:
        file.write_text(file.name[-3:])
    with broker(READ, files, files[:1]) as client:
        handed = client.pick("file", "read", multiple=True)
        assert [picked.name for picked in handed] == [file.name for file in files]
        assert read_fd(client.open(handed[-1].handle)) == b"255"
        assert code_of(lambda: client.pick("file", "read")) == "limit_exceeded"


class Dying:
    """A device that is on until it is stopped."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.is_on = True

    def listen(self, *_: object) -> Dying:
        return self

    def hand_over(self) -> int:
        return os.dup(self.reading)

    def running(self) -> bool:
        return self.is_on

    def stop(self) -> None:
        self.is_on = False


@pytest.mark.parametrize("told", [True, False])
def test_a_device_is_on_only_while_the_person_can_be_told(told: bool) -> None:
    device = Dying()

    def tell(_text: str) -> None:
        if not told:
            raise OSError("the terminal is gone")

    desktop = Desktop(recorder=device, tell=tell)  # type: ignore[arg-type]
    with broker_of(grants_of({"device.microphone": True}), Services(desktop=desktop)) as client:
        if told:
            client.listen("microphone", 16_000, 1)
        else:
            assert code_of(lambda: client.listen("microphone", 16_000, 1)) == "io_error"
        assert device.is_on is told
    assert not device.is_on


def test_every_device_is_off_in_the_end_whoever_cannot_be_told() -> None:
    devices = [Dying(), Dying()]
    waiting = list(devices)

    class Recorder:
        def listen(self, *_: object) -> Dying:
            return waiting.pop()

    def tell(text: str) -> None:
        if "no longer" in text:
            raise OSError("the terminal is gone")

    desktop = Desktop(recorder=Recorder(), tell=tell)  # type: ignore[arg-type]
    with broker_of(grants_of({"device.microphone": True}), Services(desktop=desktop)) as client:
        for _ in range(2):
            client.listen("microphone", 16_000, 1)
    assert [device.is_on for device in devices] == [False, False]


def test_many_entries_come_in_pages(tmp_path: Path) -> None:
    for number in range(450):
        (tmp_path / f"{number:04}-{'x' * 100}.txt").touch()
    with broker(READ, [tmp_path]) as client:
        (top,) = client.pick("directory", "read", recursive=True)
        names = [entry.name for entry in client.entries(top.handle)]
    assert len(names) == 450
    assert names == sorted(names)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"op": "nothing"}',
        b'{"op": ["pick"]}',
        b'{"op": "pick"}',
        b'{"op": "pick", "kind": "file", "access": "write"}',
        b'{"op": "pick", "kind": "file", "access": "read", "multiple": 1}',
        b'{"op": "open", "handle": 1}',
        b'{"op": "open", "handle": "x", "mode": "rw"}',
        b'{"op": "list", "handle": "x", "offset": -1}',
        b'{"op": "release"}',
        b'{"op": "commit", "commit": 1}',
        b"[" * 60000,
    ],
)
def test_malformed_requests_are_answered_and_the_next_one_is_served(folder: Path, message: bytes) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    served = Broker(READ, ours, Services(picker=ScriptedPicker([[folder]])))
    served.begin()
    with theirs:
        if message:
            theirs.sendall(message)
            reply = json.loads(theirs.recv(65536))
            assert reply["ok"] is False
            assert reply["code"] in ("bad_request", "not_found", "capability_denied", "internal")
            assert str(folder) not in json.dumps(reply)
        client = BrokerClient(theirs)
        assert len(client.pick("directory", "read", recursive=True)) == 1
    served.close()


def test_descriptors_sent_from_inside_are_dropped(folder: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    served = Broker(READ, ours, Services())
    served.begin()
    before = len(open_descriptors())
    with theirs:
        for _ in range(20):
            socket.send_fds(theirs, [b'{"op": "release", "handle": "x"}'], [0, 1, 2])
            assert json.loads(theirs.recv(65536))["code"] == "not_found"
        assert len(open_descriptors()) == before
    served.close()


def test_every_decision_is_told(folder: Path) -> None:
    told: list[tuple[Any, bool]] = []
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    services = Services(
        ScriptedPicker([[folder]]), observe=lambda request, decision: told.append((request, decision.allowed))
    )
    served = Broker(READ, ours, services)
    served.begin()
    with theirs:
        client = BrokerClient(theirs)
        (top,) = client.pick("directory", "read", recursive=True)
        read_fd(client.open(top.handle, "a.txt"))
        assert code_of(lambda: client.open(top.handle, "a.txt", "append")) == "capability_denied"
    served.close()
    assert [(request.path, request.access, allowed) for request, allowed in told] == [
        ("", "read", True),
        ("a.txt", "read", True),
        ("a.txt", "write", False),
    ]


def test_from_inside_the_sandbox(box: Box) -> None:
    picked = box.folder / "picked"
    picked.mkdir()
    (picked / "doc.txt").write_text("picked text", "utf-8")
    code = """
import os
from locara.sandbox.broker_client import BrokerClient
from locara.sandbox.broker_wire import MAX_HANDLES
from locara.sandbox.desktop.ports import Desktop
client = BrokerClient.inherited()
top = client.pick("directory", "read", recursive=True)[0]
fd = client.open(top.handle, "doc.txt")
print(os.read(fd, 100).decode())
try:
    os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
except OSError as error:
    print("reopen", error.errno)
try:
    client.open(top.handle, "../secret.txt")
except Exception as error:
    print(error.code)
print(client.pick("file", "read"))
"""
    services = Services(picker=ScriptedPicker([[picked]]))
    output = box.run(box.plan(code, grants=READ), services).splitlines()
    assert output == ["picked text", "reopen 13", "capability_denied", "[]"]

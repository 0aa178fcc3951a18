"""Small parts: ids, replies, roots, quotas, an app's folder, the client's mailbox, the registry of
commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from locara.core.grant import Grants
from locara.core.surface import COMMANDS
from locara.errors import CallError, CapabilityDenied, InferenceError, ManifestError, ModelError, StorageError
from locara.runtime import frames
from locara.runtime.app import AppBundle
from locara.runtime.app_home import AppHome, default_apps_root
from locara.runtime.call import is_call_id
from locara.runtime.client import Client, ConnectionLost
from locara.runtime.commands import registered, table
from locara.runtime.commands.registry import Lane, command
from locara.runtime.files import BoundedTree, root_name
from locara.runtime.manifest_file import BundleError
from locara.runtime.replies import error_object
from locara.runtime.trees import LocalTree, Refused


@pytest.mark.parametrize("value", [1, 2**53, "a", "x" * 64])
def test_ids(value: object) -> None:
    assert is_call_id(value)


@pytest.mark.parametrize("value", [0, -1, 2**53 + 1, 1.0, True, False, None, "", "x" * 65, [], {}, b"a"])
def test_what_is_no_id(value: object) -> None:
    assert not is_call_id(value)


def test_every_command_of_the_surface_has_one_handler() -> None:
    assert set(registered()) == set(COMMANDS)
    with pytest.raises(ValueError, match="registered twice"):
        command("app.info", lane=Lane.INLINE)(lambda _session, _call, _args: {})


def test_an_app_without_grants_has_the_powerless_commands_alone() -> None:
    assert {name.partition(".")[0] for name in table(Grants.none())} == {"app", "audit", "settings", "db"}


def test_a_command_is_loaded_when_it_is_asked_for() -> None:
    """Each is the one that its module registers; another name is none, and a module without it is no silence."""
    opened = table(Grants.none())
    assert {name: opened[name] for name in opened} == {name: registered()[name] for name in opened}
    assert len(opened) == len(list(opened))
    assert opened.get("fs.read") is None
    assert opened.get("app") is None
    with pytest.raises(RuntimeError, match=r"app\.gone"):
        type(opened)({"app.gone": None})["app.gone"]  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CallError("x", code="not_found"), "not_found"),
        (StorageError("x", code="sql_denied"), "storage_error"),
        (StorageError("x", code="bad_value"), "bad_request"),
        (StorageError("x", code="quota_exceeded"), "quota_exceeded"),
        (ModelError("x", code="not_cached"), "model_unavailable"),
        (ModelError("x", code="digest_mismatch"), "model_error"),
        (InferenceError("x", code="context_overflow"), "context_overflow"),
        (InferenceError("x", code="another"), "model_error"),
        (ValueError("secret"), "internal"),
        (MemoryError(), "internal"),
        (SystemExit(3), "internal"),
    ],
)
def test_every_error_becomes_a_code_of_the_closed_list(error: BaseException, code: str) -> None:
    assert error_object(error)["code"] == code


def test_what_broke_inside_is_not_told_and_its_text_not_logged(capsys) -> None:
    try:
        raise ValueError("secret /root/.ssh/id")
    except ValueError as error:
        reply = error_object(error)
    logged = capsys.readouterr().err
    assert "secret" not in str(reply) + logged
    assert "ValueError" in logged
    assert "test_parts" not in str(reply)


def test_a_denial_carries_capability_because_and_fix() -> None:
    reply = error_object(CapabilityDenied(capability="net", because="no", fix='"net": true'))
    assert reply == {
        "code": "capability_denied",
        "message": "net denied: no",
        "capability": "net",
        "because": "no",
        "fix": '"net": true',
    }


def test_wrong_arguments_are_named_but_not_repeated() -> None:
    class Args(BaseModel):
        model_config = ConfigDict(strict=True, extra="forbid")
        path: str
        size: int

    with pytest.raises(ValidationError) as caught:
        Args.model_validate({"path": 1, "size": "canary", "cänary": 1})
    message = error_object(caught.value)["message"]
    assert "path" in message
    assert "size" in message
    assert "cänary" not in message
    assert "canary" not in message


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ("$APP_DATA", "app-data"),
        ("$DOCUMENTS", "documents"),
        ("$MOVIES", "movies"),
        ("$SHARED/notes", "shared/notes"),
        ("$HOME", "$HOME"),
        ("$app_data", "$app_data"),
        ("app-data", "user-selected"),
        ("abc123", "user-selected"),
        ("", "user-selected"),
    ],
)
def test_roots(root: str, name: str) -> None:
    assert root_name(root) == name


def test_a_bounded_tree_counts_bytes_and_names(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"x" * 40)
    tree = BoundedTree(LocalTree(tmp_path), max_bytes=100, max_files=4)
    tree.write("a", b"x" * 60, "create")
    for path, mode in (("b", "create"), ("a", "append"), ("b", "replace")):
        with pytest.raises(CallError) as caught:
            tree.write(path, b"x", mode)
        assert caught.value.code == "quota_exceeded"
    assert tree.write("a", b"x" * 50, "replace") == 50
    assert tree.write("a", b"x" * 10, "append") == 60
    with pytest.raises(CallError) as there:
        tree.write("a", b"", "create")
    assert there.value.code == "exists"
    tree.remove("old")
    tree.write("b", b"x" * 40, "create")
    tree.make_folder("c")
    tree.make_folder("d")
    with pytest.raises(CallError) as full:
        tree.make_folder("e")
    assert full.value.code == "quota_exceeded"
    tree.remove("d")
    tree.make_folder("e")


def test_a_refused_write_leaves_the_count_right(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"")
    (tmp_path / "root").mkdir()
    os.link(tmp_path / "outside/secret", tmp_path / "root/hard")
    tree = BoundedTree(LocalTree(tmp_path / "root"), max_bytes=10)
    for _ in range(3):
        with pytest.raises(Refused):
            tree.write("hard", b"x" * 9, "replace")
    assert tree.write("a", b"x" * 10, "create") == 10


def test_an_apps_folder_is_named_by_publisher_and_name(tmp_path: Path, monkeypatch) -> None:
    grants = Grants.none("acme/notes")
    assert AppHome.of(grants, root=tmp_path).path == tmp_path / "acme.notes"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_apps_root() == tmp_path / "Locara/apps"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_apps_root() == Path.home() / ".local/share/Locara/apps"


def test_what_is_not_an_app(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as none:
        AppBundle.open(tmp_path)
    assert none.value.code == "not_an_app"
    os.mkfifo(tmp_path / "locara.json")
    with pytest.raises(BundleError, match="not a regular file"):
        AppBundle.open(tmp_path)
    (tmp_path / "locara.json").unlink()
    (tmp_path / "other.json").write_text("{}")
    (tmp_path / "locara.json").symlink_to("other.json")
    with pytest.raises(BundleError):
        AppBundle.open(tmp_path)
    (tmp_path / "locara.json").unlink()
    (tmp_path / "locara.json").write_bytes(b" " * 1_000_000)
    with pytest.raises(ManifestError) as large:
        AppBundle.open(tmp_path / "locara.json")
    assert large.value.code == "json_too_large"


class Peer:
    """A client and the bytes it would get."""

    def __init__(self) -> None:
        read_fd, self.write = os.pipe()
        self.read, write_fd = os.pipe()
        self.client = Client(read_fd=read_fd, write_fd=write_fd)

    def answer(self, *values: dict[str, object]) -> None:
        os.write(self.write, b"".join(map(frames.encode, values)))


def test_replies_out_of_order_reach_their_calls() -> None:
    peer = Peer()
    first, second = peer.client.send("a"), peer.client.send("b")
    peer.answer(
        {"id": second, "ok": True, "result": "b"},
        {"id": first, "event": {"n": 1}},
        {"id": None, "ok": False, "error": {"code": "bad_frame", "message": "x"}},
        {"id": first, "ok": True, "result": "a"},
    )
    assert peer.client.wait(first, 5) == "a"
    assert peer.client.wait(second, 5) == "b"
    assert peer.client.recv_frame(5)["error"]["code"] == "bad_frame"


def test_a_stream_gives_its_events_and_then_its_result() -> None:
    peer = Peer()
    stream = peer.client.stream("llm.chat")
    peer.answer(
        {"id": 1, "event": {"n": 1}}, {"id": 1, "event": {"n": 2}}, {"id": 1, "ok": True, "result": 3}
    )
    assert [event["n"] for event in stream] == [1, 2]
    assert stream.result == 3
    assert list(stream) == []


def test_errors_come_back_as_what_they_are() -> None:
    peer = Peer()
    denied = {"code": "capability_denied", "message": "m", "capability": "net", "because": "b", "fix": "f"}
    absent = {"code": "unknown_command", "message": "m", "capability": "net", "because": "b", "fix": "f"}
    for error, kind in (
        (denied, CapabilityDenied),
        (absent, CallError),
        ({"code": "new"}, CallError),
        (None, CallError),
    ):
        call_id = peer.client.send("a")
        peer.answer({"id": call_id, "ok": False, "error": error})
        with pytest.raises(kind) as caught:
            peer.client.wait(call_id, 5)
        if error in (denied, absent):
            assert (caught.value.capability, caught.value.because, caught.value.fix) == ("net", "b", "f")
        else:
            assert caught.value.code == "internal"


def test_a_lost_connection_and_a_silent_one_are_told_apart() -> None:
    peer = Peer()
    with pytest.raises(TimeoutError):
        peer.client.call("a", timeout=0.01)
    os.close(peer.write)
    with pytest.raises(ConnectionLost):
        peer.client.call("a", timeout=5)
    os.close(peer.read)
    with pytest.raises(ConnectionLost):
        peer.client.send("a")

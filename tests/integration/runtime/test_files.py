"""Files through the real runtime: what is declared works, and every way out is denied and changes nothing."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from locara.errors import CallError, CapabilityDenied
from locara.sandbox.picker import ScriptedPicker

SECRET = "canary-7f3a"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text(SECRET)
    for path in (folder, folder / "secret.txt"):
        path.chmod(0o777)
    return folder


def text(app, root: str, path: str) -> str:
    return app.client.call("fs.read", {"root": root, "path": path, "encoding": "utf8"})["data"]


def deep(app, access: str) -> str:
    """The handle of a folder with all that is in it."""
    asked = {"kind": "directory", "access": access, "recursive": True}
    return app.client.call("fs.pick", asked)["handles"][0]["handle"]


def write(app, root: str, path: str, data: str, mode: str = "create") -> int:
    return app.client.call(
        "fs.write", {"root": root, "path": path, "data": data, "encoding": "utf8", "mode": mode}
    )["size"]


def test_the_apps_own_folder_works(write_app, start_app) -> None:
    app = start_app(write_app({"fs.app-data": "read-write"}))
    call = app.client.call
    call("fs.mkdir", {"root": "$APP_DATA", "path": "notes"})
    assert write(app, "$APP_DATA", "notes/a.txt", "héllo") == 6
    assert write(app, "$APP_DATA", "notes/a.txt", "!", "append") == 7
    assert text(app, "$APP_DATA", "notes/a.txt") == "héllo!"
    assert call("fs.list", {"root": "$APP_DATA", "path": "notes"})["entries"] == [
        {"name": "a.txt", "kind": "file", "size": 7}
    ]
    found = call("fs.stat", {"root": "$APP_DATA", "path": "notes/a.txt"})
    assert (found["kind"], found["size"]) == ("file", 7)
    with pytest.raises(CallError) as there:
        write(app, "$APP_DATA", "notes/a.txt", "x")
    assert there.value.code == "exists"
    call("fs.remove", {"root": "$APP_DATA", "path": "notes/a.txt"})
    with pytest.raises(CallError) as gone:
        text(app, "$APP_DATA", "notes/a.txt")
    assert gone.value.code == "not_found"
    assert (app.home.files / "notes").is_dir()


def test_reading_in_slices(write_app, start_app) -> None:
    app = start_app(write_app({"fs.app-data": "read-write"}))
    write(app, "$APP_DATA", "a.txt", "aé€😀")
    args = {"root": "$APP_DATA", "path": "a.txt", "encoding": "utf8"}
    parts, offset = [], 0
    while True:
        part = app.client.call("fs.read", {**args, "offset": offset, "length": 4})
        parts.append(part["data"])
        offset += part["bytes"]
        if part["eof"]:
            break
    assert "".join(parts) == "aé€😀"
    raw = app.client.call("fs.read", {**args, "encoding": "base64", "offset": 1, "length": 2})
    assert base64.b64decode(raw["data"]) == "é".encode()
    app.client.call("fs.write", {"root": "$APP_DATA", "path": "b", "data": "/w==", "mode": "create"})
    with pytest.raises(CallError) as caught:
        app.client.call("fs.read", {**args, "path": "b"})
    assert caught.value.code == "io_error"


@pytest.mark.parametrize(
    "path",
    [
        "../audit/log.jsonl",
        "../../app/locara.json",
        "notes/../../db/app.sqlite3",
        "/etc/passwd",
        "/data/db/app.sqlite3",
        "..",
        ".",
        "a//b",
        "a/./b",
        "..\\audit",
        "C:\\x",
        "\\\\?\\x",
        "a\0b",
        "con.txt",
        "a.txt ",
        "%2e%2e/audit",
        "‥/audit",
    ],
)
def test_no_spelling_of_a_path_leaves_the_folder(writer, path) -> None:
    app = writer
    for cmd, more in (("fs.read", {}), ("fs.list", {}), ("fs.stat", {}), ("fs.remove", {}), ("fs.mkdir", {})):
        if cmd == "fs.mkdir" and path in {"%2e%2e/audit", "‥/audit"}:
            continue
        with pytest.raises((CapabilityDenied, CallError)) as caught:
            app.client.call(cmd, {"root": "$APP_DATA", "path": path, **more})
        if path in {"%2e%2e/audit", "‥/audit"}:  # ordinary names: nothing decodes or folds them
            assert caught.value.code == "not_found"
        else:
            assert caught.value.code == "capability_denied"
            assert "no manifest can grant this" in caught.value.because
    assert list(app.home.files.iterdir()) == []


def test_links_and_special_files_in_the_folder_lead_nowhere(write_app, start_app, outside) -> None:
    app = start_app(write_app({"fs.app-data": "read-write"}))
    files = app.home.files
    (files / "link").symlink_to(outside / "secret.txt")
    (files / "log").symlink_to("../audit/log.jsonl")
    (files / "folder").symlink_to("../audit")
    (files / "proc").symlink_to("/proc/self/environ")
    os.mkfifo(files / "pipe")
    for path in ("link", "log", "folder/log.jsonl", "proc"):
        for cmd in ("fs.read", "fs.stat"):
            with pytest.raises(CapabilityDenied) as caught:
                app.client.call(cmd, {"root": "$APP_DATA", "path": path})
            assert "link" in caught.value.because
        for mode in ("replace", "append"):
            with pytest.raises(CapabilityDenied):
                write(app, "$APP_DATA", path, "changed", mode)
    with pytest.raises(CallError) as pipe:
        text(app, "$APP_DATA", "pipe")
    assert pipe.value.code == "io_error"
    assert (outside / "secret.txt").read_text() == SECRET
    denials = [entry for entry in app.client.call("audit.capabilityLog")["entries"] if not entry["allowed"]]
    assert len(denials) == 16
    assert all("link" in entry["because"] for entry in denials)


def test_a_second_hard_link_is_never_written_through(write_app, start_app, outside) -> None:
    app = start_app(write_app({"fs.app-data": "read-write"}))
    os.link(outside / "secret.txt", app.home.files / "hard.txt")
    for mode in ("replace", "append"):
        with pytest.raises(CapabilityDenied, match="hard link"):
            write(app, "$APP_DATA", "hard.txt", "changed", mode)
    assert (outside / "secret.txt").read_text() == SECRET
    (app.home.files / "hard.txt").unlink()
    write(app, "$APP_DATA", "hard.txt", "mine", "replace")
    assert (outside / "secret.txt").read_text() == SECRET


def test_a_read_only_folder_is_not_written(write_app, start_app) -> None:
    app = start_app(write_app({"fs.app-data": "read", "fs.user-selected": "read-write"}))
    with pytest.raises(CapabilityDenied) as caught:
        write(app, "$APP_DATA", "a.txt", "x")
    assert caught.value.fix == '"fs.app-data": "read-write"'
    assert list(app.home.files.iterdir()) == []


def test_the_quota_holds_over_restarts(write_app, start_app) -> None:
    folder = write_app({"fs.app-data": "read-write"}, storage={"quota_mb": 1})
    app = start_app(folder)
    write(app, "$APP_DATA", "a.bin", "x" * 700_000)
    with pytest.raises(CallError) as caught:
        write(app, "$APP_DATA", "b.bin", "x" * 700_000)
    assert caught.value.code == "quota_exceeded"
    write(app, "$APP_DATA", "a.bin", "y" * 900_000, "replace")
    app.close()
    again = start_app(folder)
    with pytest.raises(CallError):
        write(again, "$APP_DATA", "b.bin", "x" * 200_000)
    again.client.call("fs.remove", {"root": "$APP_DATA", "path": "a.bin"})
    write(again, "$APP_DATA", "b.bin", "x" * 200_000)


def test_a_picked_file_is_read_and_nothing_beside_it(write_app, start_app, outside) -> None:
    app = start_app(
        write_app({"fs.user-selected": "read"}), picker=ScriptedPicker([[outside / "secret.txt"]])
    )
    picked = app.client.call("fs.pick", {"kind": "file", "access": "read"})["handles"]
    assert [(item["name"], item["kind"], item["size"]) for item in picked] == [
        ("secret.txt", "file", len(SECRET))
    ]
    handle = picked[0]["handle"]
    assert str(outside) not in handle
    assert text(app, handle, "") == SECRET
    for path in ("secret.txt", "../secret.txt", ".."):
        with pytest.raises(CallError if path == "secret.txt" else CapabilityDenied):
            text(app, handle, path)
    assert app.client.call("fs.pick", {"kind": "file", "access": "read"})["handles"] == []
    app.client.call("fs.release", {"handle": handle})
    with pytest.raises(CapabilityDenied, match="no such handle"):
        text(app, handle, "")


def test_a_picked_folder_is_a_root_of_its_own(write_app, start_app, outside) -> None:
    (outside / "sub").mkdir()
    (outside / "sub/b.txt").write_text("b")
    (outside / "up").symlink_to("..")
    picker = ScriptedPicker([[outside]])
    app = start_app(write_app({"fs.user-selected": "read-write"}), picker=picker)
    handle = deep(app, "read-write")
    names = {
        entry["name"]: entry["kind"]
        for entry in app.client.call("fs.list", {"root": handle, "path": ""})["entries"]
    }
    assert names["secret.txt"] == "file"
    assert names["sub"] == "directory"
    assert text(app, handle, "sub/b.txt") == "b"
    assert write(app, handle, "sub/c.txt", "new") == 3
    assert write(app, handle, "sub/c.txt", "newer", "replace") == 5
    assert write(app, handle, "sub/c.txt", "!", "append") == 6
    assert (outside / "sub/c.txt").read_text() == "newer!"
    for path in ("../outside/secret.txt", "up/outside/secret.txt", "/etc/passwd"):
        with pytest.raises((CapabilityDenied, CallError)):
            text(app, handle, path)
        with pytest.raises((CapabilityDenied, CallError)):
            write(app, handle, path, "changed", "replace")
    assert (outside / "secret.txt").read_text() == SECRET
    app.client.call("fs.remove", {"root": handle, "path": "sub/c.txt"})
    assert not (outside / "sub/c.txt").exists()


def test_a_handle_picked_for_reading_is_not_written(write_app, start_app, outside) -> None:
    picker = ScriptedPicker([[outside], [outside / "secret.txt"]])
    app = start_app(write_app({"fs.user-selected": "read-write"}), picker=picker)
    folder = deep(app, "read")
    file = app.client.call("fs.pick", {"kind": "file", "access": "read"})["handles"][0]["handle"]
    for handle, path in ((folder, "secret.txt"), (folder, "new.txt"), (file, "")):
        for mode in ("replace", "append"):
            with pytest.raises(CapabilityDenied) as caught:
                write(app, handle, path, "changed", mode)
            assert "reading only" in caught.value.because
            assert "read-write" in caught.value.fix
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == SECRET


def test_a_read_grant_cannot_pick_for_writing(write_app, start_app, outside) -> None:
    picker = ScriptedPicker([[outside / "secret.txt"]])
    app = start_app(write_app({"fs.user-selected": "read"}), picker=picker)
    with pytest.raises(CapabilityDenied) as caught:
        app.client.call("fs.pick", {"kind": "file", "access": "read-write"})
    assert caught.value.fix == '"fs.user-selected": "read-write"'
    assert picker.asked == []


@pytest.mark.parametrize("handle", ["x", "1", "0", "../x", "handle", "a" * 128, "user-selected", "app-data"])
def test_a_handle_nobody_was_given_is_denied(writer, handle) -> None:
    with pytest.raises(CapabilityDenied) as caught:
        text(writer, handle, "")
    assert "no such handle" in caught.value.because

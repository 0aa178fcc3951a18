"""Starting, stopping, dying and coming back: what stays, what is recorded, and what is never left behind."""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path

import pytest

from locara.errors import CallError, CapabilityDenied, ModelError, SandboxError
from locara.models.cache import ModelCache
from locara.runtime.audit import read_entries, verify_chain
from locara.runtime.client import ConnectionLost


def test_settings_and_rows_are_there_after_a_restart(write_app, start_app) -> None:
    folder = write_app({}, schema="CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT NOT NULL);")
    first = start_app(folder)
    first.client.call("settings.set", {"key": "theme", "value": {"dark": True, "size": 1.5}})
    first.client.call("settings.set", {"key": "gone", "value": 1})
    assert first.client.call("settings.delete", {"key": "gone"}) == {"deleted": True}
    made = first.client.call("db.exec", {"sql": "INSERT INTO notes(text) VALUES (?)", "params": ["héllo"]})
    assert (made["changes"], made["lastRowId"]) == (1, 1)
    first.close()
    second = start_app(folder)
    assert second.client.call("settings.get", {"key": "theme"}) == {
        "value": {"dark": True, "size": 1.5},
        "found": True,
    }
    assert second.client.call("settings.get", {"key": "gone"}) == {"value": None, "found": False}
    assert second.client.call("settings.getAll") == {"settings": {"theme": {"dark": True, "size": 1.5}}}
    assert second.client.call("db.query", {"sql": "SELECT text FROM notes"}) == {
        "columns": ["text"],
        "rows": [["héllo"]],
    }


def test_a_batch_happens_whole_or_not_at_all(write_app, start_app) -> None:
    app = start_app(write_app({}, schema="CREATE TABLE t(x INTEGER UNIQUE);"))
    one = {"sql": "INSERT INTO t VALUES (?)", "params": [1]}
    with pytest.raises(CallError) as caught:
        app.client.call("db.batch", {"statements": [one, one]})
    assert caught.value.code == "storage_error"
    assert app.client.call("db.query", {"sql": "SELECT count(*) FROM t"})["rows"] == [[0]]
    assert len(app.client.call("db.batch", {"statements": [one, {"sql": "DELETE FROM t"}]})["results"]) == 2


def test_sql_that_leaves_the_database_is_refused_and_recorded(write_app, start_app) -> None:
    app = start_app(write_app({}))
    with pytest.raises(CallError) as caught:
        app.client.call("db.exec", {"sql": "ATTACH DATABASE '/data/audit/x.db' AS x"})
    assert caught.value.code == "storage_error"
    assert "not allowed" in caught.value.message
    entry = app.client.call("audit.capabilityLog", {"limit": 1})["entries"][0]
    assert (entry["cmd"], entry["allowed"]) == ("db.exec", False)
    assert sorted(path.name for path in (app.home.path / "audit").iterdir()) == ["log.jsonl"]


def test_a_decision_is_recorded_before_its_effect(write_app, start_app) -> None:
    """Once the log cannot grow nothing is recorded, so nothing happens: every folder there is has its
    entry."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        app = start_app(write_app({"fs.app-data": "read-write"}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused = None
    for number in range(400):
        try:
            app.client.call("fs.mkdir", {"root": "$APP_DATA", "path": f"f{number}"})
        except CallError as error:
            refused = error
            break
    assert refused is not None
    assert (refused.code, refused.message) == (
        "io_error",
        "the audit log could not be written: the disk is full",
    )
    made = {path.name for path in app.home.files.iterdir()}
    assert made == {f"f{earlier}" for earlier in range(number)}
    app.close()
    assert verify_chain(app.home.audit_log).sound
    recorded = {entry["request"].get("path") for entry in read_entries(app.home.audit_log)}
    assert made <= recorded


def test_a_killed_runtime_leaves_a_chain_that_opens_again_with_the_tear_recorded(
    write_app, start_app
) -> None:
    folder = write_app({"fs.app-data": "read-write"})
    app = start_app(folder)
    args = {"root": "$APP_DATA", "path": "absent"}
    for _ in range(300):
        app.client.send("fs.stat", args)
    app.client.next_of(150, 30)
    app.kill()
    assert verify_chain(app.home.audit_log).sound, "a line that append returned for is whole"
    assert read_entries(app.home.audit_log, limit=1)[0]["cmd"] != "runtime.stop"
    with app.home.audit_log.open("ab") as log:
        log.write(b'{"v":1,"seq":')  # as a power cut in the middle of a write would leave it
    again = start_app(folder)
    again.close()
    state = verify_chain(app.home.audit_log)
    assert state.sound
    entries = read_entries(app.home.audit_log)
    repair = next(entry for entry in entries if entry["cmd"] == "audit.repair")
    assert repair["request"]["bytes"] == 13
    starts = [entry["request"]["previous"] for entry in entries if entry["cmd"] == "runtime.start"]
    assert starts == ["none", "interrupted"]
    assert entries[-1]["cmd"] == "runtime.stop"


def test_a_changed_record_stops_the_next_start(write_app, start_app) -> None:
    folder = write_app({"fs.app-data": "read"})
    app = start_app(folder)
    with pytest.raises(CapabilityDenied):
        app.client.call("fs.read", {"root": "$DESKTOP", "path": "x"})
    app.close()
    log = app.home.audit_log
    log.write_bytes(log.read_bytes().replace(b'"allowed":false', b'"allowed":true', 1))
    with pytest.raises(CallError, match="damaged at line 2"):
        start_app(folder)


def test_an_app_runs_once_at_a_time(write_app, start_app) -> None:
    folder = write_app({})
    start_app(folder)
    with pytest.raises(CallError, match="already running"):
        start_app(folder)


def test_a_missing_model_is_said_before_anything_starts(write_app, start_app, tmp_path) -> None:
    pin = "absent@sha256:" + "0" * 64
    folder = write_app({"models": [pin]}, modalities=["text-to-text"])
    with pytest.raises(ModelError) as caught:
        start_app(folder, cache=ModelCache(tmp_path / "empty"))
    assert caught.value.code == "not_cached"


def test_a_broken_schema_is_said_at_the_start(write_app, start_app) -> None:
    with pytest.raises(CallError, match=r"schema|statement|syntax"):
        start_app(write_app({}, schema="CREATE TABLE t(; nonsense"))


def test_a_link_in_place_of_the_data_folder_is_refused(write_app, start_app, home, tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    home.mkdir()
    (home / "acme.probe").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SandboxError):
        start_app(write_app({}))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_time_can_be_chosen_by_the_launcher_alone(write_app, start_app) -> None:
    app = start_app(write_app({"fs.app-data": "read"}), clock=1_000_000_000.0)
    assert read_entries(app.home.audit_log)[0]["time"].startswith("2001-09-09T01:46:4")


def test_neither_environment_nor_descriptors_come_along(write_app, start_app, monkeypatch, tmp_path) -> None:
    (tmp_path / "secret").write_text("canary")
    with (tmp_path / "secret").open() as file:
        os.set_inheritable(file.fileno(), True)
        monkeypatch.setenv("LOCARA_TEST_SECRET", "canary-env")
        app = start_app(write_app({}))
        seen = 0
        for pid in descendants(app.pid):
            seen += 1
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"canary-env" not in environment
            for link in Path(f"/proc/{pid}/fd").iterdir():
                assert str(tmp_path / "secret") not in str(link.readlink())
        assert seen >= 2


def test_nothing_is_left_after_close_or_kill(write_app, start_app) -> None:
    folder = write_app({})
    for end in ("close", "kill"):
        app = start_app(folder)
        pids = descendants(app.pid)
        assert pids
        getattr(app, end)()
        assert until(lambda pids=pids: not any(alive(pid) for pid in pids))
        with pytest.raises((ConnectionLost, ValueError, OSError)):
            app.client.call("app.info", timeout=5)


def test_the_end_of_the_input_ends_the_runtime_in_order(write_app, start_app) -> None:
    app = start_app(write_app({}))
    app.client.end_input()
    assert app.process.wait(20) == 0
    assert read_entries(app.home.audit_log, limit=1)[0]["cmd"] == "runtime.stop"


def test_nothing_of_the_app_is_in_the_runtimes_log(write_app, start_app) -> None:
    app = start_app(write_app({"fs.app-data": "read-write"}))
    secret = "canary-9b1f"
    for cmd, args in (
        ("settings.set", {"key": secret, "value": secret}),
        ("db.query", {"sql": f"SELECT '{secret}' FROM nowhere"}),
        (
            "fs.write",
            {"root": "$APP_DATA", "path": secret, "data": secret, "encoding": "utf8", "mode": "create"},
        ),
        (secret, {secret: secret}),
    ):
        app.client.send(cmd, args, call_id=json.dumps([cmd]))
        app.client.next_of(json.dumps([cmd]), 20)
    app.close()
    assert secret not in app.stderr_path.read_text()


def descendants(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            waiting += [int(text) for text in children.read_text().split()]
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(done, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True

"""The frame loop under a hostile frontend: it answers, it stays in order, and it ends only when it has to."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from locara.errors import CallError
from locara.runtime import frames
from locara.sandbox.picker import CANCELLED, Answer, Ask


@pytest.fixture
def app(write_app, start_app):
    return start_app(write_app({"fs.app-data": "read-write"}))


def send(app, payload: bytes) -> None:
    app.client.send_raw(frames.HEADER.pack(len(payload)) + payload)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "bad_frame"),
        (b"\xff", "bad_frame"),
        (b"[]", "bad_frame"),
        (b'{"id":1,"id":2,"cmd":"app.info"}', "bad_frame"),
        (b'{"id":NaN,"cmd":"app.info"}', "bad_frame"),
        (b'{"id":1,"cmd":"app.info","args":' + b'{"a":' * 70 + b"1" + b"}" * 71, "bad_frame"),
        (b'{"id":"\\udc00","cmd":"app.info"}', "bad_frame"),
        (b"{}", "bad_request"),
        (b'{"cmd":"app.info"}', "bad_request"),
        (b'{"id":0,"cmd":"app.info"}', "bad_request"),
        (b'{"id":-1,"cmd":"app.info"}', "bad_request"),
        (b'{"id":1.0,"cmd":"app.info"}', "bad_request"),
        (b'{"id":true,"cmd":"app.info"}', "bad_request"),
        (b'{"id":null,"cmd":"app.info"}', "bad_request"),
        (b'{"id":9007199254740993,"cmd":"app.info"}', "bad_request"),
        (b'{"id":"","cmd":"app.info"}', "bad_request"),
        (b'{"id":"' + b"x" * 65 + b'","cmd":"app.info"}', "bad_request"),
        (b'{"id":{},"cmd":"app.info"}', "bad_request"),
        (b'{"cancel":[]}', "bad_request"),
        (b'{"window":[]}', "bad_request"),
        (b'{"window":"gone"}', "bad_request"),
        (b'{"cancel":1,"id":1}', "bad_request"),
    ],
)
def test_a_frame_without_a_usable_id_is_answered_without_one(reader, payload, code) -> None:
    app = reader
    send(app, payload)
    reply = app.client.recv_frame(20)
    assert reply["id"] is None
    assert reply["ok"] is False
    assert reply["error"]["code"] == code
    assert app.client.call("app.info")["id"] == "acme/probe"


@pytest.mark.parametrize(
    "call",
    [
        {"id": 7},
        {"id": 7, "cmd": 1},
        {"id": 7, "cmd": None},
        {"id": 7, "cmd": "app.info", "args": []},
        {"id": 7, "cmd": "app.info", "args": None},
        {"id": 7, "cmd": "app.info", "grants": {"net": True}},
        {"id": 7, "cmd": "app.info", "ok": True},
    ],
)
def test_a_call_of_the_wrong_shape_is_a_bad_request(reader, call) -> None:
    app = reader
    send(app, json.dumps(call).encode())
    reply = app.client.recv_frame(20)
    assert (reply["id"], reply["ok"], reply["error"]["code"]) == (7, False, "bad_request")


@pytest.mark.parametrize("call_id", [1, 2**53, "a", "x" * 64, "é"])
def test_every_allowed_id_comes_back_as_it_was(reader, call_id) -> None:
    reader.client.send("app.info", call_id=call_id)
    assert reader.client.wait(call_id)["id"] == "acme/probe"


@pytest.mark.parametrize("header", [b"\xff\xff\xff\xff", frames.HEADER.pack(frames.MAX_FRAME + 1)])
def test_an_oversize_frame_is_answered_once_and_then_the_stream_closes(app, header) -> None:
    app.client.send_raw(header)
    reply = app.client.recv_frame(20)
    assert (reply["id"], reply["error"]["code"]) == (None, "too_large")
    assert app.client.recv_frame(20) is None
    assert app.process.wait(20) == 0
    assert '"cmd":"runtime.stop"' in app.home.audit_log.read_text().splitlines()[-1]


def test_an_end_inside_a_frame_is_answered_and_closes(app) -> None:
    app.client.send_raw(frames.HEADER.pack(100) + b"{}")
    app.client.end_input()
    assert app.client.recv_frame(20)["error"]["code"] == "bad_frame"
    assert app.client.recv_frame(20) is None
    assert app.process.wait(20) == 0


def test_the_largest_frame_passes(app) -> None:
    data = "x" * (frames.MAX_FRAME - 200)
    app.client.call(
        "fs.write", {"root": "$APP_DATA", "path": "big", "data": data, "encoding": "utf8", "mode": "create"}
    )
    assert (app.home.files / "big").stat().st_size == len(data)
    with pytest.raises(CallError) as caught:
        app.client.call("fs.read", {"root": "$APP_DATA", "path": "big", "length": 8 * 1024 * 1024 + 1})
    assert caught.value.code == "bad_request"
    (app.home.files / "zeros").write_bytes(b"\0" * 8_000_000)
    with pytest.raises(CallError) as too_large:
        app.client.call("fs.read", {"root": "$APP_DATA", "path": "zeros", "encoding": "utf8"})
    assert too_large.value.code == "too_large"


class Waiting:
    """A person who thinks until the test lets them answer; meanwhile the calls behind theirs stay open."""

    def __init__(self) -> None:
        self.answer = threading.Event()

    def pick(self, ask: Ask) -> Answer:
        assert self.answer.wait(60)
        return CANCELLED


@pytest.fixture
def thinking(write_app, start_app):
    person = Waiting()
    app = start_app(write_app({"fs.user-selected": "read"}), picker=person)
    yield app, person.answer
    person.answer.set()


PICK = {"kind": "file", "access": "read"}


def test_calls_beyond_the_cap_are_answered_busy_and_the_rest_is_done(thinking) -> None:
    app, answer = thinking
    for number in range(1, 101):
        app.client.send("fs.pick", PICK, call_id=number)
    refused = [app.client.recv_frame(60) for _ in range(36)]
    assert {reply["error"]["code"] for reply in refused} == {"busy"}
    assert [reply["id"] for reply in refused] == list(range(65, 101))
    answer.set()
    done = [app.client.recv_frame(60) for _ in range(64)]
    assert [reply["id"] for reply in done] == list(range(1, 65))
    assert all(reply["result"] == {"handles": []} for reply in done)


def test_an_id_in_flight_is_not_taken_twice(thinking) -> None:
    app, answer = thinking
    app.client.send("fs.pick", PICK, call_id="same")
    app.client.send("app.info", call_id="same")
    refused = app.client.recv_frame(60)
    assert (refused["id"], refused["error"]["code"]) == ("same", "bad_request")
    answer.set()
    assert app.client.wait("same") == {"handles": []}
    app.client.send("app.info", call_id="same")
    assert app.client.wait("same")["id"] == "acme/probe"


def test_a_call_that_waits_is_cancelled_at_once(thinking) -> None:
    app, answer = thinking
    running = app.client.send("fs.pick", PICK)
    waiting = app.client.send("fs.pick", PICK)
    app.client.cancel(waiting)
    with pytest.raises(CallError) as caught:
        app.client.wait(waiting)
    assert caught.value.code == "cancelled"
    assert app.client.call("app.info")["id"] == "acme/probe"
    answer.set()
    assert app.client.wait(running) == {"handles": []}


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("db.query", {"sql": f"WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q) {END}"})
        for END in ("SELECT max(x) FROM q", "SELECT x FROM q WHERE x < 0")
    ],
)
def test_a_statement_that_runs_is_ended_by_its_cancel(write_app, start_app, command: str, more) -> None:
    app = start_app(write_app({}))
    running = app.client.send(command, more)
    app.client.call("app.info")  # what was sent before was read
    app.client.cancel(running)
    with pytest.raises(CallError) as caught:
        app.client.wait(running)
    assert caught.value.code == "cancelled", "and not limit_exceeded, after its time"
    assert app.client.call("db.query", {"sql": "SELECT 1"})["rows"] == [[1]]


def test_frames_that_wait_hold_a_bounded_amount_of_memory(thinking) -> None:
    app, answer = thinking
    app.client.send("fs.pick", PICK, call_id=1)
    for number in range(2, 8):
        app.client.send("fs.pick", {**PICK, "more": "x" * (15 * 1024 * 1024)}, call_id=number)
    refused = [app.client.recv_frame(60) for _ in range(2)]
    assert [(reply["id"], reply["error"]["code"]) for reply in refused] == [(6, "busy"), (7, "busy")]
    answer.set()
    assert [app.client.recv_frame(60)["ok"] for _ in range(5)] == [True, False, False, False, False]


def test_an_app_closes_although_the_person_never_answered(thinking) -> None:
    app, _ = thinking
    app.client.send("fs.pick", PICK)
    app.client.call("app.info")
    app.client.end_input()
    assert app.process.wait(30) == 0


def test_cancelling_what_is_not_there_does_nothing(reader) -> None:
    app = reader
    for target in (1, 99999, "nobody"):
        app.client.cancel(target)
    assert app.client.call("app.info")["id"] == "acme/probe"


def test_a_flood_of_rubbish_is_answered_frame_by_frame(reader) -> None:
    app = reader
    rubbish = [b"{", b"[1]", b'{"id":1}', b'{"id":1,"cmd":"nope"}', b"\x00" * 50]
    app.client.send_raw(b"".join(frames.HEADER.pack(len(one)) + one for one in rubbish * 40))
    replies = [app.client.recv_frame(60) for _ in range(200)]
    assert not any(reply["ok"] for reply in replies)
    assert {reply["error"]["code"] for reply in replies} == {"bad_frame", "bad_request", "unknown_command"}
    assert app.client.call("app.info")["id"] == "acme/probe"


def test_no_reply_says_anything_of_the_host(app, tmp_path) -> None:
    replies = []
    for cmd, args in (
        ("fs.read", {"root": "$APP_DATA", "path": "absent"}),
        ("fs.read", {"root": "$HOME", "path": "x"}),
        ("db.query", {"sql": "SELECT load_extension('/etc/passwd')"}),
        ("db.exec", {"sql": "ATTACH '/etc/passwd' AS x"}),
        ("settings.get", {"key": "x", "scope": "../.."}),
        ("app.info", {}),
    ):
        app.client.send(cmd, args, call_id=cmd)
        replies.append(json.dumps(app.client.next_of(cmd, 20)))
    shown = "\n".join(replies)
    for word in (
        str(tmp_path),
        str(app.home.path),
        str(Path.home()),
        "Traceback",
        "site-packages",
        ".py",
    ):
        assert word not in shown

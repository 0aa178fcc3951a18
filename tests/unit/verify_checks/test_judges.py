"""How live replies and logs are judged: the shape of a reply, and an independent walk over an audit log."""

from __future__ import annotations

import hashlib
import json

import pytest

from locara_verify.checks.escape import audit
from locara_verify.checks.escape.link import shape_problem

DENIED = {
    "code": "capability_denied",
    "message": "no",
    "capability": "net",
    "because": "not declared",
    "fix": "",
}


@pytest.mark.parametrize(
    "frame",
    [
        {"id": 1, "ok": True, "result": {}},
        {"id": 1, "event": {"type": "delta", "text": "a"}},
        {"id": None, "ok": False, "error": {"code": "bad_frame", "message": "no"}},
        {"id": 1, "ok": False, "error": DENIED},
    ],
)
def test_documented_replies_have_no_problem(frame) -> None:
    assert shape_problem(frame) is None


@pytest.mark.parametrize(
    "frame",
    [
        {"id": 1, "ok": True},
        {"id": 1, "ok": True, "result": []},
        {"id": 1, "ok": True, "result": {}, "more": 1},
        {"id": 1, "ok": 1, "result": {}},
        {"id": 1, "event": "text"},
        {"id": 1, "ok": False, "error": {"code": "oops", "message": "no"}},
        {"id": 1, "ok": False, "error": {"code": "internal", "message": "no"}},
        {"id": 1, "ok": False, "error": {"code": "bad_request", "message": ""}},
        {"id": 1, "ok": False, "error": {"code": "bad_request", "message": "no", "trace": "x"}},
        {
            "id": 1,
            "ok": False,
            "error": {key: DENIED[key] for key in ("code", "message", "capability", "because")},
        },
        {"id": 1, "ok": False, "error": {**DENIED, "because": ""}},
    ],
)
def test_other_replies_have_one(frame) -> None:
    assert shape_problem(frame)


def log(count: int) -> list[bytes]:
    lines, before = [], audit.GENESIS
    for number in range(1, count + 1):
        body = json.dumps(
            {"v": 1, "seq": number, "cmd": "x", "prev": before}, separators=(",", ":")
        ).encode()[:-1]
        before = hashlib.sha256(body + b"}").hexdigest()
        lines.append(body + b',"hash":"%b"}\n' % before.encode())
    return lines


def test_a_sound_log_is_walked_to_its_end() -> None:
    entries, problem = audit.walk(b"".join(log(5)))
    assert problem is None
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4, 5]
    assert audit.walk(b"") == ([], None)


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [lines[0], lines[0], *lines[1:]],
        lambda lines: [lines[0].replace(b'"x"', b'"y"'), *lines[1:]],
        lambda lines: [*lines[:-1], lines[-1][:-1]],
        lambda lines: [*lines, b"{}\n"],
        lambda lines: [
            lines[0],
            audit.rehashed(lines[1].replace(b'"cmd"', b'"allowed":false,"cmd"')),
            *lines[2:],
        ],
    ],
)
def test_damage_is_seen(damage) -> None:
    assert audit.walk(b"".join(damage(log(5))))[1]

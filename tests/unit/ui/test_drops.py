"""What a window says was dropped: which addresses are files, how long it counts, and that it counts once."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.sandbox.picker import CANCELLED, Answer, Ask
from locara.ui import picker as picker_module
from locara.ui.drops import FRESH_SECONDS, MAX_PATHS, Dropped, path_of
from locara.ui.picker import DialogPicker
from locara.ui.window import _report

ASK = Ask("dropped", "read", multiple=True)


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/a.txt",
        "http://localhost/etc/passwd",
        "file://elsewhere/etc/passwd",
        "file:letter.txt",
        "file:///a%00b",
        "file:///a?b",
        "file:///a#b",
        "smb://host/share",
        "file://[bad",
        "/etc/passwd",
        "",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_file_of_this_machine_is_passed_over(uri: str) -> None:
    assert path_of(uri) is None


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=1, max_size=60).filter(lambda name: b"\0" not in name and b"/" not in name))
def test_every_name_of_a_file_comes_back_from_its_address(name: bytes) -> None:
    path = Path(os.fsdecode(b"/folder/" + name))
    assert path_of(path.as_uri()) == path
    assert path_of(path.as_uri().replace("file://", "file://localhost")) == path


def test_a_drop_counts_once_and_the_next_takes_its_place() -> None:
    dropped = Dropped()
    dropped.put(["file:///a", "https://example.com/", "file:///b", "file:///a"])
    assert dropped.take() == (Path("/a"), Path("/b"))
    assert dropped.take(0) == ()
    dropped.put(["file:///a"])
    dropped.put(["file:///c"])
    assert dropped.take() == (Path("/c"),)
    dropped.put([f"file:///{number}" for number in range(MAX_PATHS + 1)])
    assert dropped.take(0) == (), "too many are none, not some"


def test_a_drop_is_forgotten_after_a_while() -> None:
    now = [0.0]
    dropped = Dropped(clock=lambda: now[0])
    dropped.put(["file:///a"])
    now[0] = FRESH_SECONDS
    assert dropped.take() == (Path("/a"),)
    dropped.put(["file:///a"])
    now[0] += FRESH_SECONDS + 0.1
    assert dropped.take() == ()


def test_a_page_may_ask_before_the_launcher_has_heard() -> None:
    dropped = Dropped()
    threading.Timer(0.05, dropped.put, [["file:///a"]]).start()
    assert dropped.take(30) == (Path("/a"),)


def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str, code: int = 0) -> Path:
    """A dialog that answers this, in place of one that is drawn, and the file in which its request lies then."""
    seen = tmp_path / "request"
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\ncat > {seen}\nprintf '%s' '{answer}'\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(picker_module, "PYTHON", str(program))
    return seen


@pytest.mark.parametrize(
    ("answer", "code", "expected"),
    [
        ("true", 0, Answer((Path("/papers/a.txt"),))),
        ("false", 0, CANCELLED),
        ("true", 1, CANCELLED),
        ("1", 0, CANCELLED),
        ('"true"', 0, CANCELLED),
        ("", 0, CANCELLED),
    ],
)
def test_only_a_plain_yes_hands_over_what_was_dropped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str, code: int, expected: Answer
) -> None:
    seen = answering(monkeypatch, tmp_path, answer, code)
    picker = DialogPicker("An app", {})
    picker.dropped.put(["file:///papers/a.txt"])
    assert picker.pick(ASK) == expected
    assert json.loads(seen.read_text()) == {"app": "An app", "paths": ["/papers/a.txt"], "recursive": False}
    assert picker.dropped.take(0) == (), "whatever was said, it is not asked again"


def test_where_nothing_was_dropped_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = answering(monkeypatch, tmp_path, "true")
    assert DialogPicker("An app", {}).pick(ASK) == CANCELLED
    assert not seen.exists()


def test_a_name_that_hides_what_it_is_is_spelled_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = answering(monkeypatch, tmp_path, "false")
    picker = DialogPicker("An app", {})
    picker.dropped.put([Path("/a/\u202etxt.exe").as_uri()])
    picker.pick(ASK)
    (shown,) = json.loads(seen.read_text())["paths"]
    assert "\u202e" not in shown and "txt.exe" in shown


def test_every_path_is_told_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = answering(monkeypatch, tmp_path, "true")
    picker = DialogPicker("An app", {})
    paths = [Path(f"/{number}/" + "/".join(["\u202e" * 200] * 19)) for number in range(MAX_PATHS)]
    picker.dropped.put([path.as_uri() for path in paths])
    assert picker.pick(ASK) == Answer(tuple(paths))
    shown = json.loads(seen.read_text())["paths"]
    assert shown == [str(path).replace("\u202e", "\\u{202e}") for path in paths]


@pytest.mark.parametrize(
    ("told", "uris"),
    [
        ({"event": "dropped", "uris": ["file:///a"]}, ("file:///a",)),
        ({"event": "dropped", "uris": ["file:///a", 1]}, ()),
        ({"event": "dropped", "uris": "file:///a"}, ()),
        ({"event": "dropped"}, ()),
        ({"event": "loaded", "uris": ["file:///a"]}, ()),
    ],
)
def test_a_report_of_a_drop_is_a_list_of_texts_or_names_nothing(
    told: dict[str, object], uris: tuple[str, ...]
) -> None:
    report = _report(json.dumps(told).encode())
    assert report is not None and report.uris == uris

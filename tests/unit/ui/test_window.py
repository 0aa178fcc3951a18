"""What a window says is data of the untrusted side: read strictly, shown escaped, kept within bounds."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.runtime.state import StateFolder
from locara.ui.placement import DEFAULT, Placement, keep, placement_of
from locara.ui.window import EVENTS, MOST_NEWS, Ear, Orders, Report, _report

APP = "locara/docvault"


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'"closed"', b'{"event":"quit"}', b'{"event":["closed"]}', b"\xff", b"[" * 5000],
)
def test_what_is_no_report_is_dropped(data: bytes) -> None:
    assert _report(data) is None


def test_a_report_is_one_line_without_control_characters() -> None:
    report = _report(
        json.dumps({"event": "blocked", "uri": "http://x/\x1b[2J\n\u202e", "odd": {"a": 1}}).encode()
    )
    assert report is not None and "odd" not in report.facts
    line = report.line()
    assert line.startswith("window: blocked uri=")
    assert not set(line) & {"\x1b", "\n", "\u202e"}


def test_a_report_has_few_facts() -> None:
    told = {"event": "blocked"} | {f"fact{number}": "x" for number in range(100)}
    report = _report(json.dumps(told).encode())
    assert report is not None and len(report.facts) == 8


def test_news_are_what_went_wrong_and_nothing_else() -> None:
    told = {event for event in EVENTS if Report(event, {}).news}
    assert told == {"alarm", "blocked", "crashed", "no-display", "permission"}


def test_of_the_news_of_a_window_only_the_first_are_heard_and_of_the_rest_all() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    heard: list[str] = []
    ended = threading.Event()

    def hear(report: Report) -> None:
        heard.append(report.event)
        if report.event == "closed":
            ended.set()

    ear = Ear(ours, hear, Orders())
    ear.begin()
    with theirs:
        for _ in range(MOST_NEWS + 5):
            theirs.send(b'{"event": "blocked"}')
        for _ in range(MOST_NEWS + 5):
            theirs.send(b'{"event": "size", "width": 1}')
        theirs.send(b'{"event": "closed"}')
        assert ended.wait(30)
    ear.close()
    assert heard == [*["blocked"] * MOST_NEWS, *["size"] * MOST_NEWS, "closed"]


NAME = "windows/locara.docvault.json"


def test_a_size_and_a_place_are_kept_and_found_again(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    assert placement_of(state, APP) == Placement(DEFAULT)
    keep(state, APP, Report("size", {"width": 640, "height": 480, "maximized": False}))
    assert placement_of(state, APP) == Placement((640, 480)), "a system that tells no place"
    keep(state, APP, Report("size", {"width": 640, "height": 480, "x": -7, "y": 30, "maximized": False}))
    assert placement_of(state, APP) == Placement((640, 480), (-7, 30))
    keep(state, APP, Report("size", {"width": 1920, "height": 1080, "x": 0, "y": 0, "maximized": True}))
    assert placement_of(state, APP) == Placement((640, 480), (-7, 30), maximized=True)


_FACT = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(["width", "height", "x", "y", "maximized", "other"]), _FACT))
def test_only_what_is_within_bounds_is_ever_kept(
    tmp_path_factory: pytest.TempPathFactory, facts: dict[str, Any]
) -> None:
    state = StateFolder(tmp_path_factory.mktemp("state"))
    keep(state, APP, Report("size", facts))
    kept = placement_of(state, APP)
    assert all(type(pixels) is int and 320 <= pixels <= 16_384 for pixels in kept.size)
    assert kept.at is None or all(type(pixel) is int and abs(pixel) <= 32_767 for pixel in kept.at)
    assert isinstance(kept.maximized, bool)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"width": "wide", "height": true}',
        b'{"width": 900}',
        b'{"width": 900, "height": 1e9}',
        b'{"width": 900, "height": 100000}',
        b'{"width": -900, "height": 700}',
        b'{"width": 900, "width": 900, "height": 700}',
        b"[" * 100_000,
        b'{"width": 900, "height": 700, "pad": "' + b"x" * (9 * 1024 * 1024) + b'"}',
    ],
)
def test_a_file_that_cannot_be_believed_is_the_default(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "windows").mkdir()
    (tmp_path / NAME).write_bytes(text)
    assert placement_of(StateFolder(tmp_path), APP) == Placement(DEFAULT)


def test_a_place_that_is_none_leaves_the_size(tmp_path: Path) -> None:
    (tmp_path / "windows").mkdir()
    for place in ('"x": 1', '"x": true, "y": 2', '"x": 40000, "y": 2', '"x": "1", "y": "2"'):
        (tmp_path / NAME).write_text(f'{{"width": 900, "height": 700, {place}}}')
        assert placement_of(StateFolder(tmp_path), APP) == Placement((900, 700))


def test_what_is_no_file_of_the_persons_own_is_the_default(tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text('{"width": 900, "height": 700}')
    (tmp_path / "windows").mkdir()
    place, state = tmp_path / NAME, StateFolder(tmp_path)
    place.symlink_to(good)
    assert placement_of(state, APP) == Placement(DEFAULT)
    place.unlink()
    os.mkfifo(place)
    assert placement_of(state, APP) == Placement(DEFAULT)
    place.unlink()
    shutil.copy(good, place)
    place.chmod(0o666)
    assert placement_of(state, APP) == Placement(DEFAULT)
    place.chmod(0o600)
    assert placement_of(state, APP) == Placement((900, 700))

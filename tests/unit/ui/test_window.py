"""What a window says is data of the untrusted side: read strictly, shown escaped, kept within bounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.runtime.state import StateFolder
from locara.ui.placement import DEFAULT, Placement, keep, placement_of
from locara.ui.window import Report, _report

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


def test_a_size_is_kept_and_found_again(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    assert placement_of(state, APP) == Placement(DEFAULT)
    keep(state, APP, Report("size", {"width": 640, "height": 480, "maximized": False}))
    assert placement_of(state, APP) == Placement((640, 480))
    keep(state, APP, Report("size", {"width": 1920, "height": 1080, "maximized": True}))
    assert placement_of(state, APP) == Placement((640, 480), maximized=True)


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
)
def test_only_a_size_within_bounds_is_ever_kept(
    tmp_path_factory: pytest.TempPathFactory, width: object, height: object
) -> None:
    state = StateFolder(tmp_path_factory.mktemp("state"))
    keep(state, APP, Report("size", {"width": width, "height": height}))  # type: ignore[dict-item]
    kept = placement_of(state, APP).size
    assert all(320 <= pixels <= 16_384 for pixels in kept)


def test_a_broken_file_is_the_default(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.write("windows/locara.docvault.json", {"width": "wide", "height": True})
    assert placement_of(state, APP) == Placement(DEFAULT)
    (tmp_path / "windows/locara.docvault.json").write_text("{")
    assert placement_of(state, APP) == Placement(DEFAULT)

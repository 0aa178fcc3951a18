"""What is dropped on a window becomes handles: for reading, once, judged as a pick is, and none that a page made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from locara.errors import CallError, CapabilityDenied
from locara.runtime.launch import RunningApp
from locara.sandbox.picker import ScriptedPicker

READS = {"fs.user-selected": "read-write", "fs.app-data": False}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    (folder / "papers/deep").mkdir(parents=True)
    (folder / "letter.txt").write_text("Dear Anna")
    (folder / "papers/one.txt").write_text("one")
    (folder / "papers/deep/two.txt").write_text("two")
    return folder


def read(app: RunningApp, handle: str, path: str = "") -> str:
    return app.client.call("fs.read", {"root": handle, "path": path, "encoding": "utf8"})["data"]


def test_a_file_and_a_folder_come_together_for_reading_and_come_once(
    start_app: Callable[..., RunningApp], write_app: Callable[..., Path], outside: Path
) -> None:
    picker = ScriptedPicker([[outside]])
    picker.drop(outside / "letter.txt", outside / "papers")
    app = start_app(write_app(READS), picker=picker)
    told = app.client.call("fs.dropped", {"recursive": True})["handles"]
    assert [(one["name"], one["kind"], one["size"]) for one in told] == [
        ("letter.txt", "file", 9),
        ("papers", "directory", 0),
    ]
    assert not any(str(outside) in str(one) for one in told), "a page hears of no path"
    letter, papers = (one["handle"] for one in told)
    assert (read(app, letter), read(app, papers, "deep/two.txt")) == ("Dear Anna", "two")
    for root, path in ((letter, ""), (papers, "one.txt"), (papers, "new.txt")):
        with pytest.raises(CapabilityDenied, match="for reading only"):
            app.client.call(
                "fs.write", {"root": root, "path": path, "data": "x", "encoding": "utf8", "mode": "append"}
            )
    assert (outside / "letter.txt").read_text() == "Dear Anna"
    assert not (outside / "papers/new.txt").exists()
    assert app.client.call("fs.dropped")["handles"] == [], "a drop is given once"
    app.client.call("fs.release", {"handle": letter})
    with pytest.raises(CapabilityDenied, match="no such handle"):
        read(app, letter)


def test_without_recursive_a_dropped_folder_is_its_own_files_alone(
    start_app: Callable[..., RunningApp], write_app: Callable[..., Path], outside: Path
) -> None:
    picker = ScriptedPicker()
    picker.drop(outside / "papers")
    app = start_app(write_app(READS), picker=picker)
    (papers,) = app.client.call("fs.dropped")["handles"]
    assert read(app, papers["handle"], "one.txt") == "one"
    with pytest.raises(CapabilityDenied, match="without what lies in its folders"):
        read(app, papers["handle"], "deep/two.txt")


def test_a_page_that_makes_a_drop_up_gets_nothing_and_no_answer_of_the_picker(
    start_app: Callable[..., RunningApp], write_app: Callable[..., Path], outside: Path
) -> None:
    picker = ScriptedPicker([[outside / "letter.txt"]])
    app = start_app(write_app(READS), picker=picker)
    assert app.client.call("fs.dropped")["handles"] == []
    for forged in (
        {"uris": [(outside / "letter.txt").as_uri()]},
        {"paths": ["/etc/passwd"]},
        {"kind": "file"},
    ):
        with pytest.raises(CallError) as caught:
            app.client.call("fs.dropped", forged)
        assert caught.value.code == "bad_request"
    (picked,) = app.client.call("fs.pick", {"kind": "file", "access": "read"})["handles"]
    assert read(app, picked["handle"]) == "Dear Anna", "what the person would pick was not used up"


def test_a_link_is_not_followed_and_nothing_of_that_drop_is_handed_over(
    start_app: Callable[..., RunningApp], write_app: Callable[..., Path], outside: Path
) -> None:
    (outside / "link.txt").symlink_to(outside / "letter.txt")
    picker = ScriptedPicker()
    picker.drop(outside / "papers", outside / "link.txt")
    picker.drop(outside / "papers", outside / "letter.txt")
    app = start_app(write_app(READS), picker=picker)
    with pytest.raises(CapabilityDenied, match="link"):
        app.client.call("fs.dropped")
    assert len(app.client.call("fs.dropped")["handles"]) == 2, "the twin without the link"


def test_one_private_place_keeps_the_whole_drop_back(
    start_app: Callable[..., RunningApp], write_app: Callable[..., Path], outside: Path
) -> None:
    picker = ScriptedPicker()
    picker.drop(outside / "letter.txt", Path("/etc/hostname"))
    picker.drop(outside / "letter.txt")
    app = start_app(write_app(READS), picker=picker)
    with pytest.raises(CapabilityDenied, match="belongs to the system"):
        app.client.call("fs.dropped")
    assert len(app.client.call("fs.dropped")["handles"]) == 1


def test_an_app_that_may_not_be_handed_anything_has_no_such_command(
    start_app: Callable[..., RunningApp], write_app: Callable[..., Path], outside: Path
) -> None:
    picker = ScriptedPicker()
    picker.drop(outside / "letter.txt")
    app = start_app(write_app({"fs.app-data": False}), picker=picker)
    with pytest.raises(CallError) as caught:
        app.client.call("fs.dropped")
    assert caught.value.code == "unknown_command"
    assert picker.asked == [], "nobody was asked"

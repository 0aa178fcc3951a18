"""What counts as a change of the app while it is watched: whatever changes its digest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from locara_verify.target import load
from locara_verify.watch import mark, wait_for_change

CHANGES: dict[str, Callable[[Path], object]] = {
    "more text": lambda app: (app / "dist/index.html").write_text("<p>more</p>"),
    "as much text": lambda app: (app / "a.txt").write_text("y"),
    "a new file": lambda app: (app / "new.txt").write_text(""),
    "a removed file": lambda app: (app / "a.txt").unlink(),
    "another name": lambda app: (app / "a.txt").rename(app / "b.txt"),
    "a program": lambda app: (app / "a.txt").chmod(0o755),
    "a link": lambda app: (app / "link").symlink_to("a.txt"),
    "a link to a folder": lambda app: (app / "link").symlink_to("dist"),
    "another place": lambda app: ((app / "old").unlink(), (app / "old").symlink_to("a.txt")),
    "another folder": lambda app: ((app / "away").unlink(), (app / "away").symlink_to("..")),
    "a file for a folder": lambda app: ((app / "away").unlink(), (app / "away").write_text("x")),
    "a pipe": lambda app: os.mkfifo(app / "pipe"),
}


@pytest.fixture
def app(make_app) -> Path:
    folder: Path = make_app()
    (folder / "a.txt").write_text("x")
    (folder / "old").symlink_to("dist/index.html")
    (folder / "away").symlink_to("dist")
    return folder


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_the_digest_changes_the_mark(app: Path, name: str) -> None:
    digest, seen = load(app).digest, mark(app)
    assert mark(app) == seen
    CHANGES[name](app)
    assert load(app).digest != digest
    assert mark(app) != seen
    assert wait_for_change(app, seen, sleep=lambda _seconds: None) == mark(app)


@pytest.mark.parametrize("folder", ["node_modules", ".git", ".locara", "src/__pycache__"])
def test_what_is_no_part_of_the_app_is_no_change(app: Path, folder: str) -> None:
    digest, seen = load(app).digest, mark(app)
    (app / folder).mkdir(parents=True)
    (app / folder / "x").write_text("x")
    assert (load(app).digest, mark(app)) == (digest, seen)


def test_a_change_is_taken_up_when_it_has_come_to_rest(app: Path) -> None:
    marks = [mark(app)]
    for text in ("yy", "zzz"):
        (app / "a.txt").write_text(text)
        marks.append(mark(app))
    told = iter([marks[0], marks[0], marks[1], marks[2], marks[2]])
    assert (
        wait_for_change(app, marks[0], sleep=lambda _seconds: None, look=lambda _root: next(told)) == marks[2]
    )

"""Bind sources that somebody tampers with: links at any place, odd kinds of file, swaps while starting."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locara.core.grant import Grants
from locara.errors import SandboxError
from locara.sandbox.launcher import start
from locara.sandbox.plan import Source
from locara.sandbox.sources import close_sources, open_sources

from .conftest import Box, open_descriptors

LINK = "symbolic link"


def refuse(box: Box, **spec: Any) -> SandboxError:
    with pytest.raises(SandboxError) as refused:
        start(box.plan("print(1)", **spec)).close()
    assert refused.value.code == "launch_failed"
    assert refused.value.fix is not None
    return refused.value


def move_behind_link(path: Path) -> None:
    real = path.with_name(path.name + "-real")
    path.rename(real)
    path.symlink_to(real)


def test_the_allow_twin_starts(box: Box) -> None:
    assert box.run(box.plan("print(1)")) == "1\n"


def test_a_data_folder_replaced_by_a_link_is_refused(box: Box) -> None:
    box.run(box.plan())
    move_behind_link(box.data)
    assert "symbolic link" in refuse(box).message


def test_a_part_of_the_data_folder_replaced_by_a_link_is_refused(box: Box) -> None:
    box.run(box.plan())
    (box.data / "db").rmdir()
    (box.data / "db").symlink_to(box.folder)
    assert "'db'" in refuse(box).message


def test_an_app_part_replaced_by_a_link_is_refused(box: Box) -> None:
    move_behind_link(box.app / "dist")
    assert LINK in refuse(box).message


def test_an_app_part_below_a_link_is_refused(box: Box) -> None:
    (box.app / "out").mkdir()
    (box.app / "out" / "page").mkdir()
    assert box.run(box.plan("print(1)", app_parts=("out/page",))) == "1\n"
    move_behind_link(box.app / "out")
    assert LINK in refuse(box, app_parts=("out/page",)).message


def test_a_link_anywhere_on_the_way_is_refused(box: Box) -> None:
    move_behind_link(box.app)
    assert LINK in refuse(box).message


def test_a_manifest_that_is_a_link_is_refused(box: Box) -> None:
    move_behind_link(box.app / "locara.json")
    assert LINK in refuse(box).message


def test_a_granted_folder_that_is_a_link_is_refused(
    box: Box, grant: Callable[[dict[str, Any]], Grants]
) -> None:
    grants = grant({"fs.user-paths": {"documents": "read"}})
    roots = {"documents": box.folder / "documents"}
    roots["documents"].mkdir()
    assert box.run(box.plan("print(1)", grants=grants, user_roots=roots)) == "1\n"
    move_behind_link(roots["documents"])
    assert LINK in refuse(box, grants=grants, user_roots=roots).message


def test_a_pipe_in_place_of_a_file_is_refused_and_does_not_stall(box: Box) -> None:
    (box.app / "locara.json").unlink()
    os.mkfifo(box.app / "locara.json")
    assert "not a regular file" in refuse(box).message


def test_a_file_in_place_of_a_folder_is_refused(box: Box) -> None:
    for path in (box.app / "dist").iterdir():
        path.unlink()
    (box.app / "dist").rmdir()
    (box.app / "dist").write_text("x", "utf-8")
    assert "not a directory" in refuse(box).message


def test_what_was_opened_is_what_is_shown_even_if_the_path_changes_hands(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (opened,) = open_sources([Source(Path("part"), "/app/part", "dir", below=tmp_path)])
    try:
        inode = (tmp_path / "part").stat().st_ino
        move_behind_link(tmp_path / "part")
        assert os.fstat(opened.fd).st_ino == inode == opened.inode
    finally:
        close_sources([opened])


def test_nothing_stays_open_when_a_later_source_is_refused(tmp_path: Path) -> None:
    before = open_descriptors()
    with pytest.raises(SandboxError, match="does not exist"):
        open_sources([Source(tmp_path, "/app", "dir"), Source(tmp_path / "missing", "/x", "dir")])
    assert open_descriptors() == before


def test_swapping_a_part_for_a_link_while_starting_never_shows_what_the_link_names(box: Box) -> None:
    treasure = box.folder / "treasure"
    treasure.mkdir()
    (treasure / "page.html").write_text("SECRET", "utf-8")
    part, aside, link = box.app / "dist", box.app / "aside", box.app / "link"
    link.symlink_to(treasure)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            part.rename(aside)
            link.rename(part)
            part.rename(link)
            aside.rename(part)

    plan = box.plan("print(open('/app/dist/page.html').read())")
    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = set()
    try:
        for _ in range(12):
            try:
                outcomes.add(box.run(plan).strip())
            except SandboxError as refused:
                outcomes.add(refused.code)
            except AssertionError:
                outcomes.add("no page")  # the moment when nothing was there: an absent part is left out
    finally:
        stop.set()
        thread.join()
    assert outcomes <= {"page", "launch_failed", "readback_failed", "no page"}
    assert "SECRET" not in outcomes

"""A file is there whole, or what was there before is."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from locara.durable import sync_folder, write_whole


def test_it_replaces_whole_and_with_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    place = tmp_path / "state"
    for mode, umask in ((0o600, 0), (0o644, 0o077), (0o444, 0o022)):
        before = os.umask(umask)
        try:
            write_whole(place, b"%o" % mode, mode=mode)
        finally:
            os.umask(before)
        assert (place.read_bytes(), stat.S_IMODE(place.stat().st_mode)) == (b"%o" % mode, mode)
    assert list(tmp_path.iterdir()) == [place]


def test_what_is_there_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    place = tmp_path / "key"
    write_whole(place, b"first", replace=False)
    with pytest.raises(FileExistsError):
        write_whole(place, b"second", replace=False)
    assert place.read_bytes() == b"first" and list(tmp_path.iterdir()) == [place]
    write_whole(place, b"second")
    assert place.read_bytes() == b"second"


def test_a_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    other, place = tmp_path / "other", tmp_path / "place"
    other.write_bytes(b"kept")
    place.symlink_to(other)
    with pytest.raises(FileExistsError):
        write_whole(place, b"new", replace=False)
    write_whole(place, b"new")
    assert (other.read_bytes(), place.read_bytes(), place.is_symlink()) == (b"kept", b"new", False)


@pytest.mark.parametrize("step", ["fsync", "fchmod", "replace", "link"])
def test_a_failure_at_any_step_leaves_what_was_there_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "state"
    place.write_bytes(b"before")

    def fails(*_args: object, **_named: object) -> None:
        raise OSError(28, "no space")

    owner: object = Path if step == "replace" else os
    monkeypatch.setattr(owner, step, fails)
    write: Callable[[], None] = lambda: write_whole(  # noqa: E731
        tmp_path / "new" if step == "link" else place, b"after", replace=step != "link"
    )
    with pytest.raises(OSError, match="no space"):
        write()
    monkeypatch.undo()
    assert place.read_bytes() == b"before" and list(tmp_path.iterdir()) == [place]


def test_the_name_is_made_durable_after_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        seen.append(stat.S_ISDIR(os.fstat(fd).st_mode))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "state", b"x")
    assert seen == [False, True]
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "state")

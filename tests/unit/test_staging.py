"""A folder of one attempt: gone at the end, taken away after a kill, and never one that somebody works in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from locara.staging import attempt

WORKS = (
    "import sys, time; from locara.staging import attempt\n"
    "with attempt(__import__('pathlib').Path(sys.argv[1]), 'new-') as f: print(f, flush=True); time.sleep(600)"
)


def test_it_is_private_and_gone_at_the_end_however_that_comes(tmp_path: Path) -> None:
    with attempt(tmp_path) as folder:
        (folder / "file").write_text("half")
        assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(KeyboardInterrupt), attempt(tmp_path) as folder:
        (folder / "file").write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_became_whole_under_another_name_stays(tmp_path: Path) -> None:
    with attempt(tmp_path, "new-") as folder:
        (folder / "file").write_text("whole")
        folder.rename(tmp_path / "entry")
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_what_a_killed_attempt_left_goes_with_the_next_and_no_sooner(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORKS, tmp_path], stdout=subprocess.PIPE, text=True
    ) as other:
        theirs = Path(other.stdout.readline().strip())
        (theirs / "file").write_text("half")
        with attempt(tmp_path, "new-"):
            assert (theirs / "file").read_text() == "half", "somebody works in it"
        os.kill(other.pid, signal.SIGKILL)
        other.wait(30)
    assert theirs.exists()
    with attempt(tmp_path, "old-"):
        assert theirs.exists(), "of another prefix"
    with attempt(tmp_path, "new-"):
        assert not theirs.exists()


def test_links_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "person").mkdir()
    (tmp_path / "person/file").write_text("theirs")
    (tmp_path / "new-link").symlink_to(tmp_path / "person")
    (tmp_path / "new-file").write_text("theirs")
    with attempt(tmp_path, "new-"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new-file", "new-link", "person"]
    assert (tmp_path / "person/file").read_text() == "theirs"


def test_a_place_that_is_no_folder_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for place in (tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(OSError), attempt(place):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before

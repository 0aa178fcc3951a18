"""Working files in memory."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from locara_verify import scratch
from locara_verify.checks.forked import ended, forked


def test_what_is_written_in_memory_is_gone_with_the_process_that_wrote_it(tmp_path: Path) -> None:
    folder, other = tmp_path / "check", tmp_path / "other"
    folder.mkdir()
    other.mkdir()

    def work() -> int:
        held = scratch.in_memory(folder)
        for place in (folder, other):
            (place / "a").write_text("a")
        return int(held)

    held = ended(forked(work))
    assert held == int(_may_mount(tmp_path / "tried"))
    assert (folder / "a").exists() == (held == 0)
    assert (other / "a").exists()
    assert str(folder) not in Path("/proc/self/mounts").read_text("utf-8")


def _may_mount(place: Path) -> bool:
    """Whether root may here, asked of the programs of the system."""
    place.mkdir()
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(place)]
    able = (
        shutil.which("unshare") is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )
    return able and os.geteuid() == 0 and scratch._available_kib() >= scratch._MEMORY_KIB


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_where_memory_is_short_the_files_stay_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_available_kib", lambda: scratch._MEMORY_KIB - 1)
    assert ended(forked(lambda: int(scratch.in_memory(tmp_path)))) == 0


def test_the_memory_that_is_there_is_read() -> None:
    assert scratch._available_kib() > 0

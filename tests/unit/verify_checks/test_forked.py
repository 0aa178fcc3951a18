"""Work in a fork."""

import os
from pathlib import Path

from locara_verify.checks.forked import FAULT, command, ended, forked


def test_a_fork_ends_with_what_its_work_returns_or_with_a_fault() -> None:
    def broken() -> int:
        raise ValueError

    assert ended(forked(lambda: 7)) == 7
    assert ended(forked(broken)) == FAULT
    assert ended(forked(lambda: os.kill(os.getpid(), 9) or 0)) == -9


def test_a_command_has_its_own_environment_and_folder(tmp_path: Path) -> None:
    before, here = dict(os.environ), Path.cwd()
    assert command("explain", "LC201", environment={"HOME": str(tmp_path)}, folder=tmp_path) == 0
    assert command("explain", "LC9999", environment={"HOME": str(tmp_path)}, folder=tmp_path) == 2
    assert (dict(os.environ), Path.cwd()) == (before, here)

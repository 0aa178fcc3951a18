"""The folder of `locara dev`: gone at the end, however the process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from locara.cli.dev_folder import PREFIX, dev_folder

HOLDER = """
import sys, time
from pathlib import Path
from locara.cli.dev_folder import dev_folder
with dev_folder(Path(sys.argv[1])) as folder:
    (folder / "state").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def hold(base: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(base)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with dev_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    alive, kept = hold(tmp_path)
    dead, left = hold(tmp_path)
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    assert (left / "state").exists()
    try:
        with dev_folder(tmp_path) as folder:
            assert not left.exists()
            assert (kept / "state").exists() and folder != kept
    finally:
        alive.kill()
        alive.wait()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "alive").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(outside)
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / f"{PREFIX}bare").mkdir()
    (tmp_path / "other").mkdir()
    with dev_folder(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {
        "outside", f"{PREFIX}link", f"{PREFIX}file", f"{PREFIX}bare", "other",
    }  # fmt: skip
    assert (outside / "inner").is_dir()

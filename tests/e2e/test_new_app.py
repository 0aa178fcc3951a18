"""A developer makes an app from a template, as the first page of the documentation says, and sees its window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .screen import Screen

LOCARA = (sys.executable, "-m", "locara")


def test_a_new_app_shows_its_window_passes_its_tests_and_the_rules_of_manifests(
    screen: Screen, tmp_path: Path
) -> None:
    environ = {**screen.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_DATA_HOME": str(tmp_path)}

    def locara(*words: str, cwd: Path) -> None:
        done = subprocess.run(
            [*LOCARA, *words], cwd=cwd, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    locara("init", "demo", "--template", "docvault", cwd=tmp_path)
    demo = tmp_path / "demo"
    with (tmp_path / "dev.log").open("w") as log:
        dev = subprocess.Popen(
            [*LOCARA, "dev", "--window"], cwd=demo, env=environ, stdin=subprocess.DEVNULL, stderr=log
        )
        try:
            screen.wait_for("Ask or search your documents")
            screen.shoot("window")
            screen.key("ctrl+w")
            assert dev.wait(60) == 0
        finally:
            if dev.poll() is None:
                dev.kill()
                dev.wait(30)
    assert "X11 session" in (tmp_path / "dev.log").read_text(), "what X11 exposes is said"
    locara("test", "--only", "python", cwd=demo)
    locara("verify", "--only", "LC001,LC002,LC004,LC005", "--profile", "quick", cwd=demo)

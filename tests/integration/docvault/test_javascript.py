"""The TypeScript packages check, and their own tests pass."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT

FOLDERS = {"sdk": ROOT / "locara/js/sdk", "docvault": ROOT / "apps/docvault"}
# The TypeScript compiler of each folder: the SDK's is hoisted to its workspace.
COMPILERS = {"sdk": ROOT / "locara/js/node_modules", "docvault": ROOT / "apps/docvault/node_modules"}


def run(argv: list[str | Path], folder: Path) -> None:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", FOLDERS)
def test_types_check(node: str, name: str) -> None:
    run([node, COMPILERS[name] / "typescript/bin/tsc", "-p", "tsconfig.json"], FOLDERS[name])


@pytest.mark.parametrize("name", FOLDERS)
def test_own_tests_pass(node: str, name: str) -> None:
    run([node, "--test", "--test-reporter=dot", "test/*.test.ts"], FOLDERS[name])


def test_a_second_set_up_has_nothing_to_do(node: str) -> None:
    run([node, ROOT / "locara/js/setup.mjs", "--check"], ROOT)

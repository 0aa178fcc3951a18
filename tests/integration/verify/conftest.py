"""A small app without models, and the command line as a person starts it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

MANIFEST = {
    "schema": "locara/v1",
    "name": "notes",
    "publisher": "example",
    "version": "1.0.0",
    "displayName": "Notes",
    "description": "Keeps notes on this computer",
    "license": "Apache-2.0",
    "author": {"name": "A. Person", "email": "a.person@example.org"},
    "icon": "public/icon.png",
    "screenshots": ["screenshots/one.png"],
    "category": "productivity",
    "capabilities": {"net": False, "fs.user-selected": "read"},
}


def _picture(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (40, 80, 160)).save(out, "png")
    return out.getvalue()


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., Path]:
    """Write the app; keywords change its manifest."""

    def make(name: str = "app", **changes: object) -> Path:
        folder = tmp_path / name
        for part in ("public", "screenshots", "dist", "db"):
            (folder / part).mkdir(parents=True)
        (folder / "locara.json").write_text(json.dumps({**MANIFEST, **changes}, indent=2) + "\n")
        (folder / "public" / "icon.png").write_bytes(_picture(512, 512))
        (folder / "screenshots" / "one.png").write_bytes(_picture(64, 40))
        (folder / "dist" / "index.html").write_text("<!doctype html><title>Notes</title>\n")
        (folder / "db" / "schema.sql").write_text("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);\n")
        return folder

    return make


@pytest.fixture
def locara(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``locara …`` in an empty folder, with a home of its own."""
    here = tmp_path / "here"
    here.mkdir()
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "PYTHONHASHSEED": "random"}
    environment.pop("XDG_STATE_HOME", None)

    def start(
        *args: object, cwd: Path = here, more: dict[str, str] | None = None, **options: object
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "locara", *map(str, args)],
            cwd=cwd,
            env={**environment, **(more or {})},
            stdin=subprocess.DEVNULL,
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    return start


@pytest.fixture
def verify(locara) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``locara …`` to its end."""

    def run(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
        process = locara(*args, **options)
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run

"""Node, the built app, and a way to drive it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.desktop.conftest import pactl, sound  # noqa: F401 - fixtures
from tests.integration.docvault import conftest as docvault

node = docvault.node
ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "apps" / "transcribe"
AUDIO = ROOT / "fixtures" / "audio"

Drive = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def drive(node: str, tmp_path: Path) -> Drive:
    """drive(*steps, app=APP, picks=(), environ={}): each step a list; see drive.mjs."""

    def run(
        *steps: list[Any],
        app: Path = APP,
        picks: Sequence[Path] = (),
        environ: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        script = Path(__file__).with_name("drive.mjs")
        argv = [node, script, app, sys.executable, json.dumps([str(path) for path in picks])]
        done = subprocess.run(
            [*map(str, argv), *(json.dumps(step) for step in steps)],
            cwd=tmp_path,
            env={**os.environ, **(environ or {}), "XDG_STATE_HOME": str(tmp_path / "state")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def plug_in(session: dict[str, str], fifo: Path) -> None:
    """A microphone that hears what is written into this pipe."""
    pactl(session, "load-module", "module-pipe-source", "source_name=mic", f"file={fifo}", "rate=16000", "channels=1",
          "format=s16le")  # fmt: skip
    pactl(session, "set-default-source", "mic")


def speak(session: dict[str, str], fifo: Path, samples: bytes) -> None:
    """Say this into the microphone once somebody listens, and be silent for a while."""
    command = ["pactl", "list", "short", "source-outputs"]
    while not subprocess.run(command, env=session, capture_output=True, check=True).stdout:
        time.sleep(0.1)
    with suppress(BrokenPipeError):  # the session may end before the last of the silence
        fifo.write_bytes(samples + bytes(32_000 * 4))


def results(lines: list[dict[str, Any]]) -> list[Any]:
    """What each step after the opening came to; none failed."""
    assert [line["error"] for line in lines if "error" in line] == []
    return [line["result"] for line in lines[1:]]

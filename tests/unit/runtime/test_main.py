"""The process that holds the gate loads no plug-in, whatever is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
def new_schema_validator(*args, **given):
    print("the plug-in ran")
    return None, None, None
plugin = type("P", (), {"new_schema_validator": staticmethod(new_schema_validator)})()
"""
PROGRAM = """
import sys
if "--closed" in sys.argv:
    from locara.runtime.main import no_plugins
    no_plugins()
from locara.core.manifest import parse_manifest
print("metadata" if "importlib.metadata" in sys.modules else "nothing looked")
"""


@pytest.mark.parametrize("closed", [True, False])
def test_an_installed_plug_in_does_not_run(tmp_path: Path, closed: bool) -> None:
    """Its twin, without the precaution, shows that this plug-in would."""
    (tmp_path / "stranger.py").write_text(PLUGIN)
    installed = tmp_path / "stranger-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[pydantic]\nstranger = stranger:plugin\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(["--closed"] if closed else [])],
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("the plug-in ran" in done.stdout, "nothing looked" in done.stdout) == (not closed, closed)


def test_a_start_loads_neither_pydantic_nor_what_reads_a_manifest() -> None:
    program = """
import sys
import locara.runtime.main, locara.runtime.payload
slow = {"pydantic", "pydantic_core", "locara.core.manifest", "locara.core.declarations", "locara.core.compile"}
print(sorted(slow & sys.modules.keys()))
"""
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", path + program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")

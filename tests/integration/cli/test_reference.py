"""docs/cli.md says what --help says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_reference_is_what_the_verbs_say_themselves() -> None:
    command = [sys.executable, ROOT / "tools/cli_reference.py", "--check"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"write docs/cli.md again: python tools/cli_reference.py\n{done.stderr}"

"""Writes docs/cli.md from the verbs' own --help: `python tools/cli_reference.py [--check]`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "docs/cli.md"
HEAD = """# The command line

Written from the programs' own `--help` by `tools/cli_reference.py`; a test compares the two.

Exit codes of every verb: 0 passed, 1 findings or a refusal, 2 usage, 3 inconclusive, 4 the target cannot be read,
5 trust material is missing or stale, 70 internal error, 130 interrupted. `NO_COLOR` is honoured. Verbs that print
facts have `--json` or `--format json`.
"""


def reference() -> str:
    """The text of docs/cli.md."""
    from locara.cli import verbs  # noqa: PLC0415 - the checkout is put on the path first

    return "\n".join([HEAD, *(f"## locara {name}\n\n```\n{_help(name)}```\n" for name in verbs.BUILT_IN)])


def _help(name: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "locara", name, "--help"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.stdout


def main() -> int:
    """0; with --check 1 when the file is not what it should be."""
    text = reference()
    if "--check" in sys.argv[1:]:
        # Python versions break the lines of a usage differently.
        return 0 if PLACE.read_text(encoding="utf-8").split() == text.split() else 1
    PLACE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())

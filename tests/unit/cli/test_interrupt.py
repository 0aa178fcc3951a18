"""Ctrl-C ends a command with 130 and not by the signal, also when it comes while the library runs a text."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

_INTERRUPTED_WITHIN_A_TEXT = """
    import sys
    import locara.cli.dispatch as dispatch
    from {package}.__main__ import main

    def interrupted(_program, _args):
        exec("raise KeyboardInterrupt")

    dispatch._dispatch = interrupted
    sys.exit(main(["any"]))
"""
_CAUGHT_AND_NO_MORE = """
    import sys

    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        sys.exit(130)
"""


def _as_a_module(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`python -m`, as `./dev` and the tests start the commands: only there the interpreter ends by the signal."""
    (folder / "probe_of_interrupts.py").write_text(textwrap.dedent(text))
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-m", "probe_of_interrupts"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("package", ["locara.cli", "locara_registry"])
def test_an_interrupt_that_leaves_a_text_ends_with_the_exit_code(package: str, tmp_path: Path) -> None:
    ended = _as_a_module(_INTERRUPTED_WITHIN_A_TEXT.format(package=package), tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_without_that_the_interpreter_ends_by_the_signal(tmp_path: Path) -> None:
    """The control: what `interrupted` is for does happen in this interpreter."""
    assert _as_a_module(_CAUGHT_AND_NO_MORE, tmp_path).returncode == -signal.SIGINT

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
_INTERRUPTED_WHILE_A_CLASS_IS_MADE = """
    import os, signal, sys
    import locara.cli.dispatch as dispatch
    from {package}.__main__ import main

    class Named:
        def __set_name__(self, owner, name):
            os.kill(os.getpid(), signal.SIGINT)

    def interrupted(_program, _args):
        class Made:
            named = Named()

    dispatch._dispatch = interrupted
    sys.exit(main(["any"]))
"""
_LOST = """
    import os, signal, sys
    from locara.cli import interrupt

    interrupt.listen()
    class Dropped:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    interrupt.heed()
    sys.unraisablehook = lambda lost: print(lost.exc_type.__name__)
    Dropped()
    print(interrupt.came())
    try:
        interrupt.heed()
    except KeyboardInterrupt:
        print("heeded")
    interrupt.listen()
    print(interrupt.came())
"""
_NOT_LISTENED_TO = """
    import os, signal
    from locara.cli import interrupt

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupt.listen()
    os.kill(os.getpid(), signal.SIGINT)
    print(interrupt.came(), signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
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


@pytest.mark.parametrize("package", ["locara.cli", "locara_registry"])
def test_an_interrupt_that_became_another_error_is_one(package: str, tmp_path: Path) -> None:
    ended = _as_a_module(_INTERRUPTED_WHILE_A_CLASS_IS_MADE.format(package=package), tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_an_interrupt_that_is_lost_is_remembered(tmp_path: Path) -> None:
    ended = _as_a_module(_LOST, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["KeyboardInterrupt", "True", "heeded", "False"]


def test_what_ignores_interrupts_goes_on_to(tmp_path: Path) -> None:
    assert _as_a_module(_NOT_LISTENED_TO, tmp_path).stdout.split() == ["False", "True"]


def test_without_that_the_interpreter_ends_by_the_signal(tmp_path: Path) -> None:
    """The control: what `interrupted` is for does happen in this interpreter."""
    assert _as_a_module(_CAUGHT_AND_NO_MORE, tmp_path).returncode == -signal.SIGINT

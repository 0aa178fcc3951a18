"""The command line of the framework in this process, and the surroundings of whoever asks it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path


def verb(*words: str) -> tuple[int, str]:
    """The exit code of `locara WORDS`, and all that it said. Its answer counts for what is in this process."""
    from locara.cli.dispatch import run  # noqa: PLC0415 - loads the framework

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = run([*words])
    return code, said.getvalue()


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """These variables for the block, and those of before afterwards. A check runs in a process of its own."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def at_home(home: Path) -> Iterator[None]:
    """During the block the home folder is this one, and every other place is where it is by itself."""
    before = dict(os.environ)
    os.environ["HOME"] = str(home)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

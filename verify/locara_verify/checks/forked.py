"""Work in a fork of this process: what it changes of itself ends with it, and nothing has to be imported again.

Only for a process without threads, as the one of a check is before it starts an app.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

FAULT: Final = 70
_LOADED: Final = (
    "locara.cli.__main__", "locara.cli.dispatch", "locara.cli.installed_app", "locara.cli.run", "locara.models.users",
    "locara.runtime.launch", "locara.sandbox.picker",
)  # fmt: skip
"""What `locara run` imports once it runs. Imported here, before the fork, it is loaded once for all of them."""


def forked(work: Callable[[], int]) -> int:
    """Start ``work`` in a fork and return its pid; the fork ends with what ``work`` returns, 70 when that raises."""
    child = os.fork()
    if child == 0:
        code = FAULT
        try:
            code = work()
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """The exit code of a fork, once it ends; negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def command(*words: str, environment: Mapping[str, str], folder: Path) -> int:
    """The exit code of `locara WORDS`, in a session of its own in ``folder``, with nothing to read and nowhere to
    write."""

    def work() -> int:
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        from locara.cli.__main__ import main  # noqa: PLC0415 - loads the framework

        return main([*words])

    for name in _LOADED:
        importlib.import_module(name)
    return ended(forked(work))

"""Ctrl-C ends a command with exit code 130, whatever was running when it came."""

from __future__ import annotations

import collections

from locara.cli.exits import Exit


def interrupted() -> int:
    """The exit code of an interrupted command, made sure that the process ends with it.

    CPython remembers that an interrupt left a text that `exec` or `eval` was given, also when it was caught
    after that, and then ends the process by SIGINT in place of its exit code (`Py_RunMain`). The standard
    library runs such a text for each named tuple and each dataclass, so that is a matter of the moment. It
    forgets when the next text is begun, which making a named tuple does.
    """
    collections.namedtuple("_Forgotten", ())
    return Exit.INTERRUPTED

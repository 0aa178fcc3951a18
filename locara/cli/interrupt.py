"""Ctrl-C ends a command with exit code 130, whatever was running when it came."""

from __future__ import annotations

import collections
import signal
import threading
from types import FrameType
from typing import NoReturn

from locara.cli.exits import Exit

_seen = threading.Event()


def listen() -> None:
    """Remember from here on that Ctrl-C was pressed. Where SIGINT is ignored, or somebody else's, it stays so.

    KeyboardInterrupt alone is not enough: it can be lost. CPython 3.11 turns one that comes while a class is made
    into a RuntimeError, and one that comes in a finalizer or a callback of the interpreter is dropped.
    """
    _seen.clear()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def came() -> bool:
    """Whether Ctrl-C was pressed since `listen`."""
    return _seen.is_set()


def heed() -> None:
    """Raise KeyboardInterrupt when Ctrl-C was pressed: for what would else go on for ever with one that was lost."""
    if came():
        raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    _seen.set()
    raise KeyboardInterrupt


def interrupted() -> int:
    """The exit code of an interrupted command, made sure that the process ends with it.

    CPython remembers that an interrupt left a text that `exec` or `eval` was given, also when it was caught
    after that, and then ends the process by SIGINT in place of its exit code (`Py_RunMain`). The standard
    library runs such a text for each named tuple and each dataclass, so that is a matter of the moment. It
    forgets when the next text is begun, which making a named tuple does.
    """
    collections.namedtuple("_Forgotten", ())
    return Exit.INTERRUPTED

"""The kernel's interface for tracing, by ctypes: as little of it as is needed."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)

_CONTINUE_TO_CALL: Final = 24
_DETACH: Final = 17
_EVENT_MESSAGE: Final = 0x4201
_SEIZE: Final = 0x4206
_INTERRUPT: Final = 0x4207
_LISTEN: Final = 0x4208
_CALL_INFO: Final = 0x420E
_OPTIONS: Final = 0x01 | 0x02 | 0x04 | 0x08 | 0x10  # marked stops at calls; forks, vforks, clones, execs

WALL: Final = 0x40000000
CALL_STOP: Final = signal.SIGTRAP | 0x80
FORKED: Final = frozenset({1, 2, 3})  # a child by fork, vfork or clone
EXECED: Final = 4
STOPPED: Final = 128
ENTRY: Final = 1
EXIT: Final = 2

_SET_PTRACER: Final = 0x59616D61
_SET_DEATH_SIGNAL: Final = 1
INFO_SIZE: Final = 88


def _did(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def seize(thread: int) -> None:
    """Begin to trace a thread, without stopping it. Raises OSError where that is not allowed."""
    _did(_ptrace(_SEIZE, thread, None, _OPTIONS))


def interrupt(thread: int) -> None:
    """Have a traced thread stop soon. Raises OSError."""
    _did(_ptrace(_INTERRUPT, thread, None, None))


def detach(thread: int) -> None:
    """Let a thread that stands go on by itself. Raises OSError (ESRCH) for one that does not stand."""
    _did(_ptrace(_DETACH, thread, None, None))


def listen(thread: int) -> None:
    """Leave a thread in the stop of its whole process, and hear of its end. Raises OSError."""
    _did(_ptrace(_LISTEN, thread, None, None))


def go_on(thread: int, signal_number: int = 0) -> bool:
    """Let a thread run to the next stop; false when it is gone."""
    return int(_ptrace(_CONTINUE_TO_CALL, thread, None, signal_number)) == 0


def call_info(thread: int, into: ctypes.Array[ctypes.c_char]) -> bool:
    """Read what call a thread stands at into a buffer of INFO_SIZE; false when it is gone."""
    return int(_ptrace(_CALL_INFO, thread, INFO_SIZE, ctypes.addressof(into))) > 0


def event_message(thread: int) -> int:
    """What came with an event: the id of a new thread. Raises OSError."""
    value = ctypes.c_ulong()
    _did(_ptrace(_EVENT_MESSAGE, thread, None, ctypes.addressof(value)))
    return value.value


def let_trace(process: int) -> None:
    """Allow a process to trace this one, where the system asks for that (Yama)."""
    _libc.prctl(_SET_PTRACER, ctypes.c_ulong(process), 0, 0, 0)


def end_with_parent() -> None:
    """Have this process killed when the one that made it ends."""
    _libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)

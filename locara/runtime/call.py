"""One call in flight: who asked, whether it is still wanted, and how it sends events before its reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final, TypeGuard

from locara.errors import CallError
from locara.inference.backend import CancelFlag
from locara.records import dataclass

MAX_ID: Final = 2**53
MAX_ID_LENGTH: Final = 64
MAX_COMMAND_LENGTH: Final = 64

CallId = int | str


def is_call_id(value: object) -> TypeGuard[CallId]:
    """True for a whole number 1..2^53 or a string of 1..64 characters; true, 1.0 and null are none."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return 1 <= value <= MAX_ID
    return isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was accepted. `size` is the bytes of its frame, `emit` sends one event of a stream;
    `cancelled` is set when nobody wants the result."""

    id: CallId
    cmd: str
    emit: Callable[[Mapping[str, Any]], None]
    size: int = 0
    # The native library watches this flag itself, so a cancel also ends a long prompt in the middle.
    cancelled: CancelFlag = field(default_factory=CancelFlag)

    def check(self) -> None:
        """Raise CallError(cancelled) when the call was cancelled."""
        if self.cancelled.is_set():
            raise CallError(f"{self.cmd} was cancelled", code="cancelled")

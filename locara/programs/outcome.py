"""How a call ended: the last four bytes of its stream. Shared by both ends."""

from __future__ import annotations

import struct
from typing import Final

from locara.records import dataclass

TIMED_OUT: Final = -1_000
CUT: Final = -1_001
TRAILER_BYTES: Final = 4
_CPU_ENDED: Final = frozenset({128 + 24, 128 + 9, -24, -9})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program wrote, and the code it ended with: 0 is well."""

    output: bytes
    code: int

    @property
    def is_over_limit(self) -> bool:
        """Whether it was ended for its time. One that ran out of memory ends in its own way."""
        return self.code == TIMED_OUT or self.code in _CPU_ENDED


def trailer(code: int) -> bytes:
    """The outcome as it is sent."""
    return struct.pack(">i", max(min(code, 2**31 - 1), -(2**31)))


def outcome(stream: bytes | bytearray) -> Outcome:
    """Output and code of a whole stream; a stream without an outcome was cut."""
    if len(stream) < TRAILER_BYTES:
        return Outcome(bytes(stream), CUT)
    return Outcome(bytes(stream[:-TRAILER_BYTES]), struct.unpack(">i", stream[-TRAILER_BYTES:])[0])

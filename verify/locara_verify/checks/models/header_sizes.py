"""LC533, of size: how much a header may be, and how much of it is alive while it is read.

The file is made while it is read, so a header of hundreds of megabytes costs nothing here, and each piece that was
handed out says when it is gone: what a reader keeps shows, whatever it calls it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import BinaryIO, Final, cast

from locara_verify.checks.models.probe import Tally
from locara_verify.strategies import gguf

RULE: Final = "LC533"
MOST_HEADER: Final = 256 << 20
MOST_ALIVE: Final = 2 << 20
MOST_TEXT: Final = 4 << 20
_ITEMS: Final = 4_000_000
_TEXT: Final = (1 << 20) - 64
_ARRAY, _STRING, _BYTE = 9, 8, 0


class _Piece(bytes):
    """What was read, as long as somebody has it."""

    owner: Made

    def __del__(self) -> None:
        self.owner.alive -= len(self)


class Made(io.RawIOBase):
    """A file of parts, each some bytes and then so many zeros, that are made when they are read."""

    def __init__(self, parts: Sequence[tuple[bytes, int]]) -> None:
        super().__init__()
        self.size = sum(len(data) + zeros for data, zeros in parts)
        self.given = self.alive = self.most = 0
        # What is read in one piece must lie in one part.
        self._parts = list(parts[::-1])

    def read(self, count: int = -1, /) -> bytes:
        """The next bytes, and fewer at the end of the file."""
        data, zeros = self._parts.pop() if self._parts else (b"", 0)
        piece = _Piece(data[:count]) if data else _Piece(min(count, zeros))
        rest = (data[count:], zeros) if data else (b"", zeros - len(piece))
        if rest != (b"", 0):
            self._parts.append(rest)
        piece.owner = self
        self.given += len(piece)
        self.alive += len(piece)
        self.most = max(self.most, self.alive)
        return piece


def sizes(tally: Tally) -> None:
    """Headers on both sides of each bound, and long ones of every kind of array."""
    for arrays in (3, MOST_HEADER // _ITEMS + 2):
        _judge(tally, f"a header of {arrays} arrays", [_bytes(_ITEMS)] * arrays, MOST_HEADER)
    for texts in (MOST_TEXT // _TEXT - 1, MOST_TEXT // _TEXT + 1, 40):
        told = f"a header of {texts} texts of a MiB"
        _judge(tally, told, [_text(_TEXT)] * texts, MOST_TEXT)
    for length in (3_000, 60_000, _TEXT):
        what = f"an array of texts of {length} bytes"
        _judge(tally, what, [_texts(length, (6 << 20) // length)], MOST_HEADER)


def _bytes(count: int) -> list[tuple[bytes, int]]:
    return [(struct.pack("<IIQ", _ARRAY, _BYTE, count), count)]


def _text(length: int) -> list[tuple[bytes, int]]:
    return [(struct.pack("<I", _STRING) + gguf.text(b"a" * length), 0)]


def _texts(length: int, count: int) -> list[tuple[bytes, int]]:
    one = gguf.text(b"a" * length)
    return [(struct.pack("<IIQ", _ARRAY, _STRING, count), 0), *[(one, 0)] * count]


def _judge(tally: Tally, what: str, values: Sequence[Sequence[tuple[bytes, int]]], most: int) -> None:
    """Accepted where it is not larger than it may be, and else refused before the rest is read."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.inference.gguf import read_header  # noqa: PLC0415

    parts = [(b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)), 0)]
    for number, value in enumerate(values):
        parts += [(gguf.text(f"k{number}"), 0), *value]
    file = Made([*parts, (b"", 64)])
    fits = file.size - 4_096 <= most
    try:
        read_header(cast("BinaryIO", file), file.size)
        said = "accepted"
    except ModelError as error:
        said = error.code
    except Exception as error:
        said = type(error).__name__
    if fits and said != "accepted":
        tally.undecided(RULE, f"the allow twin failed: {what} is refused ({said})")
    late = 0 if fits else file.given - most
    told = f"{what}: {said}, {late} bytes later, {file.most} bytes at once"
    tally.expect(RULE, fits or said == "bad_format", "a header is larger than any may be", told)
    tally.expect(RULE, late <= 2 << 20, "a header that is too large is read on", told)
    tally.expect(RULE, file.most <= MOST_ALIVE, "what a header holds is kept while it is read", told)

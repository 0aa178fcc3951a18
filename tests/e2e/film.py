"""A film as an old camera writes it: an AVI file with pictures and sound, neither of them compressed."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

_PICTURES_A_SECOND = 5
_SIDE = 16


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _list(name: bytes, *parts: bytes) -> bytes:
    return _chunk(b"LIST", name + b"".join(parts))


def _stream(kind: bytes, handler: bytes, pace: tuple[int, int], length: int, sample: int) -> bytes:
    fields = (kind, handler, 0, 0, 0, 0, *pace, 0, length, 0, 0, sample, 0, 0, _SIDE, _SIDE)
    return _chunk(b"strh", struct.pack("<4s4sIHHIIIIIIIIhhhh", *fields))


def write_film(path: Path, spoken: Path) -> None:
    """An AVI file with the sound of a WAV file (16 bits, one channel) under a grey picture."""
    with wave.open(str(spoken)) as source:
        rate, sound = source.getframerate(), source.readframes(source.getnframes())
    picture = bytes([128]) * (_SIDE * _SIDE * 3)
    step = 2 * (rate // _PICTURES_A_SECOND)
    pieces = [sound[at : at + step] for at in range(0, len(sound), step)]
    header = struct.pack(
        "<14I", 1_000_000 // _PICTURES_A_SECOND, 0, 0, 0x10, len(pieces), 0, 2, 0, _SIDE, _SIDE, 0, 0, 0, 0
    )
    bitmap = struct.pack("<IiiHHIIiiII", 40, _SIDE, _SIDE, 1, 24, 0, len(picture), 0, 0, 0, 0)
    pcm = struct.pack("<HHIIHHH", 1, 1, rate, rate * 2, 2, 16, 0)
    seen = _list(
        b"strl",
        _stream(b"vids", b"DIB ", (1, _PICTURES_A_SECOND), len(pieces), 0),
        _chunk(b"strf", bitmap),
    )
    heard = _list(
        b"strl", _stream(b"auds", bytes(4), (2, rate * 2), len(sound) // 2, 2), _chunk(b"strf", pcm)
    )
    film = b"".join(_chunk(b"00db", picture) + _chunk(b"01wb", piece) for piece in pieces)
    index, at = b"", 4
    for piece in pieces:
        for name, body in ((b"00db", picture), (b"01wb", piece)):
            index += name + struct.pack("<III", 0x10, at, len(body))
            at += 8 + len(body) + len(body) % 2
    whole = (
        _list(b"hdrl", _chunk(b"avih", header), seen, heard) + _list(b"movi", film) + _chunk(b"idx1", index)
    )
    path.write_bytes(_chunk(b"RIFF", b"AVI " + whole))

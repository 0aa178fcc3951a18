"""Text to speak, made harmless, and what espeak-ng answered, checked."""

from __future__ import annotations

import re
import struct
from typing import Final

from locara.errors import CallError
from locara.programs.outcome import Outcome
from locara.programs.pages import clean
from locara.records import dataclass

VOICE: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,4}")
"""A voice is a language tag. No folder, no file and no `+variant` can be said with it."""
RATES: Final = range(80, 401)
PITCHES: Final = range(100)
MAX_TEXT: Final = 4_000
MAX_SOUND: Final = 11 * 1024 * 1024  # base64 of it fits into a frame
MAX_VOICES: Final = 256 * 1024
_HEADER: Final = 44
_RATES: Final = range(8_000, 48_001)


@dataclass(frozen=True, slots=True)
class Sound:
    """16-bit little-endian samples of one channel, and how many there are in a second."""

    rate: int
    samples: bytes

    @property
    def seconds(self) -> float:
        """The length."""
        return len(self.samples) / 2 / self.rate

    @property
    def wav(self) -> bytes:
        """The samples as a WAV file."""
        size, rate = len(self.samples), self.rate
        head = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size),
        )
        return head + self.samples


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice: its id is a language tag, its name is for people."""

    id: str
    name: str
    gender: str


def speakable(text: str) -> bytes:
    """The text as it is given to the speaker: words only.

    A control character would begin a command of the speaker's own and `[[` a list of phonemes; both become
    blanks. Raises CallError for more than `MAX_TEXT` characters and for nothing to say.
    """
    if len(text) > MAX_TEXT:
        raise CallError(
            f"at most {MAX_TEXT} characters are spoken in one call", code="too_large", fix="split the text"
        )
    plain = clean(text).replace("[", " ").replace("]", " ")
    if not plain.strip():
        raise CallError("there is nothing to say in this text", code="bad_request")
    return plain.encode("utf-8") + b"\n"


def read_sound(outcome: Outcome) -> Sound:
    """The sound. Raises CallError."""
    _check(outcome, "the text")
    data = outcome.output
    if len(data) < _HEADER:
        raise CallError("this voice is not installed", code="not_found", fix="see tts.voices")
    riff, wave, fmt, length, code, channels, rate, _, align, bits, part = struct.unpack_from(
        "<4s4x4s4sIHHIIHH4s", data
    )
    shape = (riff, wave, fmt, length, code, channels, align, bits, part)
    if shape != (b"RIFF", b"WAVE", b"fmt ", 16, 1, 1, 2, 16, b"data") or rate not in _RATES:
        raise CallError("the speaker's answer is not a sound", code="bad_request")
    samples = data[_HEADER:]
    return Sound(rate, samples[: len(samples) // 2 * 2])


def read_voices(outcome: Outcome) -> tuple[Voice, ...]:
    """The voices in the order of their ids, each id once. Raises CallError."""
    _check(outcome, "the list of voices")
    found: dict[str, Voice] = {}
    for line in outcome.output.decode("utf-8", "replace").split("\n")[1:]:
        cells = line.split()
        if len(cells) < 5 or VOICE.fullmatch(cells[1]) is None:
            continue
        gender = {"M": "male", "F": "female"}.get(cells[2].rpartition("/")[2], "neutral")
        found.setdefault(cells[1], Voice(cells[1], clean(cells[3].replace("_", " "))[:80], gender))
    return tuple(found[name] for name in sorted(found))


def _check(outcome: Outcome, what: str) -> None:
    if outcome.is_over_limit:
        raise CallError(f"{what} took too long", code="limit_exceeded", fix="give it less")
    if outcome.code == 1:
        raise CallError("this voice is not installed", code="not_found", fix="see tts.voices")
    if outcome.code != 0:
        raise CallError(f"{what} could not be made", code="bad_request")

"""Sound as models want it: a strict WAV reader, mixing to one channel, and resampling to 16 kHz.

No helper program and no codec library touches what a person or a stranger recorded: the one container that is
read is parsed here, with every number checked against the size of the file before it is used. Samples pass
through in blocks of about a second, so hours of sound need little memory.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from math import gcd
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from locara.errors import InferenceError
from locara.records import dataclass

MODEL_RATE: Final = 16_000
MIN_RATE: Final = 8_000
MAX_RATE: Final = 192_000
MAX_CHANNELS: Final = 8
MAX_SECONDS: Final = 12 * 3_600
MAX_CHUNKS: Final = 256
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBFORMAT_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
_ZERO_CROSSINGS: Final = 16
# Of sound that lacks the upper band every Hertz counts: at 8 kHz all up to 3.4 kHz stays as it is, like on a telephone.
_ZERO_CROSSINGS_UPWARDS: Final = 48
_KAISER_BETA: Final = 8.6  # about 87 dB below the pass band
_PASS: Final = 0.94  # of the lower Nyquist frequency; the rest is the slope of the filter
_STEP: Final = 8_192  # outputs worked out at once

Samples = NDArray[np.float32]
Encoding = Literal["integer", "float"]


@dataclass(frozen=True, slots=True)
class Wav:
    """Where the samples of a WAV file lie and what they are. `frames` has one sample of every channel."""

    rate: int
    channels: int
    encoding: Encoding
    bits: int
    offset: int
    frames: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.channels * self.bits // 8

    @property
    def seconds(self) -> float:
        """The length of the sound."""
        return self.frames / self.rate


def read_wav(fd: int) -> Wav:
    """Read the structure of a WAV file through a descriptor of a regular file; its position stays.

    PCM of 8, 16, 24 and 32 bits and IEEE float of 32 and 64 bits, 1 to 8 channels, 8 to 192 kHz, at most 12
    hours. Raises InferenceError `bad_request` for everything else, naming what is wrong; nothing is guessed:
    a length that reaches beyond the file is refused, not cut.
    """
    size = os.fstat(fd).st_size
    head = os.pread(fd, 12, 0)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise _bad("it is not a WAV file")
    end = 8 + int.from_bytes(head[4:8], "little")
    if end > size:
        raise _bad("it is cut off: it is shorter than its header says")
    at, form = 12, None
    for _ in range(MAX_CHUNKS):
        part = os.pread(fd, 8, at)
        if at + 8 > end or len(part) < 8:
            break
        kind, length, at = part[:4], int.from_bytes(part[4:], "little"), at + 8
        if length > end - at:
            raise _bad("one of its parts reaches beyond the end")
        if kind == b"fmt ":
            if form is not None:
                raise _bad("it describes its samples twice")
            form = _read_format(os.pread(fd, min(length, 40), at), length)
        elif kind == b"data":
            if form is None:
                raise _bad("its samples come before their description")
            return _placed(form, at, length)
        at += length + length % 2
    raise _bad("it holds no samples")


def _read_format(data: bytes, length: int) -> Wav:
    """The description of the samples, without their place."""
    if length not in {16, 18, 40} or len(data) < length:
        raise _bad(f"a description of {length} bytes is not one")
    code, channels, rate, byte_rate, align, bits = struct.unpack_from("<HHIIHH", data)
    if code == _EXTENSIBLE:
        if length != 40:
            raise _bad("its extended description is cut off")
        extra, valid_bits = struct.unpack_from("<HH", data, 16)
        code = int.from_bytes(data[24:26], "little")
        if extra != 22 or valid_bits != bits or data[26:40] != _SUBFORMAT_TAIL:
            raise _bad("its extended description is not understood")
    encodings: dict[tuple[int, int], Encoding] = {
        **dict.fromkeys([(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32)], "integer"),
        **dict.fromkeys([(_FLOAT, 32), (_FLOAT, 64)], "float"),
    }
    encoding = encodings.get((code, bits))
    if encoding is None:
        raise _bad(f"samples of format {code} with {bits} bits are not read (PCM and float are)")
    if not 1 <= channels <= MAX_CHANNELS:
        raise _bad(f"{channels} channels are not 1 to {MAX_CHANNELS}")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise _bad(f"{rate} samples a second are not {MIN_RATE} to {MAX_RATE}")
    form = Wav(rate, channels, encoding, bits, 0, 0)
    if align != form.frame_bytes or byte_rate != rate * align:
        raise _bad("the numbers of its description contradict each other")
    return form


def _placed(form: Wav, offset: int, length: int) -> Wav:
    if length % form.frame_bytes:
        raise _bad("its last sample is cut off")
    wav = Wav(form.rate, form.channels, form.encoding, form.bits, offset, length // form.frame_bytes)
    if wav.seconds > MAX_SECONDS:
        raise _bad(f"it is longer than {MAX_SECONDS // 3600} hours")
    return wav


def mono_blocks(fd: int, wav: Wav) -> Iterator[Samples]:
    """The samples as one channel between -1 and 1 (the mean of all), in blocks of about a second.

    Raises InferenceError `bad_request` when the file shrinks meanwhile, or for samples that are no number.
    """
    done = 0
    while done < wav.frames:
        count = min(wav.rate, wav.frames - done)
        data = os.pread(fd, count * wav.frame_bytes, wav.offset + done * wav.frame_bytes)
        if len(data) != count * wav.frame_bytes:
            raise _bad("it became shorter while it was read")
        yield decode(data, wav)
        done += count


def decode(data: bytes, wav: Wav) -> Samples:
    """Whole frames of bytes to one channel. Raises InferenceError `bad_request` for NaN and infinity."""
    if wav.encoding == "float":
        values = np.frombuffer(data, "<f4" if wav.bits == 32 else "<f8").astype(np.float64)
        if not np.isfinite(values).all():
            raise _bad("it holds samples that are no numbers")
        values = np.clip(values, -1.0, 1.0)
    elif wav.bits == 8:
        values = (np.frombuffer(data, np.uint8).astype(np.float64) - 128.0) / 128.0
    elif wav.bits == 24:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        values = padded.reshape(-1).view("<i4") / 2.0**31
    else:
        values = np.frombuffer(data, f"<i{wav.bits // 8}") / 2.0 ** (wav.bits - 1)
    mixed: Samples = values.reshape(-1, wav.channels).mean(axis=1).astype(np.float32)
    return mixed


class Resampler:
    """From any rate to 16 kHz with a windowed-sinc filter, in blocks: the blocks together are exactly what
    one call with all samples gives. Delay is compensated; `finish` gives the rest."""

    def __init__(self, rate: int) -> None:
        common = gcd(rate, MODEL_RATE)
        self._up, self._down = MODEL_RATE // common, rate // common
        self._same = rate == MODEL_RATE
        scale = max(1.0, rate / MODEL_RATE)
        crossings = _ZERO_CROSSINGS_UPWARDS if rate < MODEL_RATE else _ZERO_CROSSINGS
        self._half = int(np.ceil(crossings * scale))
        self._bank = None if self._same else _filters(self._up, self._half, _PASS / scale)
        # Inputs [-half, 0) are silence; _kept starts at input number _first.
        self._kept: Samples = np.zeros(self._half, np.float32)
        self._first = -self._half
        self._taken = 0
        self._given = 0

    def push(self, block: Samples) -> Samples:
        """The outputs that this block completes."""
        if self._same:
            return block
        self._taken += len(block)
        self._kept = np.concatenate((self._kept, block))
        # Output n stands at input n * down / up and needs `half` inputs after it.
        return self._outputs(max(0, (self._taken - self._half - 1) * self._up // self._down + 1))

    def finish(self) -> Samples:
        """The outputs up to the end of the input; nothing may be pushed after it."""
        if self._same:
            return np.zeros(0, np.float32)
        self._kept = np.concatenate((self._kept, np.zeros(self._half + 1, np.float32)))
        return self._outputs(-(-self._taken * self._up // self._down))

    def _outputs(self, until: int) -> Samples:
        parts = [self._some(at, min(until, at + _STEP)) for at in range(self._given, until, _STEP)]
        self._given = max(self._given, until)
        spare = self._given * self._down // self._up - self._half - self._first
        if spare > 0:
            self._kept, self._first = self._kept[spare:], self._first + spare
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _some(self, start: int, stop: int) -> Samples:
        positions = np.arange(start, stop, dtype=np.int64) * self._down
        inputs, phases = positions // self._up, positions % self._up
        windows = np.lib.stride_tricks.sliding_window_view(self._kept, 2 * self._half)
        # The window of input i holds i - half + 1 ... i + half.
        chosen = windows[inputs - self._half + 1 - self._first]
        found: Samples = np.einsum("ij,ij->i", chosen, self._filters()[phases]).astype(np.float32)
        return found

    def _filters(self) -> Samples:
        if self._bank is None:
            raise InferenceError("this rate needs no filter", code="model_error")
        return self._bank


def _filters(up: int, half: int, cutoff: float) -> Samples:
    """One filter of 2 * half weights for each of `up` places between two inputs; each sums to 1."""
    offsets = np.arange(-half + 1, half + 1, dtype=np.float64)[None, :] - (np.arange(up) / up)[:, None]
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (offsets / half) ** 2, 0, None)))
    weights = np.sinc(offsets * cutoff) * window
    bank: Samples = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return bank


def at_model_rate(blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
    """Blocks of any rate as blocks of 16 kHz."""
    resampler = Resampler(rate)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.finish()


def _bad(what: str) -> InferenceError:
    return InferenceError(
        f"the sound cannot be read: {what}",
        code="bad_request",
        fix="give a WAV file with PCM or float samples",
    )

"""The WAV reader takes what it says it takes, exactly, and refuses everything else; the resampler is one."""

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import InferenceError
from locara.inference.audio import MAX_RATE, MODEL_RATE, Resampler, Wav, mono_blocks, read_wav

TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(data) if length is None else length) + data + bytes(len(data) % 2)


def form(code=1, channels=1, rate=16_000, bits=16, *, byte_rate=None, align=None, extra=b"") -> bytes:
    align = channels * bits // 8 if align is None else align
    byte_rate = rate * align if byte_rate is None else byte_rate
    return struct.pack("<HHIIHH", code, channels, rate, byte_rate % 2**32, align % 2**16, bits) + extra


def wav(description: bytes, samples: bytes, *, before: bytes = b"", size: int | None = None) -> bytes:
    body = b"WAVE" + before + chunk(b"fmt ", description) + chunk(b"data", samples)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


@contextmanager
def opened(data: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.fileno()


def samples_of(data: bytes) -> np.ndarray:
    with opened(data) as fd:
        return np.concatenate([*mono_blocks(fd, read_wav(fd)), np.zeros(0, np.float32)])


def refused(data: bytes) -> str:
    with opened(data) as fd, pytest.raises(InferenceError) as caught:
        list(mono_blocks(fd, read_wav(fd)))
    assert caught.value.code == "bad_request"
    return caught.value.message


WAVE = np.sin(np.linspace(0, 40, 500))
ENCODINGS = {
    (1, 8): lambda x: np.round(x * 127 + 128).astype(np.uint8).tobytes(),
    (1, 16): lambda x: np.round(x * 32767).astype("<i2").tobytes(),
    (1, 24): lambda x: b"".join(int(v).to_bytes(3, "little", signed=True) for v in np.round(x * (2**23 - 1))),
    (1, 32): lambda x: np.round(x * (2**31 - 1)).astype("<i4").tobytes(),
    (3, 32): lambda x: x.astype("<f4").tobytes(),
    (3, 64): lambda x: x.astype("<f8").tobytes(),
}


@pytest.mark.parametrize("kind", ENCODINGS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("extended", [False, True])
def test_every_encoding_gives_the_same_sound(kind, channels, extended) -> None:
    code, bits = kind
    data = ENCODINGS[kind](np.repeat(WAVE, channels))
    description = form(code, channels, 16_000, bits)
    if extended:
        mask = struct.pack("<HHIH", 22, bits, 0, code)
        description = form(0xFFFE, channels, 16_000, bits, extra=mask + TAIL)
    found = samples_of(wav(description, data, before=chunk(b"LIST", b"odd")))
    assert found.dtype == np.float32
    assert np.abs(found - WAVE).max() < (0.02 if bits == 8 else 1e-4)


def test_channels_are_mixed_and_loud_floats_are_bounded() -> None:
    pair = np.array([[0.5, -0.5], [1.0, 0.0], [9.0, 9.0]], "<f4").tobytes()
    assert samples_of(wav(form(3, 2, 8_000, 32), pair)).tolist() == [0.0, 0.5, 1.0]
    assert len(samples_of(wav(form(), b""))) == 0


GOOD = bytes(200)
WRONG = {
    "not a WAV file": [b"", b"RIFF", b"OggS" + bytes(60), b"RIFF\0\0\0\0AVI " + bytes(60)],
    "cut off": [wav(form(), GOOD)[:-1], wav(form(), GOOD, size=0xFFFFFFFF)],
    "reaches beyond": [
        b"RIFF" + struct.pack("<I", 44) + b"WAVE" + chunk(b"fmt ", form()) + chunk(b"data", b"1234", 2**32 - 1)
        + bytes(4)
    ],
    "no samples": [
        b"RIFF\x1c\0\0\0WAVE" + chunk(b"fmt ", form()),
        b"RIFF" + struct.pack("<I", 4 + 8 * 300) + b"WAVE" + chunk(b"junk", b"") * 300,
    ],
    "before their description": [b"RIFF\x10\0\0\0WAVE" + chunk(b"data", b"1234")],
    "twice": [wav(form(), GOOD, before=chunk(b"fmt ", form()))],
    "is not one": [wav(form()[:-2], GOOD), wav(form() + bytes(9), GOOD)],
    "are not read": [wav(form(code, 1, 16_000, bits), GOOD) for code, bits in ((2, 16), (85, 16), (1, 12), (1, 0),
                     (3, 16), (1, 64), (7, 8))],
    "channels": [wav(form(channels=n), GOOD) for n in (0, 9, 65_535)],
    "samples a second": [wav(form(rate=n, byte_rate=1), GOOD) for n in (0, 7_999, MAX_RATE + 1, 2**32 - 1)],
    "contradict": [wav(form(align=1), GOOD), wav(form(byte_rate=7), GOOD)],
    "extended description": [
        wav(form(0xFFFE, extra=struct.pack("<H", 0)), GOOD),
        wav(form(0xFFFE, extra=struct.pack("<HHIH", 22, 12, 0, 1) + TAIL), GOOD),
        wav(form(0xFFFE, extra=struct.pack("<HHIH", 22, 16, 0, 1) + bytes(14)), GOOD),
    ],
    "last sample": [wav(form(), b"123")],
    "no numbers": [wav(form(3, bits=32), struct.pack("<f", value)) for value in (float("nan"), float("inf"))],
}  # fmt: skip


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_wrong_is_named(reason) -> None:
    for data in WRONG[reason]:
        assert reason in refused(data)


def test_a_sound_of_more_than_twelve_hours_is_refused_without_reading_it() -> None:
    with tempfile.TemporaryFile() as file:
        length = 8_000 * 12 * 3_600 + 1
        head = wav(form(rate=8_000, bits=8), b"", size=36 + length)[:-4] + struct.pack("<I", length)
        file.write(head)
        file.truncate(44 + length + 1)
        with pytest.raises(InferenceError, match="longer than 12 hours"):
            read_wav(file.fileno())


def test_a_file_that_shrinks_is_an_error_and_not_silence() -> None:
    with opened(wav(form(), bytes(64_000))) as fd:
        found = read_wav(fd)
        blocks = mono_blocks(fd, found)
        next(blocks)
        os.ftruncate(fd, 1_000)
        with pytest.raises(InferenceError, match="became shorter"):
            next(blocks)


SEED = wav(
    form(3, 2, 44_100, 32), np.linspace(-1, 1, 600).astype("<f4").tobytes(), before=chunk(b"LIST", b"abc")
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 90), st.binary(min_size=1, max_size=5)), max_size=4),
    st.integers(0, 2_500),
)
def test_any_damage_is_read_inside_the_file_or_refused(edits, cut) -> None:
    data = bytearray(SEED)
    for at, patch in edits:
        data[at : at + len(patch)] = patch
    data = data[: cut or None]
    with opened(bytes(data)) as fd:
        try:
            found = read_wav(fd)
            total = sum(len(block) for block in mono_blocks(fd, found))
        except InferenceError as error:
            assert error.code == "bad_request"
        else:
            assert total == found.frames
            assert found.offset + found.frames * found.frame_bytes <= len(data)


def resampled(sound: np.ndarray, rate: int, cuts: list[int]) -> np.ndarray:
    worker = Resampler(rate)
    parts = [worker.push(part) for part in np.split(sound.astype(np.float32), cuts)]
    return np.concatenate([*parts, worker.finish()])


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 12_345])
def test_a_tone_keeps_its_pitch_place_and_strength(rate) -> None:
    seconds = np.arange(rate) / rate
    found = resampled(np.sin(2 * np.pi * 1_000 * seconds), rate, [])
    assert len(found) == MODEL_RATE
    wanted = np.sin(2 * np.pi * 1_000 * np.arange(MODEL_RATE) / MODEL_RATE)
    assert np.abs(found - wanted)[300:-300].max() < 1e-3


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.floats(0.006, 0.425), st.floats(0, 6.28)),
        min_size=1,
        max_size=8,
        unique_by=lambda t: t[0],
    ),
    st.sampled_from([8_000, 11_025, 12_000]),
)
def test_narrow_sound_keeps_all_that_it_has_and_gains_nothing_above(tones, narrow) -> None:
    """Tones are parts of the rate, up to 0.425 of it: 3.4 kHz of a telephone's 8, 5.1 kHz of 12."""

    def sound(rate):
        seconds = np.arange(rate) / rate
        return sum(np.sin(2 * np.pi * tone * narrow * seconds + phase) for tone, phase in tones) / len(tones)

    found = resampled(sound(narrow), narrow, [])
    assert np.abs(found - sound(MODEL_RATE))[300:-300].max() < 2e-3


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 192_000])
def test_what_the_new_rate_cannot_hold_is_gone_and_not_folded_back(rate) -> None:
    found = resampled(np.sin(2 * np.pi * 9_500 * np.arange(rate) / rate), rate, [])
    assert np.abs(found[300:-300]).max() < 1e-3


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([8_000, 22_050, 44_100, 48_000]), st.lists(st.integers(0, 3_000), max_size=6))
def test_blocks_together_are_the_whole(rate, cuts) -> None:
    sound = np.random.default_rng(7).uniform(-1, 1, 3_000)
    assert np.array_equal(resampled(sound, rate, sorted(cuts)), resampled(sound, rate, []))


def test_the_length_of_a_sound() -> None:
    assert Wav(8_000, 2, "integer", 16, 44, 4_000).seconds == 0.5

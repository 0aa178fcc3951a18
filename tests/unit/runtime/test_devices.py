"""Buffers of devices: bounded, in order, counted, whatever the pace of either side."""

from __future__ import annotations

import os
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import CallError
from locara.runtime import devices
from locara.runtime.commands.camera import rgb_of_yuyv
from locara.runtime.devices import PictureSource, SoundSource


def never() -> bool:
    return False


def pipe_with(pieces: list[bytes]) -> int:
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)

    threading.Thread(target=feed, daemon=True).start()
    return reading


def taken_all(source: SoundSource, most: int) -> tuple[bytes, int]:
    found, dropped = b"", 0
    while True:
        sound = source.take(least=1, most=most, seconds=20, cancelled=never)
        assert len(sound.data) % source.width == 0
        found, dropped = found + sound.data, dropped + sound.dropped
        if sound.ended:
            return found, dropped


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.sampled_from([1, 2]), st.integers(4, 64))
def test_every_whole_sample_comes_once_and_in_order(pieces: list[bytes], channels: int, most: int) -> None:
    source = SoundSource(pipe_with(pieces), "microphone", "r", rate=16_000, channels=channels)
    source.begin()
    whole = b"".join(pieces)
    assert taken_all(source, most) == (whole[: len(whole) - len(whole) % (2 * channels)], 0)


def test_what_is_not_taken_in_time_is_dropped_from_the_front_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "MAX_KEPT", 1_000)
    pieces = [bytes([number]) * 100 for number in range(50)]
    source = SoundSource(pipe_with(pieces), "microphone", "r", rate=16_000, channels=1)
    source.begin()
    source._thread.join(20)
    found, dropped = taken_all(source, 10_000)
    assert len(found) <= 1_000
    assert len(found) + dropped == 5_000
    assert b"".join(pieces).endswith(found)


def test_a_wait_for_sound_ends_by_time_and_by_cancelling() -> None:
    reading, writing = os.pipe()
    source = SoundSource(reading, "microphone", "r", rate=16_000, channels=1)
    source.begin()
    quiet = source.take(least=100, most=100, seconds=0.05, cancelled=never)
    assert (quiet.data, quiet.ended) == (b"", False)
    with pytest.raises(CallError) as caught:
        source.take(least=100, most=100, seconds=20, cancelled=lambda: True)
    assert caught.value.code == "cancelled"
    os.close(writing)
    assert source.take(least=100, most=100, seconds=20, cancelled=never).ended


def framed(data: bytes, name: bytes = b"MJPG") -> bytes:
    return struct.pack(">III4s", len(data), 2, 1, name) + data


def test_of_pictures_the_newest_is_given_once_and_the_others_are_counted() -> None:
    source = PictureSource(pipe_with([framed(b"one"), framed(b"two"), framed(b"three")]), "r")
    source.begin()
    source._thread.join(20)
    frame = source.take(20, never)
    assert frame is not None
    assert (frame.data, frame.dropped, frame.width, frame.height) == (b"three", 2, 2, 1)
    assert source.take(0.01, never) is None


@pytest.mark.parametrize(
    "bad",
    [
        b"\0" * 16,
        struct.pack(">III4s", 2**31, 1, 1, b"MJPG"),
        framed(b"x", b"EXE "),
        framed(b"cut short")[:-1],
        b"abc",
    ],
    ids=["empty", "huge", "unknown format", "cut", "half a head"],
)
def test_what_is_no_picture_ends_the_camera(bad: bytes) -> None:
    source = PictureSource(pipe_with([framed(b"good"), bad]), "r")
    source.begin()
    source._thread.join(20)
    assert source.ended
    frame = source.take(20, never)
    assert frame is not None
    assert frame.data == b"good"


def test_points_of_a_plain_picture_have_their_colours() -> None:
    grey = rgb_of_yuyv(bytes([0, 128, 255, 128]), 2, 1)
    assert list(grey) == [0, 0, 0, 255, 255, 255]
    red = rgb_of_yuyv(bytes([76, 85, 76, 255]), 2, 1)
    assert [abs(a - b) <= 2 for a, b in zip(red[:3], (254, 0, 0), strict=True)] == [True] * 3
    with pytest.raises(CallError):
        rgb_of_yuyv(bytes(3), 2, 1)

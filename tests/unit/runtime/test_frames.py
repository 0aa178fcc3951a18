"""Frames: what is read, what is refused with which code, and what ends a stream."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import CallError
from locara.runtime import frames

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def reader_of(data: bytes) -> frames.FrameReader:
    read_fd, write_fd = os.pipe()
    os.write(write_fd, data)
    os.close(write_fd)
    return frames.FrameReader(read_fd)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_what_is_encoded_is_decoded(value: dict[str, object]) -> None:
    assert frames.decode(frames.encode(value)[4:]) == value


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_bad_frame(data: bytes) -> None:
    try:
        assert isinstance(frames.decode(data), dict)
    except CallError as error:
        assert error.code == "bad_frame"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b'{"a":1,"a":2}', "same key twice"),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b'{"a":-Infinity}', "-Infinity is not JSON"),
        (b'{"a":1e999}', "too large for a double"),
        (b'{"a":' + b"1" * 5000 + b"}", "too many digits"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested deeper"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "nested deeper"),
        (b"\xff\xfe", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b"[]", "an object, not array"),
        (b"null", "an object, not null"),
        (b"", "not JSON"),
        (b"{} {}", "Extra data"),
    ],
)
def test_a_wrong_payload_is_a_bad_frame_with_its_reason(payload: bytes, words: str) -> None:
    with pytest.raises(CallError, match=words) as caught:
        frames.decode(payload)
    assert caught.value.code == "bad_frame"


def test_the_deepest_allowed_frame_is_read() -> None:
    assert frames.decode(b'{"a":' * 64 + b"1" + b"}" * 64)
    assert frames.decode(b'{"a":"\\ud83d\\ude00"}') == {"a": "😀"}


def test_frames_are_read_one_by_one_until_the_end() -> None:
    reader = reader_of(frames.encode({"n": 1}) + frames.encode({"n": 2}))
    assert [reader.read(), reader.read(), reader.read()] == [b'{"n":1}', b'{"n":2}', None]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frames.HEADER.pack(frames.MAX_FRAME + 1), "too_large"),
        (b"\xff\xff\xff\xff", "too_large"),
        (b"\x00\x00", "bad_frame"),
        (frames.HEADER.pack(10) + b"{}", "bad_frame"),
    ],
)
def test_a_stream_without_boundaries_is_a_desync(data: bytes, code: str) -> None:
    with pytest.raises(frames.Desync) as caught:
        reader_of(data).read()
    assert caught.value.code == code


def test_a_read_that_timed_out_can_be_repeated() -> None:
    read_fd, write_fd = os.pipe()
    reader = frames.FrameReader(read_fd)
    data = frames.encode({"n": 1})
    os.write(write_fd, data[:6])
    with pytest.raises(TimeoutError):
        reader.read(0.01)
    os.write(write_fd, data[6:])
    assert reader.read(5) == b'{"n":1}'


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": b"bytes"}, {"a": {1}}])
def test_a_reply_that_is_not_json_is_internal(value: dict[str, object]) -> None:
    with pytest.raises(CallError) as caught:
        frames.encode(value)
    assert caught.value.code == "internal"


def test_a_reply_with_half_a_surrogate_is_internal() -> None:
    with pytest.raises(CallError) as caught:
        frames.encode({"a": "\ud800"})
    assert caught.value.code == "internal"


def test_a_reply_above_the_cap_is_too_large() -> None:
    with pytest.raises(CallError) as caught:
        frames.encode({"a": "x" * frames.MAX_FRAME})
    assert caught.value.code == "too_large"
    room = frames.MAX_FRAME - len(json.dumps({"a": ""}, separators=(",", ":")))
    assert len(frames.encode({"a": "x" * room})) == frames.MAX_FRAME + 4

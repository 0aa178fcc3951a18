"""The reader of safetensors headers: one right file, every lie about it, and damage of any kind."""

import io
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import ModelError
from locara.inference.safetensors_file import is_safetensors, read_header

GOOD: dict[str, Any] = {
    "__metadata__": {"a": "b"},
    "x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "y.z": {"dtype": "F16", "shape": [4], "data_offsets": [24, 32]},
}


def pack(header: object, data: int = 32, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(data)


def read(data: bytes):
    return read_header(io.BytesIO(data), len(data))


def changed(name: str, **fields: Any) -> dict[str, Any]:
    return {**GOOD, name: {**GOOD[name], **fields}}


def test_a_right_file() -> None:
    header = read(pack(GOOD))
    assert header.metadata == {"a": "b"}
    assert [(t.name, t.shape, t.begin, t.end) for t in header.tensors] == [
        ("x", (2, 3), 0, 24),
        ("y.z", (4,), 24, 32),
    ]
    assert is_safetensors(pack(GOOD)[:9])
    assert not is_safetensors(b"GGUF\x03\0\0\0\0")


EDGES = (-1, 2**31, 2**32, 2**53, 2**62, 2**63, 2**64, 1.0, "1", True, None, [])
LIES = [
    *(changed("x", dtype=kind) for kind in ("F33", "f32", "", None, 1, ["F32"], "F64")),
    *(changed("x", shape=[edge, 3]) for edge in EDGES),
    *(
        changed("x", shape=shape)
        for shape in ([], [0], [6, 0], [2, 3, 1, 1, 1, 1, 1, 1, 1], [2**32, 2**32], [3], {}, None)
    ),
    *(changed("x", data_offsets=[edge, 24]) for edge in EDGES),
    *(
        changed("x", data_offsets=place)
        for place in ([0, 25], [24, 0], [8, 32], [0], [0, 24, 24], None, [0, 2**64 + 24])
    ),
    changed("y.z", data_offsets=[16, 24]),
    changed("y.z", data_offsets=[25, 33]),
    changed("y.z", data_offsets=[0, 8]),
    changed("x", more=1),
    {**GOOD, "x": [1]},
    {**GOOD, "x": None},
    {**GOOD, "__metadata__": {"a": 1}},
    {**GOOD, "__metadata__": []},
    *({name: GOOD["x"], "__metadata__": {}} for name in ("", "a b", "a\0", "é", "x" * 257, "../x\\y")),
    {"__metadata__": {}},
    {},
    [],
]


@pytest.mark.parametrize("header", LIES)
def test_a_lie_is_refused(header: Any) -> None:
    with pytest.raises(ModelError) as caught:
        read(pack(header))
    assert caught.value.code == "bad_format"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0" * 8, b"\0" * 9, pack(GOOD, 31), pack(GOOD, 33), pack(GOOD, 0), pack(GOOD)[:-33],
        pack(b" " + json.dumps(GOOD).encode()),
        pack(json.dumps(GOOD).replace('"y.z"', '"x"').encode()),
        pack(b'{"x": NaN}'), pack(b"{" * 5_000), pack(b"\xff\xfe"),
        *(pack(GOOD, length=length) for length in (0, 1, 5, 10_000, 2**31, 2**32, 2**63, 2**64 - 1)),
    ],
)  # fmt: skip
def test_broken_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        read(data)


@given(
    st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=4)), max_size=4),
    st.integers(0, 240),
)
@settings(max_examples=300, deadline=None)
def test_any_damage_is_refused_or_leaves_tensors_in_place(edits, cut) -> None:
    data = bytearray(pack(GOOD))
    for at, new in edits:
        data[at : at + len(new)] = new
    data = data[: max(0, len(data) - cut)] if cut < 20 else data
    try:
        header = read(bytes(data))
    except ModelError as error:
        assert error.code == "bad_format"
        return
    expected = 0
    for tensor in header.tensors:
        assert tensor.begin == expected
        expected = tensor.end
    assert header.data_offset + expected == len(data)

"""Safetensors files as bytes: a right one, and ones that lie about a single thing."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

EDGES: Final = (-1, 2**31, 2**32, 2**53, 2**63, 2**64, 0.5, "1", True, None)
RIGHT: Final[Mapping[str, Any]] = {
    "__metadata__": {"format": "pt"},
    "first": {"dtype": "F32", "shape": [4, 8], "data_offsets": [0, 128]},
    "second": {"dtype": "F16", "shape": [16], "data_offsets": [128, 160]},
}
DATA: Final = 160
MAX_HEADER: Final = 100_000_000
"""Bytes that a header has at most, by the format's own text."""


def write(header: object, *, data: int = DATA, length: int | None = None) -> bytes:
    """A file with this header (bytes: as they are), this much data and, perhaps, another length before it."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(data)


def lies() -> Iterator[tuple[str, bytes]]:
    """Files that are wrong in one thing each."""

    def with_first(**fields: object) -> bytes:
        return write({**RIGHT, "first": {**RIGHT["first"], **fields}})

    for kind in ("F33", "f32", "", None, 7, ["F32"], "F64", "Q8_0"):
        yield f"type {kind}", with_first(dtype=kind)
    for edge in EDGES:
        yield f"dimension {edge!r}", with_first(shape=[edge, 8])
        yield f"begin {edge!r}", with_first(data_offsets=[edge, 128])
        yield f"end {edge!r}", with_first(data_offsets=[0, edge])
    shapes: tuple[Any, ...] = (
        [],
        [0],
        [32, 0],
        [33],
        [31],
        [2**32, 2**32],
        [2**62, 4],
        [1] * 9 + [32],
        {},
        None,
        "4",
    )
    for shape in shapes:
        yield f"shape {shape}", with_first(shape=shape)
    for field, odd in (
        *(("shape", shape) for shape in ([True, 32], [32, True], [32.0], [True] * 7 + [32], ["32"])),
        *(("data_offsets", place) for place in ([False, 128], [0.0, 128], [0, 128.0], [0, 128, 128], [128])),
    ):  # the same number for whoever is lenient
        yield f"{field} {odd}, as much as is there", with_first(**{field: odd})
    second = RIGHT["second"]
    for place in ([0, 32], [96, 128], [127, 159], [129, 161], [160, 192], [2**64 + 128, 2**64 + 160]):
        yield f"second tensor at {place}", write({**RIGHT, "second": {**second, "data_offsets": place}})
    yield "a gap", write({**RIGHT, "second": {**second, "data_offsets": [136, 168]}}, data=168)
    yield "an overlap", write({**RIGHT, "second": {**second, "data_offsets": [112, 144]}}, data=144)
    for name in ("", "a b", "a\0b", "x" * 300, "..\\x", "\u00e9"):
        yield f"name {name[:20]!r}", write({name: RIGHT["first"], "second": second})
    others: tuple[Any, ...] = ([], {"a": 1}, {"a": None}, "text")
    for metadata in others:
        yield f"metadata {metadata!r}", write({**RIGHT, "__metadata__": metadata})
    text = json.dumps(RIGHT)
    yield "a tensor twice", write(text.replace('"second"', '"first"').encode())
    yield "a tensor twice by escapes", write(text.replace('"second"', '"\\u0066irst"').encode())
    yield "a tensor twice, the last one right", write(b'{"first": 1, ' + text[1:].encode())
    yield "the metadata twice", write(b'{"__metadata__": {"a": "b"}, ' + text[1:].encode())
    yield "a member twice", write(text.replace('"dtype"', '"shape": [1], "dtype"', 1).encode())
    yield "a further member", with_first(more=1)
    yield "no number", write(text.replace("128", "NaN", 1).encode())
    yield "a space before", write(b" " + text.encode())
    yield "very deep", write(b'{"a":' * 3_000 + b"1" + b"}" * 3_000)
    for data in (0, DATA - 1, DATA + 1, DATA * 2):
        yield f"{data} bytes of data", write(RIGHT, data=data)
    for length in (2, len(text) - 1, len(text) + 1, 2**31, 2**32, 2**63, 2**64 - 1):
        yield f"a header of {length} bytes", write(RIGHT, length=length)

"""GGUF files as bytes, written from the format's text: right ones, and ones that lie about a single thing."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final, TypeAlias

from locara.records import dataclass

Value: TypeAlias = str | bool | int | float | list[str] | list[int]

F32: Final = 0
F16: Final = 1
_U32, _I32, _F32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: dimensions innermost first, the number of its type, and its bytes."""

    name: str
    dimensions: tuple[int, ...]
    kind: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Lies:
    """What the header says in place of the truth. Offsets are added to the true ones."""

    magic: bytes = b"GGUF"
    version: int = 3
    tensors: int | None = None
    keys: int | None = None
    offsets: Mapping[int, int] = field(default_factory=dict)


def text(value: str | bytes) -> bytes:
    """A string with its length before it."""
    raw = value.encode("utf-8") if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str | bytes, value: Value) -> bytes:
    """One entry of the metadata."""
    return text(key) + _typed(value)


def table_row(tensor: Tensor, offset: int) -> bytes:
    """One entry of the tensor table."""
    rank = len(tensor.dimensions)
    numbers = struct.pack(f"<I{rank}QIQ", rank, *tensor.dimensions, tensor.kind, offset)
    return text(tensor.name) + numbers


def write(
    metadata: Mapping[str, Value],
    tensors: Sequence[Tensor],
    *,
    lies: Lies | None = None,
    more_keys: bytes = b"",
    alignment: int = 32,
) -> bytes:
    """A file. `more_keys` are entries already encoded, which the count does not include unless it lies."""
    lies = lies or Lies()
    offset, rows, data = 0, [], []
    for number, tensor in enumerate(tensors):
        rows.append(table_row(tensor, (offset + lies.offsets.get(number, 0)) % 2**64))
        padding = -len(tensor.data) % alignment
        data.append(tensor.data + bytes(padding))
        offset += len(tensor.data) + padding
    counts = (
        len(tensors) if lies.tensors is None else lies.tensors,
        len(metadata) if lies.keys is None else lies.keys,
    )
    head = lies.magic + struct.pack("<IQQ", lies.version, *counts)
    head += b"".join(pair(key, value) for key, value in metadata.items()) + more_keys + b"".join(rows)
    return head + bytes(-len(head) % alignment) + b"".join(data)


def _typed(value: Value) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<IB", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _U32, value)
    if isinstance(value, float):
        return struct.pack("<If", _F32, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + text(value)
    if all(isinstance(item, str) for item in value):
        return struct.pack("<IIQ", _ARRAY, _STRING, len(value)) + b"".join(text(str(item)) for item in value)
    return struct.pack("<IIQ", _ARRAY, _I32, len(value)) + b"".join(struct.pack("<i", item) for item in value)

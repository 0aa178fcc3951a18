"""The header reader accepts what a writer writes and refuses everything else, in bounded memory."""

import io
import struct
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import ModelError
from locara.inference.gguf import TENSOR_TYPES, Header, read_header

FIXTURE = Path(__file__).parents[3] / "fixtures/models/locara-tiny-chat.gguf"
MEMORY_LIMIT = 8 << 20
BOUNDARIES = [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1]


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, count: int, content: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + content


@dataclass
class Blueprint:
    """A GGUF file to be; every part can be replaced by a lie."""

    magic: bytes = b"GGUF"
    version: int = 3
    pairs: list[bytes] = field(default_factory=lambda: [pair(b"general.architecture", 8, text(b"llama"))])
    tensors: list[tuple[bytes, tuple[int, ...], int, int]] = field(
        default_factory=lambda: [(b"a.weight", (32, 2), 0, 0), (b"b.weight", (32,), 8, 256)]
    )
    tensor_count: int | None = None
    pair_count: int | None = None
    alignment: int = 32
    data: int = 320

    def build(self) -> bytes:
        out = self.magic + struct.pack("<I", self.version)
        out += struct.pack("<Q", len(self.tensors) if self.tensor_count is None else self.tensor_count)
        out += struct.pack("<Q", len(self.pairs) if self.pair_count is None else self.pair_count)
        out += b"".join(self.pairs)
        for name, dimensions, kind, offset in self.tensors:
            out += text(name) + struct.pack("<I", len(dimensions))
            out += b"".join(struct.pack("<Q", d) for d in dimensions) + struct.pack("<IQ", kind, offset)
        return out + bytes(-len(out) % self.alignment) + bytes(self.data)


def read(data: bytes) -> Header:
    return read_header(io.BytesIO(data), len(data))


def refused(data: bytes) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(ModelError) as caught:
            read(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.code == "bad_format"
    assert peak < MEMORY_LIMIT
    return caught.value.message


def test_the_blueprint_is_acceptable() -> None:
    header = read(Blueprint().build())
    assert header.version == 3
    assert header.metadata == {"general.architecture": "llama"}
    assert [(t.name, t.dimensions, t.size, t.offset) for t in header.tensors] == [
        ("a.weight", (32, 2), 256, 0),
        ("b.weight", (32,), 34, 256),
    ]


def test_the_fixture_model_is_acceptable() -> None:
    data = FIXTURE.read_bytes()
    header = read(data)
    assert header.metadata["general.architecture"] == "llama"
    assert header.arrays["tokenizer.ggml.tokens"] == 768
    last = header.tensors[-1]
    assert header.data_offset + last.offset + last.size <= len(data)


def hostile() -> Iterator[tuple[str, Blueprint, str]]:
    yield "magic", Blueprint(magic=b"GGJT"), "not a GGUF"
    yield "zip", Blueprint(magic=b"PK\3\4"), "not a GGUF"
    yield "version 1", Blueprint(version=1), "version 1"
    yield "version 4", Blueprint(version=4), "version 4"
    yield "big endian", Blueprint(version=3 << 24), "version"
    for number in BOUNDARIES[2:]:
        yield f"{number} tensors", Blueprint(tensor_count=number), "more than any model"
        yield f"{number} pairs", Blueprint(pair_count=number), "more than any model"
        yield f"offset {number}", Blueprint(tensors=[(b"a", (32,), 0, number)]), "offset"
        yield f"dimension {number}", Blueprint(tensors=[(b"a", (number,), 0, 0)]), "a"
        yield (
            f"array of {number}",
            Blueprint(pairs=[pair(b"k", 9, array(0, number, b""))]),
            "longer" if number > 4_000_000 else "cut off",
        )
        yield f"key of {number}", Blueprint(pairs=[struct.pack("<Q", number)]), "longer"
        yield f"string of {number}", Blueprint(pairs=[pair(b"k", 8, struct.pack("<Q", number))]), "longer"
        yield (
            f"array string of {number}",
            Blueprint(pairs=[pair(b"k", 9, array(8, 1, struct.pack("<Q", number)))]),
            "longer",
        )
    yield "one more tensor than there is", Blueprint(tensor_count=3), ""
    yield "product wraps to 0", Blueprint(tensors=[(b"a", (2**32, 2**32), 0, 0)]), "elements"
    yield "product wraps to small", Blueprint(tensors=[(b"a", (2**33 + 32, 2**31, 2), 0, 0)]), "elements"
    yield "zero dimension", Blueprint(tensors=[(b"a", (32, 0), 0, 0)]), "elements"
    yield "no dimension", Blueprint(tensors=[(b"a", (), 0, 0)]), "0 dimensions"
    yield "five dimensions", Blueprint(tensors=[(b"a", (1, 1, 1, 1, 1), 0, 0)]), "5 dimensions"
    yield "rows not of blocks", Blueprint(tensors=[(b"a", (33,), 8, 0)]), "do not fit"
    for kind in (4, 5, 9, 15, 31, 36, 38, 255, 2**31, 2**32 - 1):
        yield f"tensor type {kind}", Blueprint(tensors=[(b"a", (32,), kind, 0)]), "unknown type"
    yield "overlap", Blueprint(tensors=[(b"a", (32, 2), 0, 0), (b"b", (32,), 0, 128)]), "expected 256"
    yield "gap", Blueprint(tensors=[(b"a", (32,), 0, 0), (b"b", (32,), 0, 256)]), "expected 128"
    yield "backwards", Blueprint(tensors=[(b"a", (32,), 0, 128), (b"b", (32,), 0, 0)]), "expected 0"
    yield "beyond the file", Blueprint(data=200), "need"
    yield "far beyond the file", Blueprint(tensors=[(b"a", (2**40,), 0, 0)]), "beyond the end"
    yield "name twice", Blueprint(tensors=[(b"a", (32,), 0, 0), (b"a", (32,), 0, 128)]), "twice"
    yield "no name", Blueprint(tensors=[(b"", (32,), 0, 0)]), "no name"
    yield "long name", Blueprint(tensors=[(b"a" * 64, (32,), 0, 0)]), "longer than 63"
    yield "NUL in name", Blueprint(tensors=[(b"a\0b", (32,), 0, 0)]), "NUL"
    yield "key twice", Blueprint(pairs=[pair(b"k", 4, b"\1\0\0\0")] * 2), "twice"
    yield "empty key", Blueprint(pairs=[pair(b"", 4, b"\1\0\0\0")]), "empty"
    yield "key not text", Blueprint(pairs=[pair(b"\xff", 4, b"\1\0\0\0")]), "UTF-8"
    yield "value not text", Blueprint(pairs=[pair(b"k", 8, text(b"\xc3\x28"))]), "UTF-8"
    yield "NUL in value", Blueprint(pairs=[pair(b"k", 8, text(b"a\0b"))]), "NUL"
    for kind in (13, 255, 2**32 - 1):
        yield f"value type {kind}", Blueprint(pairs=[pair(b"k", kind, bytes(8))]), "unknown type"
        yield f"array type {kind}", Blueprint(pairs=[pair(b"k", 9, array(kind, 1, bytes(8)))]), "not allowed"
    yield "nested array", Blueprint(pairs=[pair(b"k", 9, array(9, 1, array(0, 1, b"\0")))]), "not allowed"
    yield "boolean 2", Blueprint(pairs=[pair(b"k", 7, b"\2")]), "boolean"
    for value in (0, 3, 4, 24, 2**17, 2**31, 2**32 - 1):
        key = pair(b"general.alignment", 4, struct.pack("<I", value))
        yield f"alignment {value}", Blueprint(pairs=[key]), "alignment"
    yield "alignment text", Blueprint(pairs=[pair(b"general.alignment", 8, text(b"32"))]), "alignment"
    yield "alignment true", Blueprint(pairs=[pair(b"general.alignment", 7, b"\1")]), "alignment"


@pytest.mark.parametrize(("blueprint", "why"), [pytest.param(b, w, id=n) for n, b, w in hostile()])
def test_a_lie_in_the_header_is_refused(blueprint: Blueprint, why: str) -> None:
    assert why in refused(blueprint.build())


def test_every_truncation_is_refused() -> None:
    data = Blueprint().build()
    needed = len(data) - 320 + 256 + 34
    for length in range(needed):
        with pytest.raises(ModelError) as caught:
            read(data[:length])
        assert caught.value.code == "bad_format"
    assert read(data[:needed])


def test_a_file_shorter_than_its_size_says_is_refused() -> None:
    data = Blueprint().build()
    with pytest.raises(ModelError) as caught:
        read_header(io.BytesIO(data[:40]), len(data))
    assert caught.value.code == "bad_format"


def test_millions_of_empty_strings_cost_no_memory() -> None:
    blueprint = Blueprint(pairs=[pair(b"k", 9, array(8, 200_000, bytes(8 * 200_000)))], tensors=[], data=0)
    tracemalloc.start()
    header = read(data := blueprint.build())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert header.arrays == {"k": 200_000}
    assert peak < len(data) + MEMORY_LIMIT


def test_texts_are_bounded_together_and_not_only_each() -> None:
    long = text("\U0001f600".encode() + b"a" * ((1 << 20) - 100))

    def written(count: int) -> bytes:
        return Blueprint(pairs=[pair(b"k%d" % n, 8, long) for n in range(count)], tensors=[], data=0).build()

    assert len(read(written(4)).metadata) == 4
    with pytest.raises(ModelError, match="together"):
        read(written(5))


def test_the_type_table_agrees_with_the_writer() -> None:
    for kind, (items, size) in TENSOR_TYPES.items():
        assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(kind)] == (items, size)


SEED = Blueprint(
    pairs=[
        pair(b"general.architecture", 8, text(b"llama")),
        pair(b"general.alignment", 4, struct.pack("<I", 32)),
        pair(b"tokens", 9, array(8, 2, text(b"a") + text(b"bc"))),
        pair(b"scores", 9, array(6, 3, bytes(12))),
        pair(b"flag", 7, b"\1"),
    ]
).build()


@settings(deadline=None, max_examples=400)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SEED) - 8),
            st.one_of(
                st.binary(min_size=1, max_size=8),
                st.sampled_from(BOUNDARIES).map(lambda n: struct.pack("<Q", n)),
                st.sampled_from(BOUNDARIES).map(lambda n: struct.pack("<I", n & 0xFFFFFFFF)),
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, len(SEED)),
)
def test_any_damage_is_accepted_whole_or_refused(edits: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(SEED)
    for at, patch in edits:
        data[at : at + len(patch)] = patch
    data = data[: cut or None]
    tracemalloc.start()
    try:
        header = read(bytes(data))
    except ModelError as error:
        assert error.code == "bad_format"
    else:
        # Whatever was accepted lies inside the file and does not overlap.
        end = 0
        for tensor in header.tensors:
            assert tensor.offset >= end
            end = tensor.offset + tensor.size
        assert header.data_offset + end <= len(data)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY_LIMIT

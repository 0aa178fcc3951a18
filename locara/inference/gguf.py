"""A bounded reader of GGUF headers: decides whether a file may be given to the native loader.

Source: the GGUF specification, versions 2 and 3, little endian. The reader keeps names and at most four
mebibytes of text, never recurses and computes with Python integers, so that no count or product can wrap
around. It is stricter than the format where leniency has been a memory error in native loaders: duplicate
keys and names, nested arrays, unknown types, tensors that overlap, leave gaps or reach beyond the file are
all refused.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO, Final

from locara.errors import ModelError
from locara.records import dataclass

MAGIC: Final = b"GGUF"
VERSIONS: Final = frozenset({2, 3})
MAX_KEYS: Final = 4_096
MAX_TENSORS: Final = 65_536
MAX_HEADER_BYTES: Final = 256 << 20
MAX_KEY_BYTES: Final = 256
MAX_STRING_BYTES: Final = 1 << 20
MAX_KEPT_BYTES: Final = 4 << 20  # all values that are texts; a chat template has some ten thousand
MAX_ARRAY_ITEMS: Final = 4_000_000
MAX_TENSOR_NAME_BYTES: Final = 63  # the native loader keeps 64 with the final NUL
MAX_DIMENSIONS: Final = 4
MAX_ALIGNMENT: Final = 1 << 16
DEFAULT_ALIGNMENT: Final = 32
_SKIP: Final = 1 << 16

# value type id -> (struct code, bytes); 8 is a string, 9 an array
_SCALARS: Final[Mapping[int, struct.Struct]] = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_BOOL, _STRING, _ARRAY = 7, 8, 9

# tensor type id -> (elements in a block, bytes of a block). Types that native code
# has removed, or only uses while computing, are absent.
TENSOR_TYPES: Final[Mapping[int, tuple[int, int]]] = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
    34: (256, 54),  # TQ1_0
    35: (256, 66),  # TQ2_0
    39: (32, 17),  # MXFP4
}

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: dimensions innermost first, offset in bytes from the start of the data section."""

    name: str
    dimensions: tuple[int, ...]
    type_id: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says. metadata holds scalars and strings; arrays are checked and counted, not kept."""

    version: int
    metadata: Mapping[str, Scalar]
    arrays: Mapping[str, int]
    tensors: tuple[Tensor, ...]
    data_offset: int


def read_header(file: BinaryIO, size: int) -> Header:
    """Read the header of an open file of `size` bytes, from its start.

    Raises ModelError `bad_format` for everything that is not a complete, consistent GGUF file of a known
    version.
    """
    reader = _Reader(file, size)
    if reader.take(4) != MAGIC:
        raise _bad("this is not a GGUF file")
    version = reader.u32()
    if version not in VERSIONS:
        raise _bad(f"GGUF version {version} is not supported (2 and 3 are)")
    tensor_count, key_count = reader.u64(), reader.u64()
    if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        raise _bad(f"{tensor_count} tensors and {key_count} keys are more than any model has")
    metadata: dict[str, Scalar] = {}
    arrays: dict[str, int] = {}
    for _ in range(key_count):
        key = reader.text(MAX_KEY_BYTES, "a key")
        if not key or key in metadata or key in arrays:
            raise _bad(f"the key {key!a} is empty or there twice")
        kind = reader.u32()
        if kind == _ARRAY:
            arrays[key] = reader.array()
        else:
            metadata[key] = reader.value(kind)
    alignment = _alignment(metadata)
    tensors = _read_tensors(reader, tensor_count, alignment)
    data_offset = _round_up(reader.position, alignment)
    end = data_offset + (tensors[-1].offset + tensors[-1].size if tensors else 0)
    if end > size:
        raise _bad(f"the tensors need {end} bytes, the file has {size}")
    return Header(version, metadata, arrays, tensors, data_offset)


def _alignment(metadata: Mapping[str, Scalar]) -> int:
    value = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if type(value) is not int or not 8 <= value <= MAX_ALIGNMENT or value & (value - 1):
        raise _bad(f"an alignment of {value!r} is not a power of two from 8 to {MAX_ALIGNMENT}")
    return value


def _read_tensors(reader: _Reader, count: int, alignment: int) -> tuple[Tensor, ...]:
    """Read the tensor table. Tensors follow one another exactly, in order, padded to the alignment."""
    tensors: list[Tensor] = []
    names: set[str] = set()
    expected = 0
    for _ in range(count):
        name = reader.text(MAX_TENSOR_NAME_BYTES, "a tensor name")
        if not name or name in names:
            raise _bad(f"the tensor {name!a} has no name or is there twice")
        names.add(name)
        rank = reader.u32()
        if not 1 <= rank <= MAX_DIMENSIONS:
            raise _bad(f"the tensor {name!a} has {rank} dimensions")
        dimensions = tuple(reader.u64() for _ in range(rank))
        type_id, offset = reader.u32(), reader.u64()
        size = _tensor_bytes(name, dimensions, type_id)
        if offset != expected:
            raise _bad(f"the tensor {name!a} is at offset {offset}, expected {expected}")
        tensors.append(Tensor(name, dimensions, type_id, offset, size))
        expected = _round_up(offset + size, alignment)
        if offset + size > reader.size:
            raise _bad(f"the tensor {name!a} reaches beyond the end of the file")
    return tuple(tensors)


def _tensor_bytes(name: str, dimensions: tuple[int, ...], type_id: int) -> int:
    block = TENSOR_TYPES.get(type_id)
    if block is None:
        raise _bad(f"the tensor {name!a} has the unknown type {type_id}")
    items, block_bytes = block
    if dimensions[0] % items:
        raise _bad(f"rows of {dimensions[0]} in tensor {name!a} do not fit its blocks of {items}")
    elements = 1
    for dimension in dimensions:
        elements *= dimension
    if not 0 < elements < 2**62:
        raise _bad(f"the tensor {name!a} has {elements} elements")
    return elements // items * block_bytes


class _Reader:
    """Reads forward only and refuses to pass the end of the file or the size limit of a header."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self._limit = min(size, MAX_HEADER_BYTES)
        self._room = MAX_KEPT_BYTES
        self.position = 0

    def take(self, count: int) -> bytes:
        """Return exactly `count` bytes; only called with counts that were bounded before."""
        if count > self._limit - self.position:
            raise _bad("the header is cut off or too large")
        data = self._file.read(count)
        if len(data) != count:
            raise _bad("the file is shorter than its size says")
        self.position += count
        return data

    def skip(self, count: int) -> None:
        """Pass over bytes in small pieces; a count beyond the file is refused before anything is read."""
        if count > self._limit - self.position:
            raise _bad("the header is cut off or too large")
        while count:
            step = min(count, _SKIP)
            self.take(step)
            count -= step

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def text(self, limit: int, what: str) -> str:
        """Return a string of at most `limit` bytes that is UTF-8 without NUL."""
        length = self.u64()
        if length > limit:
            raise _bad(f"{what} of {length} bytes is longer than {limit}")
        data = self.take(length)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _bad(f"{what} is not UTF-8") from error
        if "\0" in text:
            raise _bad(f"{what} holds a NUL character")
        return text

    def value(self, kind: int) -> Scalar:
        """Return one scalar or string."""
        if kind == _STRING:
            before = self.position
            text = self.text(MAX_STRING_BYTES, "a value")
            self._room -= self.position - before
            if self._room < 0:
                raise _bad(f"its texts are longer than {MAX_KEPT_BYTES} bytes together")
            return text
        shape = _SCALARS.get(kind)
        if shape is None:
            raise _bad(f"a value has the unknown type {kind}")
        data = self.take(shape.size)
        if kind == _BOOL and data not in (b"\0", b"\1"):
            raise _bad("a boolean is neither 0 nor 1")
        value: Scalar = shape.unpack(data)[0]
        return value

    def array(self) -> int:
        """Check one array and return its length; its content is passed over."""
        kind, count = self.u32(), self.u64()
        if count > MAX_ARRAY_ITEMS:
            raise _bad(f"an array of {count} items is longer than {MAX_ARRAY_ITEMS}")
        shape = _SCALARS.get(kind)
        if shape is not None:
            self.skip(count * shape.size)
        elif kind == _STRING:
            self._pass_over(count)
        else:
            raise _bad(f"an array of the type {kind} is not allowed")
        return count

    def _pass_over(self, count: int) -> None:
        """Check so many strings. A vocabulary has some ten thousand, so what `take` does is done here in place."""
        read, limit, at = self._file.read, self._limit, self.position
        for _ in range(count):
            head = read(8) if limit - at >= 8 else b""
            length = int.from_bytes(head, "little")
            if length > MAX_STRING_BYTES:
                raise _bad(f"a string of {length} bytes in an array is longer than {MAX_STRING_BYTES}")
            if len(head) != 8 or length > limit - at - 8:
                raise _bad("the header is cut off or too large")
            at += 8
            if length > _SKIP:
                self.position = at
                self.skip(length)
            elif len(read(length)) != length:
                raise _bad("the file is shorter than its size says")
            at += length
        self.position = at


def _round_up(value: int, step: int) -> int:
    return (value + step - 1) // step * step


def _bad(message: str) -> ModelError:
    return ModelError(message, code="bad_format")

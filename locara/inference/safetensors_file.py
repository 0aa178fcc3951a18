"""A bounded reader of safetensors headers: decides whether a file may be given to a native loader.

Source: the safetensors format: eight bytes of length, a JSON object that names each tensor's type, shape and
place, then the data. Stricter where leniency has been an error elsewhere: no key twice, no gap, no overlap, no
byte that belongs to nobody, and numbers that are whole and small enough to multiply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from locara.core import strict_json
from locara.errors import ManifestError, ModelError
from locara.records import dataclass

MAX_HEADER_BYTES: Final = 64 << 20
MAX_TENSORS: Final = 65_536
MAX_NAME: Final = 256
MAX_DIMENSIONS: Final = 8
MAX_ELEMENTS: Final = 2**48
BYTES_OF: Final[Mapping[str, int]] = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2,
    "U8": 1, "BOOL": 1,
}  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9_.\-/]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; begin and end are bytes from the start of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says. Tensors are in the order of their data."""

    metadata: Mapping[str, str]
    tensors: tuple[Tensor, ...]
    data_offset: int


def is_safetensors(start: bytes) -> bool:
    """Whether the first nine bytes of a file could begin a safetensors file."""
    return len(start) >= 9 and int.from_bytes(start[:8], "little") <= MAX_HEADER_BYTES and start[8:9] == b"{"


def read_header(file: BinaryIO, size: int) -> Header:
    """Read the header of an open file of `size` bytes, from its start.

    Raises ModelError `bad_format` for everything that is not a complete, consistent file.
    """
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) != 8 or not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        raise _bad("the length of the header is not inside the file")
    data = file.read(length)
    if len(data) != length or not data.startswith(b"{"):
        raise _bad("the header is cut off or no object")
    try:
        document: Any = strict_json.parse(data, source="header", max_bytes=MAX_HEADER_BYTES).value
    except ManifestError as error:
        raise _bad(f"the header is not strict JSON ({error.code})") from error
    if not isinstance(document, dict) or not 1 <= len(document) <= MAX_TENSORS:
        raise _bad("the header is no object of tensors")
    metadata = document.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _bad("__metadata__ is not an object of texts")
    tensors = sorted(
        (_tensor(name, value) for name, value in document.items()), key=lambda t: (t.begin, t.end)
    )
    _check_places(tensors, size - 8 - length)
    return Header(metadata, tuple(tensors), 8 + length)


def _check_places(tensors: list[Tensor], size: int) -> None:
    """Tensors follow one another exactly and fill the data."""
    expected = 0
    for tensor in tensors:
        if tensor.begin != expected:
            raise _bad(f"the tensor {tensor.name!a} begins at {tensor.begin}, expected {expected}")
        expected = tensor.end
    if expected != size:
        raise _bad(f"the tensors have {expected} bytes, the file has {size} for them")


def _tensor(name: str, value: object) -> Tensor:
    if not _NAME.fullmatch(name):
        raise _bad(f"the tensor name {name[:40]!a} is not plain")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _bad(f"the tensor {name!a} has not exactly dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    width = BYTES_OF.get(dtype) if isinstance(dtype, str) else None
    if width is None:
        raise _bad(f"the tensor {name!a} has an unknown type")
    if not _are_whole(shape) or len(shape) > MAX_DIMENSIONS or not _are_whole(offsets) or len(offsets) != 2:
        raise _bad(f"the shape or place of the tensor {name!a} is not made of whole numbers")
    elements = 1
    for dimension in shape:
        elements *= dimension
    if not 0 < elements <= MAX_ELEMENTS:
        raise _bad(f"the tensor {name!a} has {elements} elements")
    begin, end = offsets
    if end - begin != elements * width:
        raise _bad(f"the tensor {name!a} has {end - begin} bytes, its shape needs {elements * width}")
    return Tensor(name, dtype, tuple(shape), begin, end)


def _are_whole(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**62 for value in values)


def _bad(message: str) -> ModelError:
    return ModelError(f"safetensors: {message}", code="bad_format")

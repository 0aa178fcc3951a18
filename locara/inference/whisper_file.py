"""A strict reader of whisper model files: decides whether one may be given to the native loader.

Source: the ggml container as whisper.cpp 1.8 reads it, little endian. The native loader trusts most of what it
reads: lengths of words and names become allocations, the mel filters and the vocabulary become indices, and a
mismatch is an `assert` that release builds leave out. So nothing is left to it. The shape numbers must be of
the published family, the table of tensors follows from them, and a file must hold exactly that table: each
tensor once, in its one type and size, and nothing before the end of the file but those.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

from locara.errors import ModelError
from locara.records import dataclass

MAGIC: Final = 0x67676D6C
VOCABULARIES: Final = frozenset({51_864, 51_865, 51_866})  # English; 99 languages; 100 languages
AUDIO_CONTEXT: Final = 1_500  # 30 seconds in steps of 20 ms
MAX_TEXT_CONTEXT: Final = 448
MIN_TEXT_CONTEXT: Final = 64
MAX_STATE: Final = 2_048
MAX_HEADS: Final = 64
MAX_LAYERS: Final = 64
MELS: Final = frozenset({80, 128})
FFT_BINS: Final = 201  # of a window of 400 samples
MAX_WORD_BYTES: Final = 256
MAX_NAME_BYTES: Final = 64
_QUANTIZATION: Final = 2_000  # the current version of quantized blocks, in thousands

_F32, _F16 = 0, 1
# file type -> tensor type of the large matrices
_MATRIX_TYPES: Final[Mapping[int, int]] = {0: _F32, 1: _F16, 2: 2, 3: 3, 7: 8, 8: 6, 9: 7}
# tensor type -> (elements in a block, bytes of a block): F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0
_BLOCKS: Final[Mapping[int, tuple[int, int]]] = {
    _F32: (1, 4),
    _F16: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
}

Expected = dict[str, tuple[tuple[int, ...], int]]


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers at the start of a file, in its order."""

    vocabulary: int
    audio_context: int
    audio_state: int
    audio_heads: int
    audio_layers: int
    text_context: int
    text_state: int
    text_heads: int
    text_layers: int
    mels: int
    file_type: int

    @property
    def multilingual(self) -> bool:
        """Whether the model knows more languages than English."""
        return self.vocabulary > min(VOCABULARIES)


def check_model(data: memoryview) -> Shape:
    """Read the whole structure of a model file that lies in memory.

    Raises ModelError `bad_format` for everything that is not a complete whisper model of a known shape. Reads
    headers and names only, never the weights.
    """
    reader = _Reader(data)
    if reader.u32() != MAGIC:
        raise _bad("this is not a whisper model file")
    shape = Shape(*struct.unpack("<11i", reader.take(44)))
    matrix_type = _check_shape(shape)
    mels, bins = reader.u32(), reader.u32()
    if (mels, bins) != (shape.mels, FFT_BINS):
        raise _bad(f"mel filters of {mels} by {bins} do not fit this shape")
    reader.take(mels * bins * 4)
    _check_words(reader, shape)
    expected = {name: (dims, kind) for name, dims, kind in _tensors(shape, matrix_type)}
    while expected:
        _check_tensor(reader, expected)
    if reader.left:
        raise _bad(f"{reader.left} bytes follow after the last tensor")
    return shape


def _check_shape(shape: Shape) -> int:
    """Return the tensor type of the matrices; raises ModelError for a shape outside the family."""
    version = shape.file_type - shape.file_type % 1_000
    matrix_type = _MATRIX_TYPES.get(shape.file_type - version)
    problems = {
        "a vocabulary": shape.vocabulary in VOCABULARIES,
        "an audio context": shape.audio_context == AUDIO_CONTEXT,
        "a text context": MIN_TEXT_CONTEXT <= shape.text_context <= MAX_TEXT_CONTEXT,
        "a state": 32 <= shape.audio_state <= MAX_STATE and shape.audio_state % 32 == 0,
        "one state for sound and text": shape.audio_state == shape.text_state,
        "heads of the encoder": _divides(shape.audio_heads, shape.audio_state),
        "heads of the decoder": _divides(shape.text_heads, shape.text_state),
        "layers": 1 <= shape.audio_layers <= MAX_LAYERS and 1 <= shape.text_layers <= MAX_LAYERS,
        "mel bands": shape.mels in MELS,
        "a file type": matrix_type is not None
        and (version == _QUANTIZATION or (version == 0 and matrix_type in {_F32, _F16})),
    }
    wrong = [what for what, fine in problems.items() if not fine]
    if wrong or matrix_type is None:
        raise _bad(f"{', '.join(wrong)}: not of the whisper family ({shape})")
    return matrix_type


def _divides(heads: int, state: int) -> bool:
    return 1 <= heads <= MAX_HEADS and state % heads == 0 and (state // heads) % 8 == 0


def _check_words(reader: _Reader, shape: Shape) -> None:
    count = reader.u32()
    if not 1 <= count <= shape.vocabulary:
        raise _bad(f"{count} words do not fit a vocabulary of {shape.vocabulary}")
    blank = False
    for _ in range(count):
        length = reader.u32()
        if length > MAX_WORD_BYTES:
            raise _bad(f"a word of {length} bytes is longer than {MAX_WORD_BYTES}")
        blank |= bytes(reader.take(length)) == b" "
    if not blank:
        raise _bad("the vocabulary has no blank, which decoding needs")


def _check_tensor(reader: _Reader, expected: Expected) -> None:
    """Pass over one tensor and take it from the expected ones."""
    rank, length, kind = reader.u32(), reader.u32(), reader.u32()
    if not 1 <= rank <= 3 or not 1 <= length <= MAX_NAME_BYTES:
        raise _bad(f"a tensor with {rank} dimensions and a name of {length} bytes is not believable")
    dims = struct.unpack(f"<{rank}I", reader.take(4 * rank))
    name = bytes(reader.take(length)).decode("ascii", "replace")
    wanted = expected.pop(name, None)
    if wanted is None:
        raise _bad(f"the tensor {name!a} does not belong to this shape, or is there twice")
    if (_trimmed(dims), kind) != (_trimmed(wanted[0]), wanted[1]):
        raise _bad(
            f"the tensor {name!a} has shape {dims} and type {kind}, expected {wanted[0]} and {wanted[1]}"
        )
    items, size = _BLOCKS[kind]
    if dims[0] % items:
        raise _bad(f"rows of {dims[0]} in tensor {name!a} do not fit blocks of {items}")
    elements = 1
    for dimension in dims:
        elements *= dimension
    reader.take(elements // items * size)


def _trimmed(dims: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions without ones at the end, which files write or leave out."""
    while len(dims) > 1 and dims[-1] == 1:
        dims = dims[:-1]
    return dims


def _tensors(shape: Shape, matrix: int) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Name, dimensions (innermost first) and type of every tensor of a shape."""
    state = shape.audio_state
    convolution = _F32 if matrix == _F32 else _F16
    yield "encoder.positional_embedding", (state, shape.audio_context), _F32
    yield "encoder.conv1.weight", (3, shape.mels, state), convolution
    yield "encoder.conv1.bias", (1, state), _F32
    yield "encoder.conv2.weight", (3, state, state), convolution
    yield "encoder.conv2.bias", (1, state), _F32
    yield from _norm("encoder.ln_post", state)
    yield "decoder.positional_embedding", (state, shape.text_context), _F32
    yield "decoder.token_embedding.weight", (state, shape.vocabulary), matrix
    yield from _norm("decoder.ln", state)
    for side, layers, kinds in (
        ("encoder", shape.audio_layers, ("attn",)),
        ("decoder", shape.text_layers, ("attn", "cross_attn")),
    ):
        for layer in range(layers):
            block = f"{side}.blocks.{layer}"
            for kind in kinds:
                yield from _attention(f"{block}.{kind}", state, matrix)
            yield from _norm(f"{block}.mlp_ln", state)
            yield f"{block}.mlp.0.weight", (state, 4 * state), matrix
            yield f"{block}.mlp.0.bias", (4 * state,), _F32
            yield f"{block}.mlp.2.weight", (4 * state, state), matrix
            yield f"{block}.mlp.2.bias", (state,), _F32


def _norm(name: str, state: int) -> Iterator[tuple[str, tuple[int, ...], int]]:
    yield f"{name}.weight", (state,), _F32
    yield f"{name}.bias", (state,), _F32


def _attention(name: str, state: int, matrix: int) -> Iterator[tuple[str, tuple[int, ...], int]]:
    yield from _norm(f"{name}_ln", state)
    for part in ("query", "key", "value", "out"):
        yield f"{name}.{part}.weight", (state, state), matrix
        if part != "key":
            yield f"{name}.{part}.bias", (state,), _F32


class _Reader:
    """Reads forward only and refuses to pass the end."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return len(self._data) - self._position

    def take(self, count: int) -> memoryview:
        """A view of exactly `count` bytes."""
        if count > self.left:
            raise _bad("the file is cut off")
        start = self._position
        self._position += count
        return self._data[start : self._position]

    def u32(self) -> int:
        """One number; negative ones of the format become huge and fail every limit."""
        return int.from_bytes(self.take(4), "little")


def _bad(message: str) -> ModelError:
    return ModelError(f"the model file is refused: {message}", code="bad_format")

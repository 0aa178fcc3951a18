"""The reader of whisper files accepts a right file and refuses each single lie before native code sees it."""

import struct
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import ModelError
from locara.inference.whisper_file import FFT_BINS, Shape, _tensors, check_model

SHAPE = Shape(51_864, 1_500, 32, 4, 1, 64, 32, 4, 1, 80, 1)
BYTES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34)}


@dataclass(frozen=True)
class Blueprint:
    """A whisper file to be; every part can be replaced by a lie."""

    magic: int = 0x67676D6C
    shape: Shape = SHAPE
    matrix: int = 1
    mels: tuple[int, int] = (80, FFT_BINS)
    words: tuple[bytes, ...] = (b" ", b"word", b"")
    word_count: int | None = None
    names: dict[str, str] = field(default_factory=dict)
    leave_out: str = ""
    twice: str = ""
    tail: bytes = b""

    def build(self) -> bytes:
        shape = self.shape
        numbers = [getattr(shape, name) for name in Shape.__dataclass_fields__]
        out = bytearray(struct.pack("<I11i2I", self.magic, *numbers, *self.mels))
        out += bytes(4 * self.mels[0] * self.mels[1])
        out += struct.pack("<I", len(self.words) if self.word_count is None else self.word_count)
        for word in self.words:
            out += struct.pack("<I", len(word)) + word
        for name, dims, kind in _tensors(SHAPE, self.matrix):
            if name != self.leave_out:
                out += self.tensor(name, dims, kind) * (2 if name == self.twice else 1)
        return bytes(out + self.tail)

    def tensor(self, name: str, dims: tuple[int, ...], kind: int) -> bytes:
        shown = self.names.get(name, name).encode()
        items, size = BYTES[kind]
        count = 1
        for dimension in dims:
            count *= dimension
        head = struct.pack("<3I", len(dims), len(shown), kind) + struct.pack(f"<{len(dims)}I", *dims)
        return head + shown + bytes(count // items * size)


RIGHT = Blueprint().build()


def refused(data: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        check_model(memoryview(data))
    assert caught.value.code == "bad_format"
    return caught.value.message


def test_right_files_are_accepted() -> None:
    assert check_model(memoryview(RIGHT)) == SHAPE
    assert not SHAPE.multilingual
    plain = Blueprint(shape=replace(SHAPE, file_type=0), matrix=0).build()
    assert check_model(memoryview(plain)).file_type == 0
    quantized = Blueprint(shape=replace(SHAPE, file_type=2_007), matrix=8).build()
    assert check_model(memoryview(quantized)).file_type == 2_007


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("vocabulary", (-1, 0, 51_863, 51_867, 2**31 - 1)),
        ("audio_context", (0, 1_499, 1_501, -1)),
        ("audio_state", (0, 31, 33, 64, 4_096, -32)),
        ("audio_heads", (0, 3, 32, 65, -4)),
        ("audio_layers", (0, -1, 65, 2**31 - 1)),
        ("text_context", (0, 63, 449, -1)),
        ("text_state", (64, 0)),
        ("text_heads", (0, 5, -1)),
        ("text_layers", (0, -1, 65)),
        ("mels", (0, 79, 129)),
        ("file_type", (-1, 4, 7, 99, 1_001, 1_007, 2_005, 3_007)),
    ],
)
def test_shapes_outside_the_family_are_refused(name, values) -> None:
    for value in values:
        assert "not of the whisper family" in refused(
            Blueprint(shape=replace(SHAPE, **{name: value})).build()
        )


LIES = {
    "not a whisper model": Blueprint(magic=0x46554747),
    "mel filters": Blueprint(mels=(81, FFT_BINS)),
    "mel filters of 80 by 200": Blueprint(mels=(80, 200)),
    "0 words": Blueprint(words=()),
    "words do not fit": Blueprint(word_count=51_865),
    "longer than 256": Blueprint(words=(b" ", b"x" * 257)),
    "no blank": Blueprint(words=(b"word",)),
    "does not belong": Blueprint(names={"decoder.ln.bias": "decoder.ln.bia5"}),
    "is there twice": Blueprint(twice="encoder.conv1.bias"),
    "cut off": Blueprint(leave_out="decoder.blocks.0.mlp.2.bias"),
    "expected": Blueprint(names={"decoder.ln.bias": "encoder.conv1.bias", "encoder.conv1.bias": "decoder.ln.bias"}),
    "name of 300 bytes": Blueprint(names={"decoder.ln.bias": "d" * 300}),
    "follow after the last": Blueprint(tail=b"\0"),
}  # fmt: skip


@pytest.mark.parametrize("reason", LIES)
def test_each_lie_is_named(reason) -> None:
    assert reason in refused(LIES[reason].build())


def test_every_cut_is_refused() -> None:
    for end in {*range(200), *range(0, len(RIGHT), 9_973), len(RIGHT) - 1}:
        refused(RIGHT[:end])


STRUCTURE = 52 + 4 * 80 * FFT_BINS
PLACES = st.one_of(
    st.integers(0, 55), st.integers(STRUCTURE, STRUCTURE + 120), st.integers(0, len(RIGHT) - 8)
)
NUMBERS = st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]).map(lambda n: struct.pack("<I", n))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(PLACES, st.one_of(NUMBERS, st.binary(min_size=1, max_size=6))), min_size=1, max_size=3)
)
def test_any_damage_is_refused_or_leaves_the_shape_sound(edits) -> None:
    data = bytearray(RIGHT)
    for at, patch in edits:
        data[at : at + len(patch)] = patch
    try:
        shape = check_model(memoryview(data))
    except ModelError as error:
        assert error.code == "bad_format"
    else:
        # Only weights, filters and words may have changed: the file is still laid out for exactly this shape.
        assert replace(shape, audio_heads=4, text_heads=4) == SHAPE

"""Speech model files as bytes, written from the container's text: a right one, and ones that lie about one thing."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from locara.records import dataclass

F32: Final = 0
F16: Final = 1
Q5_0: Final = 6
BINS: Final = 201
_SIZES: Final = {F32: (1, 4), F16: (1, 2), 2: (32, 18), Q5_0: (32, 22), 8: (32, 34)}
NAMES: Final = (
    "vocabulary", "audio context", "audio state", "audio heads", "audio layers", "text context", "text state",
    "text heads", "text layers", "mels", "file type",
)  # fmt: skip
RIGHT: Final = (51_864, 1_500, 32, 4, 1, 64, 32, 4, 1, 80, 2_008)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: dimensions innermost first, its type, and how many bytes it has where that is a lie."""

    name: str
    dimensions: tuple[int, ...]
    kind: int
    size: int | None = None

    def written(self) -> bytes:
        """Its place in the file. The weights are zero."""
        items, block = _SIZES.get(self.kind, (1, 4))
        count = 1
        for dimension in self.dimensions:
            count *= dimension
        name = self.name.encode("latin-1")
        head = struct.pack("<3I", len(self.dimensions), len(name), self.kind)
        body = bytes(count // items * block if self.size is None else self.size)
        return head + struct.pack(f"<{len(self.dimensions)}I", *self.dimensions) + name + body


def tensors(shape: Sequence[int] = RIGHT) -> list[Tensor]:
    """Every tensor of a shape with one layer."""
    state, vocabulary, mels, text = shape[2], shape[0], shape[9], shape[5]
    found = [
        Tensor("encoder.positional_embedding", (state, shape[1]), F32),
        Tensor("encoder.conv1.weight", (3, mels, state), F16), Tensor("encoder.conv1.bias", (1, state), F32),
        Tensor("encoder.conv2.weight", (3, state, state), F16), Tensor("encoder.conv2.bias", (1, state), F32),
        *_norm("encoder.ln_post", state), Tensor("decoder.positional_embedding", (state, text), F32),
        Tensor("decoder.token_embedding.weight", (state, vocabulary), Q5_0), *_norm("decoder.ln", state),
    ]  # fmt: skip
    for block, kinds in (("encoder.blocks.0", ("attn",)), ("decoder.blocks.0", ("attn", "cross_attn"))):
        for kind in kinds:
            found += _norm(f"{block}.{kind}_ln", state)
            for part in ("query", "key", "value", "out"):
                found.append(Tensor(f"{block}.{kind}.{part}.weight", (state, state), Q5_0))
                found += [] if part == "key" else [Tensor(f"{block}.{kind}.{part}.bias", (state,), F32)]
        found += _norm(f"{block}.mlp_ln", state)
        found += [
            Tensor(f"{block}.mlp.0.weight", (state, 4 * state), Q5_0), Tensor(f"{block}.mlp.0.bias", (4 * state,), F32),
            Tensor(f"{block}.mlp.2.weight", (4 * state, state), Q5_0), Tensor(f"{block}.mlp.2.bias", (state,), F32),
        ]  # fmt: skip
    return found


def _norm(name: str, state: int) -> list[Tensor]:
    return [Tensor(f"{name}.weight", (state,), F32), Tensor(f"{name}.bias", (state,), F32)]


def write(
    *,
    shape: Sequence[int] = RIGHT,
    words: Sequence[bytes] = (b"a", b" ", b"b"),
    count: int | None = None,
    listed: Sequence[Tensor] | None = None,
    filters: tuple[int, int] | None = None,
    magic: int = 0x67676D6C,
    tail: bytes = b"",
    whole: bool = False,
) -> bytes:
    """A file. ``count`` is what it says of its words; ``filters`` what it says of its mel filters, which are all there
    where it is ``whole``."""
    mels, bins = (shape[9] % 2**32, BINS) if filters is None else filters
    head = struct.pack("<I11i2I", magic, *shape, mels, bins) + bytes(
        4 * mels * bins if whole else 80 * BINS * 4
    )
    told = struct.pack("<I", len(words) if count is None else count)
    table = b"".join(one.written() for one in (tensors() if listed is None else listed))
    return head + told + b"".join(struct.pack("<I", len(word)) + word for word in words) + table + tail


def others() -> Iterator[bytes]:
    """Right files of other shapes that there are."""
    for at, value in {0: 51_865, 5: 448, 9: 128}.items():
        shape = [*RIGHT[:at], value, *RIGHT[at + 1 :]]
        yield write(shape=shape, listed=tensors(shape), whole=True)


def whole_lies() -> Iterator[tuple[str, bytes]]:
    """Files of another shape, in which everything has that shape."""
    for at, values in {0: (51_863, 51_867), 1: (1_499, 1_501), 5: (32, 63, 449), 9: (79, 81, 96)}.items():
        for value in values:
            shape = [*RIGHT[:at], value, *RIGHT[at + 1 :]]
            yield f"{NAMES[at]} {value}, kept to", write(shape=shape, listed=tensors(shape), whole=True)
    for filters in ((80, 200), (80, 202), (79, BINS), (81, BINS)):
        yield f"mel filters {filters}, all there", write(filters=filters, whole=True)
    for state in (16, 48):
        shape = [*RIGHT[:2], state, 2, *RIGHT[4:6], state, 2, *RIGHT[8:10], 1]
        listed = [replace(one, kind=F16 if one.kind == Q5_0 else one.kind) for one in tensors(shape)]
        yield f"a state of {state}, kept to", write(shape=shape, listed=listed)


def lies() -> Iterator[tuple[str, bytes]]:
    """Files that are wrong in one thing each."""
    yield from whole_lies()
    right = tensors()
    near = {
        "vocabulary": (0, 51_863, 51_867), "audio context": (0, 1_499, 3_000), "audio state": (16, 31, 64, 4_096),
        "audio heads": (0, 3, 5, 8, 65), "audio layers": (0, 2, 65), "text context": (0, 32, 63, 65, 449),
        "text state": (31, 64), "text heads": (0, 3, 8, 32), "text layers": (0, 2, 65), "mels": (0, 79, 128),
        "file type": (8, 1_008, 3_008, 2_001, 2_004, 2_099, 2_000),
    }  # fmt: skip
    for at, name in enumerate(NAMES):
        for value in (*near[name], -1, 2**31 - 1, -(2**31)):
            yield f"{name} {value}", write(shape=[*RIGHT[:at], value, *RIGHT[at + 1 :]])
    yield (
        "no layer at all",
        write(
            shape=[*RIGHT[:4], 0, *RIGHT[5:]],
            listed=[one for one in right if "encoder.blocks" not in one.name],
        ),
    )
    yield (
        "no text layer at all",
        write(
            shape=[*RIGHT[:8], 0, *RIGHT[9:]],
            listed=[one for one in right if "decoder.blocks" not in one.name],
        ),
    )
    wider = [
        replace(one, dimensions=(32, 449)) if one.name == "decoder.positional_embedding" else one
        for one in right
    ]
    yield "a text context of 449, with its tensor", write(shape=[*RIGHT[:5], 449, *RIGHT[6:]], listed=wider)
    for filters in ((BINS, 80), (80, BINS - 1), (40, 2 * BINS), (2**31, 2), (0, 0)):
        yield f"mel filters {filters}", write(filters=filters)
    for said in (0, 2, 4, 51_865, 2**31, 2**32 - 1):
        yield f"{said} words of 3", write(count=said)
    yield "more words than the vocabulary has", write(words=[b" "] * 51_865)
    yield "a long word", write(words=[b"x" * 257, b" "])
    yield "no blank", write(words=[b"a", b"b"])
    for at in (0, 7, 20, len(right) - 1):
        one = right[at]
        rest = [*right[:at], *right[at + 1 :]]
        yield f"without {one.name}", write(listed=rest)
        yield f"{one.name} twice", write(listed=[*right, one])
        yield (
            f"{one.name} twice, and another missing",
            write(listed=[one, *right[:-1]] if at < len(right) - 1 else [*right[1:], one]),
        )
        for what, changed in {
            "another name": replace(one, name=f"{one.name}x"), "no name": replace(one, name=""),
            "a long name": replace(one, name="n" * 65), "a type of nobody": replace(one, kind=99),
            "another type": replace(one, kind=F16 if one.kind == F32 else F32),
            "turned dimensions": replace(one, dimensions=one.dimensions[::-1]),
            "one dimension": replace(one, dimensions=(_product(one.dimensions),)),
            "four dimensions": replace(one, dimensions=(*one.dimensions, 1, 1, 1)[:4]),
            "no dimensions": replace(one, dimensions=(), size=4), "fewer bytes": replace(one, size=0),
            "half of it": replace(one, dimensions=(*one.dimensions[:-1], one.dimensions[-1] // 2)),
        }.items():  # fmt: skip
            if changed.dimensions != one.dimensions or changed != replace(one, dimensions=changed.dimensions):
                yield f"{one.name} with {what}", write(listed=[*right[:at], changed, *right[at + 1 :]])
    yield "a tensor more", write(listed=[*right, Tensor("evil", (1,), F32)])
    for tail in (b"\0", bytes(4), bytes(64)):
        yield f"{len(tail)} bytes behind", write(tail=tail)
    whole = write()
    for cut in (0, 3, 4, 47, 48, 55, 60_000, len(whole) // 2, len(whole) - 1):
        yield f"cut after {cut} bytes", whole[:cut]
    yield "another magic", write(magic=0x67676D66)


def _product(dimensions: tuple[int, ...]) -> int:
    found = 1
    for dimension in dimensions:
        found *= dimension
    return found

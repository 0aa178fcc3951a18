"""LC533: headers of model files that lie, pinned by their own digests, are refused before native code sees them."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.header_sizes import sizes
from locara_verify.checks.models.probe import Tally, survives, talks, why_refused
from locara_verify.checks.models.theatre import theatre
from locara_verify.context import Context
from locara_verify.strategies import gguf, whisper
from locara_verify.strategies.puppets import parts

RULE: Final = "LC533"
NAME: Final = "model-headers"
MOST: Final = 60
NATIVE: Final = "cannot be loaded"
"""Words of the refusal that only comes after the native loader has seen the file."""
MAGICS: Final = (b"GGUG", b"FUGG", b"ggml", b"PK\3\4", b"\x80\4K\1", b"\0\0\0\0")
EDGES: Final = (2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


def lies(metadata: dict[str, gguf.Value], tensors: Sequence[gguf.Tensor]) -> Iterator[tuple[str, bytes]]:
    """Files that are wrong in one thing each, with that thing on every edge of its range."""

    def file(**changes: object) -> bytes:
        return gguf.write(metadata, tensors, lies=gguf.Lies(**changes))  # type: ignore[arg-type]

    for magic in MAGICS:
        yield f"magic {magic!r}", file(magic=magic)
    for version in (0, 1, 4, 2**31, 2**32 - 1, 3 << 24):
        yield f"version {version}", file(version=version)
    for count in (len(tensors) + 1, len(tensors) * 2, 65_537, *EDGES):
        yield f"{count} tensors", file(tensors=count)
    for count in (len(metadata) + 1, len(metadata) - 1, 4_097, *EDGES):
        yield f"{count} keys", file(keys=count)
    for at in (0, 1, len(tensors) - 1):
        for shift in (1, 32, -32, *EDGES):
            yield f"offset of tensor {at} moved by {shift}", file(offsets={at: shift})
            yield (
                f"offset of tensor {at} moved by {shift}, and room for it",
                file(offsets={at: shift}) + bytes(8_192),
            )
    whole = file()
    for cut in (0, 3, 4, 8, 23, 24, 60, len(whole) // 3, len(whole) - 1):
        yield f"cut after {cut} bytes", whole[:cut]


def table_lies(
    metadata: dict[str, gguf.Value], tensors: Sequence[gguf.Tensor]
) -> Iterator[tuple[str, bytes]]:
    """Tensors that cannot be: of unknown types, of impossible shapes, without a proper name."""

    def with_tensor(changed: gguf.Tensor, at: int = 1) -> bytes:
        return gguf.write(metadata, [*tensors[:at], changed, *tensors[at + 1 :]])

    norm = tensors[1]
    width = norm.dimensions[0]
    for kind in (4, 5, 9, 15, 31, 36, 40, 255, *EDGES[:3]):
        yield f"tensor type {kind}", with_tensor(replace(norm, kind=kind))
    for shape in (
        (0,),
        (),
        (1, 0),
        *((edge,) for edge in EDGES[4:]),
        (2**32, 2**32),
        (2**62, 4),
        (2**63, 2),
        (1,) * 5,
        *((*norm.dimensions, *(1,) * more) for more in (4, 5, 7, 60)),
        (width + 1,),
        (2**31, 2**31, 4),
        (width, 2**64 // width + 1),
    ):
        yield f"dimensions {shape}", with_tensor(replace(norm, dimensions=shape))
    yield (
        "blocks that do not fit",
        with_tensor(replace(tensors[0], kind=8, dimensions=(31, len(tensors[0].data) // 31)), 0),
    )
    for kind in (4, 5, 9, 15, 31, 36, 40, 255):
        for size in (1, 2, 4, 8):  # as many bytes as somebody may take such an element for
            body = bytes(size * norm.dimensions[0])
            yield f"tensor type {kind} of {size} bytes", with_tensor(replace(norm, kind=kind, data=body))
    for rows, items, block, kind in ((32, 32, 34, 8), (256, 256, 144, 12), (64, 32, 18, 2)):
        for torn in (items + items // 2, items - 1, 1):
            body = bytes(torn * rows // items * block)
            yield (
                f"rows of {torn} in blocks of {items}, type {kind}, whole together",
                with_tensor(replace(norm, kind=kind, dimensions=(torn, rows), data=body)),
            )
    for name in ("", "x" * 64, "x" * 4_000, "a\0b", "\0", "a\0"):
        yield f"tensor name {name[:20]!r} of {len(name)}", with_tensor(replace(norm, name=name))
    for at in range(1, len(tensors)):  # beside each other and apart
        for other in {0, at - 1}:
            named = replace(tensors[at], name=tensors[other].name)
            yield f"tensor {at} has the name of tensor {other}", with_tensor(named, at)


def key_lies(metadata: dict[str, gguf.Value], tensors: Sequence[gguf.Tensor]) -> Iterator[tuple[str, bytes]]:
    """Entries of the metadata that cannot be: names, lengths, counts and types."""

    def with_keys(raw: bytes, count: int = 1) -> bytes:
        return gguf.write(metadata, tensors, lies=gguf.Lies(keys=len(metadata) + count), more_keys=raw)

    yield from (
        (f"key {key[:20]!r}", with_keys(gguf.pair(key, 1)))
        for key in ("", "general.architecture", "x" * 300, "a\0b", b"\xff\xfe")
    )
    for size in (2**20 + 1, *EDGES):
        yield f"a string of {size} bytes", with_keys(gguf.text("k") + struct.pack("<IQ", 8, size))
        yield (
            f"an array of {size} items",
            with_keys(gguf.text("k") + struct.pack("<IIQ", 9, 4, size * 8 % 2**64 + 1)),
        )
        yield f"an array of {size} strings", with_keys(gguf.text("k") + struct.pack("<IIQ", 9, 8, size))
    for kind in (9, 13, 255, 2**32 - 1):
        yield (
            f"an array of type {kind}",
            with_keys(gguf.text("k") + struct.pack("<IIQ", 9, kind, 1) + bytes(16)),
        )
    for kind in (13, 14, 2**31, 2**32 - 1):
        yield f"a value of type {kind}", with_keys(gguf.text("k") + struct.pack("<I", kind) + bytes(8))
    forms: dict[str, gguf.Value] = {
        "a number": 1,
        "a text": "x",
        "a list of numbers": [1],
        "a list of texts": ["x"],
    }
    for first, one in forms.items():
        for then, two in forms.items():
            yield f"a key twice, {first} and {then}", with_keys(gguf.pair("k", one) + gguf.pair("k", two), 2)
    for key in metadata:
        yield f"the key {key} again at the end", with_keys(gguf.pair(key, 1))
    long = "x" * (2**20 + 1)
    yield "a text of more than a MiB, all there", with_keys(gguf.pair("k", long))
    yield "a list with a text of more than a MiB, all there", with_keys(gguf.pair("k", ["x", long]))
    for raw in ("x\0", "\0", "a\0b"):
        yield f"the value {raw!r}", with_keys(gguf.pair("k", raw))
    inner = struct.pack("<IQI", 4, 1, 7)
    yield "an array of arrays", with_keys(gguf.text("k") + struct.pack("<IIQ", 9, 9, 1) + inner)
    yield (
        "an array of arrays of arrays",
        with_keys(gguf.text("k") + struct.pack("<IIQIQ", 9, 9, 1, 9, 1) + inner),
    )
    yield "a boolean of 2", with_keys(gguf.text("k") + struct.pack("<IB", 7, 2))
    for alignment in (0, 1, 3, 24, 2**17, 2**31, 2**32 - 1):
        yield f"alignment {alignment}", with_keys(gguf.pair("general.alignment", alignment))


def whole_lies(
    metadata: dict[str, gguf.Value], tensors: Sequence[gguf.Tensor]
) -> Iterator[tuple[str, bytes]]:
    """Files in which all that they say is there, and is more than there may be, or of no kind there is.

    One that only says so is cut off as well, and refused for that.
    """

    def with_keys(raw: bytes, count: int = 1) -> bytes:
        return gguf.write(metadata, tensors, lies=gguf.Lies(keys=len(metadata) + count), more_keys=raw)

    small = gguf.write(metadata, [gguf.Tensor(f"{at:05}", (8,), gguf.F32, bytes(32)) for at in range(65_537)])
    yield "65,537 tensors, all there", small
    more = 4_097 - len(metadata)
    yield "4,097 keys, all there", with_keys(b"".join(gguf.pair(f"{at:04}", 1) for at in range(more)), more)
    yield "a key of 257 bytes, all there", with_keys(gguf.pair("k" * 257, 1))
    yield (
        "an array of 4,000,001 items, all there",
        with_keys(gguf.text("k") + struct.pack("<IIQ", 9, 0, 4_000_001) + bytes(4_000_001)),
    )
    for kind in (13, 255, 2**31, 2**32 - 1):
        for size in (1, 2, 4, 8):
            raw = gguf.text("k") + struct.pack("<IIQ", 9, kind, 3) + bytes(3 * size)
            yield f"an array of type {kind}, in items of {size} bytes", with_keys(raw)
    yield "an array of no arrays", with_keys(gguf.text("k") + struct.pack("<IIQ", 9, 9, 0))
    for alignment in (1, 2, 4, 24, 2**17):
        told = {**metadata, "general.alignment": alignment}
        yield f"alignment {alignment}, kept to", gguf.write(told, tensors, alignment=alignment)
    for number in (32.0, "32"):
        told = {**metadata, "general.alignment": number}
        yield f"alignment {number!r}, kept to", gguf.write(told, tensors)
    moved = gguf.write(metadata, tensors, lies=gguf.Lies(offsets=dict.fromkeys(range(len(tensors)), 32)))
    yield "all tensors behind a gap", moved + bytes(32)
    for at in (1, len(tensors) - 1):
        for kind, shape in (
            (0, (0,)), (0, (4, 0)), (0, (2**30,)), (1, (2**31,)), (27, (2**29,)), (24, (2**32,)), (27, (2**61,)),
            (28, (2**31, 2**30)), (0, (2**32, 2**30)),
        ):  # fmt: skip
            empty = replace(tensors[at], dimensions=shape, kind=kind, data=b"")
            whole = gguf.write(metadata, [*tensors[:at], empty, *tensors[at + 1 :]])
            yield f"tensor {at} of {shape}, type {kind}, without a byte", whole


def cut_off(tally: Tally, right: bytes) -> None:
    """A file that is shorter than it was when its size was asked."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.inference.gguf import read_header  # noqa: PLC0415

    for length in (3, 20, 60, 200):
        try:
            read_header(io.BytesIO(right[:length]), len(right))
            said = "accepted"
        except ModelError as error:
            said = error.code
        except Exception as error:
            said = type(error).__name__
        tally.expect(
            RULE, said == "bad_format", "a header that is cut off was believed", f"{length} bytes: {said}"
        )


@check(NAME, rules=(RULE,), needs=frozenset({"live"}), applies=talks)
def run(ctx: Context) -> CheckResult:
    """Every lie to the reader, a sample of them to the running app, and random damage to the reader."""
    tally, rng = Tally(), ctx.rng(NAME)
    metadata, tensors = parts({"go": "fine"})
    right = gguf.write(metadata, tensors)
    cases = dict(chain.from_iterable(make(metadata, tensors) for make in (lies, table_lies, key_lies)))
    if refusal(right) is not None:
        tally.undecided(RULE, "the allow twin failed: a right file is refused by the reader")
    for what, data in cases.items():
        tally.expect(
            RULE, refusal(data) is not None, f"the reader of headers accepted a lie: {what}", lie=what
        )
    for what, data in whole_lies(metadata, tensors):
        told = f"the reader of headers accepted a lie: {what}"
        tally.expect(RULE, refusal(data) is not None, told, lie=what)
    cut_off(tally, right)
    sizes(tally)
    damaged(tally, right, rng, ctx.profile.fuzz_examples)
    spoken(tally)
    chosen = rng.sample(sorted(cases), MOST if ctx.profile.profile != "quick" else 15)
    models = {"twin": right, **{f"lie-{number}": cases[what] for number, what in enumerate(chosen)}}
    with theatre(ctx, tally, models) as on, survives(tally, RULE, on.client):
        if on.ask("go", model="twin").content != "fine":
            tally.undecided(RULE, "the allow twin failed: a right file does not load")
        for number, what in enumerate(chosen):
            said = on.ask("go", model=f"lie-{number}")
            refused = said.code == "model_error" and NATIVE not in said.message
            tally.expect(
                RULE,
                refused,
                f"a lying header was given to the native loader: {what}",
                f"{said.code}: {said.message}"[:300],
                lie=what,
            )
    return tally.result()


def spoken(tally: Tally) -> None:
    """The same of speech models, which can be imported for any app: every lie to their reader."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.inference.whisper_file import check_model  # noqa: PLC0415

    for what, data in chain((("", one) for one in (whisper.write(), *whisper.others())), whisper.lies()):
        tally.attacks += bool(what)
        try:
            check_model(memoryview(data))
            said = "accepted"
        except ModelError as error:
            said = error.code
        except Exception as error:
            said = type(error).__name__
        if not what and said != "accepted":
            tally.undecided(RULE, "the allow twin failed: a right speech model is refused by the reader")
        elif what:
            told = f"the reader of speech models did not refuse a lie: {what}"
            tally.expect(RULE, said == "bad_format", told, said, lie=what)


def refusal(data: bytes) -> str | None:
    """Why the reader refuses a file, or None."""
    from locara.inference.gguf import read_header  # noqa: PLC0415 - loads the framework

    return why_refused(read_header, data)


def damaged(tally: Tally, right: bytes, rng: random.Random, count: int) -> None:
    """Random damage is refused, or leaves tensors that lie inside the file, one after the other."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.inference.gguf import read_header  # noqa: PLC0415 - loads the framework

    head = len(right) - 200_000 if len(right) > 250_000 else len(right) // 2
    for number in range(count):
        data = bytearray(right)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(min(head, 12_000))
            data[at : at + 8] = rng.choice((rng.randbytes(8), struct.pack("<Q", rng.choice(EDGES)), bytes(8)))
        try:
            header = read_header(io.BytesIO(bytes(data)), len(data))
        except ModelError:
            tally.expect(RULE, True, "")
            continue
        except Exception as error:
            tally.expect(
                RULE, False, f"damage made the reader fail: {type(error).__name__}", f"example {number}"
            )
            continue
        ends = [header.data_offset + tensor.offset + tensor.size for tensor in header.tensors]
        starts = [header.data_offset + tensor.offset for tensor in header.tensors]
        inside = all(end <= len(data) for end in ends)
        apart = all(start >= end for start, end in zip(starts[1:], ends, strict=False))
        names = len({tensor.name for tensor in header.tensors}) == len(header.tensors)
        tally.expect(
            RULE,
            inside and apart and names,
            "a damaged header was accepted with tensors out of place",
            f"example {number}",
        )

"""LC534: safetensors headers that lie, or that name code, must be refused before any native code sees the file."""

from __future__ import annotations

import importlib
import io
import json
import math
import random
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, survives, talks, why_refused
from locara_verify.checks.models.theatre import theatre
from locara_verify.context import Context
from locara_verify.strategies import named_code, safetensors

RULE: Final = "LC534"
NAME: Final = "safetensors-headers"
MOST: Final = 40
OURS: Final = "safetensors: "
"""How the refusal of the reader begins, which comes before the engine is even loaded."""


@check(NAME, rules=(RULE,), needs=frozenset({"live"}), applies=talks)
def run(ctx: Context) -> CheckResult:
    """Every lie to the reader, a sample of them to the running app, and random damage to the reader."""
    tally, rng = Tally(), ctx.rng(NAME)
    right, cases = safetensors.write(safetensors.RIGHT), dict(safetensors.lies())
    if refusal(right) is not None:
        tally.undecided(RULE, "the allow twin failed: a right file is refused by the reader")
    for what, data in cases.items():
        tally.expect(
            RULE, refusal(data) is not None, f"the reader of headers accepted a lie: {what}", lie=what
        )
    damaged(tally, right, rng, ctx.profile.fuzz_examples)
    names_code(tally)
    misdescribed(tally)
    # Only what begins like such a file goes to its reader; the rest is refused as no model at all.
    chosen = [
        what for what, data in cases.items() if data[8:9] == b"{" and _length(data) <= safetensors.MAX_HEADER
    ]
    chosen = rng.sample(sorted(chosen), min(len(chosen), MOST if ctx.profile.profile != "quick" else 12))
    models = {"twin": right, **{f"lie-{number}": cases[what] for number, what in enumerate(chosen)}}
    with theatre(ctx, tally, models) as on, survives(tally, RULE, on.client):
        twin = on.ask("go", model="twin")
        if twin.code != "model_error" or OURS in twin.message:
            # A right header of no network at all: it passes this reader and is refused for what it holds.
            tally.undecided(RULE, f"the allow twin failed: {twin.code}: {twin.message}")
        for number, what in enumerate(chosen):
            said = on.ask("go", model=f"lie-{number}")
            refused = said.code == "model_error" and said.message.startswith(OURS)
            because = f"{said.code}: {said.message}"[:300]
            tally.expect(RULE, refused, f"a lying header was not refused as such: {what}", because, lie=what)
    return tally.result()


def _length(data: bytes) -> int:
    return int.from_bytes(data[:8], "little")


def refusal(data: bytes) -> str | None:
    """Why the reader refuses a file, or None."""
    from locara.inference.safetensors_file import read_header  # noqa: PLC0415 - loads the framework

    return why_refused(read_header, data)


class Watching:
    """Notes which modules are looked for, and finds none of them."""

    def __init__(self) -> None:
        self.sought: list[str] = []

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Part of the import protocol."""
        self.sought.append(name)

    def __enter__(self) -> Watching:
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)


Tensors = Mapping[str, tuple[str, tuple[int, ...]]]
"""Type and shape of each tensor by its name."""


def fitting() -> Tensors:
    """The tensors of the network that is described."""
    from locara.inference.mlx_model import Described, shapes  # noqa: PLC0415 - loads the framework

    network = Described.model_validate(named_code.RIGHT)
    return {name: ("F32", shape) for name, shape in shapes(network).items()}


def described(description: object, tensors: Tensors) -> str:
    """What the product says of a description and its tensors: "believed", or the code of the refusal."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.inference.mlx_model import ENTRY, describe  # noqa: PLC0415
    from locara.inference.safetensors_file import Header, Tensor  # noqa: PLC0415

    placed, at = [], 0
    for name, (kind, shape) in tensors.items():
        size = 4 * math.prod(shape)
        placed.append(Tensor(name, kind, shape, at, at + size))
        at += size
    try:
        describe(Header({ENTRY: json.dumps(description)}, tuple(placed), 8))
    except ModelError as error:
        return error.code
    except Exception as error:
        return type(error).__name__
    return "believed"


def misdescribed(tally: Tally) -> None:
    """Numbers outside the vocabulary, heads that do not divide, and tensors that are not those of the network."""
    plain = named_code.RIGHT
    count = len(plain["tokens"])
    for number in (count, -1, 2**31, 2**63):
        for field, value in (
            ("end", [number]),
            ("end", [0, number]),
            ("begin", number),
            ("special", {"<x>": number}),
            ("special", {"<a>": 1, "<x>": number}),
        ):
            judged(tally, f"{field} = {value}", {**plain, field: value}, fitting())
    for field, value in (
        ("heads", 3),
        ("kv_heads", 2**9),
        ("heads", 8),
        ("layers", 2),
        ("width", 16),
        ("forward", 8),
    ):
        judged(tally, f"{field} = {value}", {**plain, field: value}, fitting())
    for name, (kind, shape) in fitting().items():
        others: tuple[tuple[str, tuple[int, ...]], ...] = (
            ("I32", shape),
            ("BOOL", shape),
            (kind, (*shape, 1)),
            (kind, (*shape[:-1], shape[-1] + 1)),
        )
        for other in others:
            judged(tally, f"{name} is {other}", plain, {**fitting(), name: other})
        judged(tally, f"{name} is missing", plain, {one: it for one, it in fitting().items() if one != name})
    head = "lm_head.weight"
    whole = fitting()["model.embed_tokens.weight"]
    for further, right in (
        ({head: whole}, True),
        ({head: ("F32", (count + 1, plain["width"]))}, False),
        ({head: ("F32", (plain["width"], count))}, False),
        ({head: ("U8", whole[1])}, False),
        ({"more": ("F32", (1,))}, False),
    ):
        if not right:
            judged(tally, f"with {further}", plain, {**fitting(), **further})
        elif (said := described(plain, {**fitting(), **further})) != "believed":
            tally.undecided(
                RULE, f"the allow twin failed: a network with a head of its own is refused ({said})"
            )


def judged(tally: Tally, what: str, description: object, tensors: Tensors) -> None:
    """It must be refused, before an array is made of it."""
    code = described(description, tensors)
    told = "a description that does not fit its tensors or its vocabulary is believed"
    tally.expect(RULE, code == "bad_format", told, f"{what}: {code}")


def names_code(tally: Tally) -> None:
    """A description that names a class or a module is refused, and nothing is looked for."""

    def answer(description: object) -> str:
        return described(description, fitting())

    if (said := answer(named_code.RIGHT)) != "believed":
        tally.undecided(RULE, f"the allow twin failed: a right description is refused ({said})")
    with Watching() as watching:
        with suppress(ImportError):
            importlib.import_module(named_code.MODULE)
        if watching.sought != [named_code.MODULE]:
            tally.undecided(RULE, "an import of the canary module is not noticed")
        watching.sought.clear()
        for what, description in named_code.descriptions():
            code = answer(description)
            tally.expect(
                RULE, code == "bad_format", "a description that names code is not refused", f"{what}: {code}"
            )
        sought = [name for name in watching.sought if name.startswith(named_code.MODULE)]
        tally.expect(
            RULE, not sought, "a module that a model file names was looked for", ", ".join(sought[:3])
        )


def damaged(tally: Tally, right: bytes, rng: random.Random, count: int) -> None:
    """Random damage is refused, or leaves tensors that fill the data exactly, one after the other."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.inference.safetensors_file import read_header  # noqa: PLC0415 - loads the framework

    for number in range(count):
        data = bytearray(right)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data) - safetensors.DATA)
            data[at] = rng.choice((rng.randrange(256), *b'0129,:"[]{}'))
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
        places = [(tensor.begin, tensor.end) for tensor in header.tensors]
        follow = [begin for begin, _ in places] == [0, *(end for _, end in places)][: len(places)]
        fills = bool(places) and header.data_offset + places[-1][1] == len(data)
        tally.expect(
            RULE, follow and fills, "a damaged header left tensors out of place", f"example {number}"
        )

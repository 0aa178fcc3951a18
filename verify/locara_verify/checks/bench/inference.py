"""LC901 to LC904: what our backends cost beside the raw native library, on the fixture models.

The fixture models are used for every app: benchmark code runs outside the sandbox, where an app's own model
has no business. The chat fixture is tiny, so a fixed cost that no real model would notice is a visible
share of a token. A bound is therefore held by either measure: the share of the raw speed, or the extra time
for each token, which is set so that it is the share's 3 % for a model that is as quick as the bound's note
says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.bench.compare import Pairs, measure, slowness
from locara_verify.checks.bench.engines import chat_pair, embed_pair
from locara_verify.checks.models.probe import Tally, pins_models
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.models.pin import Pin

DECODE: Final = "LC901"
FIRST: Final = "LC902"
EMBED: Final = "LC903"
PREFILL: Final = "LC904"
NAME: Final = "bench-inference"
KEPT: Final = 0.97
TOKENS: Final = 96
ENDLESS: Final = "[1] The budget of project Orion is 4000 euros.\nWhat is the budget of project Orion?"
LONG: Final = "The budget of project Orion is 4000 euros and the owner is Anna. " * 9
TEXTS: Final = (
    "The supplier delivers the spare parts within ten working days of the written order.",
    "Invoices are due thirty days after receipt; late payment is charged at four percent a year.",
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a rule allows: a share of the raw speed, or so many extra seconds for a unit of work."""

    rule: str
    what: str
    kept: float | None
    extra: float

    def holds(self, pairs: Pairs, slow: float) -> bool:
        """False only when both measures, interval and all, lie beyond their bounds.

        ``slow`` is how much slower this machine is than the one the extra seconds were set for.
        """
        if pairs.extra().low <= self.extra * slow:
            return True
        return self.kept is not None and pairs.kept().high >= self.kept

    def clears(self, pairs: Pairs, slow: float) -> bool:
        """True only when one of the measures lies within its bound, interval and all."""
        if pairs.extra().high <= self.extra * slow:
            return True
        return self.kept is not None and pairs.kept().low >= self.kept

    def within(self, slow: float) -> Callable[[Pairs], bool]:
        """`holds` on a machine that is so much slower."""
        return lambda pairs: self.holds(pairs, slow)

    def clear(self, slow: float) -> Callable[[Pairs], bool]:
        """`clears` on a machine that is so much slower."""
        return lambda pairs: self.clears(pairs, slow)


DECODED: Final = Bound(DECODE, "a decoded token", KEPT, 30e-6)
"""30 microseconds are 3 % of a token of a model that makes 1,000 tokens a second."""
FIRST_TOKEN: Final = Bound(FIRST, "a first token", None, 5e-3)
EMBEDDED: Final = Bound(EMBED, "an embedded text", KEPT, 300e-6)
"""300 microseconds are 3 % of a text of 10 ms."""
PREFILLED: Final = Bound(PREFILL, "a prompt token", KEPT, 10e-6)
"""10 microseconds are 3 % of a prompt token of a model that reads 3,000 tokens a second."""


def fixture(ctx: Context, name: str) -> tuple[Path, Digest]:
    """The file and digest of a fixture model; raises ModelError `not_cached`."""
    from locara.models.cache import not_cached  # noqa: PLC0415 - loads the framework

    pin = pin_of(ctx, name)
    shipped = ctx.fixtures / "models" / f"{name}.gguf"
    path = shipped if shipped.is_file() else ctx.model_cache.blob(pin.digest)
    if path is None:
        raise not_cached(pin.digest)
    return path, pin.digest


def pin_of(ctx: Context, name: str) -> Pin:
    """The pin of a fixture model."""
    from locara.models.pin import Pin  # noqa: PLC0415

    models = json.loads((ctx.fixtures / "models" / "models.json").read_text("utf-8"))["models"]
    (found,) = (model for model in models if model["id"] == name)
    return Pin.parse(f"{name}@{found['digest']}")


def report(pairs: Pairs, *, unit: str, scale: float, bound: Bound | None = None) -> dict[str, JSON]:
    """One benchmark as plain data: costs, share kept with its spread and bound, extra, and whether the machine was
    busy."""
    from statistics import median  # noqa: PLC0415

    return {
        "pairs": len(pairs.ours),
        "unit": unit,
        "ours": round(median(pairs.ours) * scale, 3),
        "raw": round(median(pairs.raw) * scale, 3),
        "kept": pairs.kept().json(),
        "spread": pairs.spread(),
        "bound": None if bound is None else bound.kept,
        "extra": pairs.extra().json(scale, 3),
        "wide": pairs.is_wide(),
    }


def judge(tally: Tally, bound: Bound, pairs: Pairs, slow: float) -> None:
    """Hold the measurement against its bound; a wide interval is a remark and no finding."""
    kept, extra = pairs.kept(), pairs.extra()
    tally.expect(
        bound.rule,
        bound.holds(pairs, slow),
        f"{bound.what} costs too much beside the raw engine",
        f"{kept.middle:.3f} of the raw speed [{kept.low:.3f}, {kept.high:.3f}], "
        f"{extra.middle * 1e6:.1f} us more [{extra.low * 1e6:.1f}, {extra.high * 1e6:.1f}]",
        kept=kept.json(),
        extra_us=extra.json(1e6, 1),
    )
    if pairs.is_wide():
        tally.notes.append(
            f"{bound.rule}: the machine was busy, the interval is {kept.low:.2f} to {kept.high:.2f}"
        )


@check(
    NAME,
    rules=(DECODE, FIRST, EMBED, PREFILL),
    needs=frozenset({"models"}),
    steady=True,
    applies=pins_models,
)
def run(ctx: Context) -> CheckResult:
    """Measure decoding, first tokens, prompts and embeddings, each against the raw library."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.inference.backend import Message  # noqa: PLC0415

    tally = Tally()
    seconds = ctx.profile.bench_seconds
    slow = slowness(time.thread_time)
    bench: dict[str, JSON] = {"slowness": round(slow, 2)}
    short, long = [Message("user", ENDLESS)], [Message("user", LONG)]
    try:
        with chat_pair(*fixture(ctx, "locara-tiny-chat")) as pair:
            ctx.progress(0, 4, "decoding against the raw engine")
            decoded = measure(
                *pair.decode(short, TOKENS),
                seconds=seconds,
                seed=ctx.seed_for(DECODE),
                holds=DECODED.within(slow),
                clear=DECODED.clear(slow),
            )
            judge(tally, DECODED, decoded, slow)
            bench["decode_token"] = report(decoded, unit="us", scale=1e6, bound=DECODED)
            ctx.progress(1, 4, "first tokens against the raw engine")
            first = measure(
                *pair.first(short),
                seconds=seconds / 2,
                seed=ctx.seed_for(FIRST),
                holds=FIRST_TOKEN.within(slow),
                clear=FIRST_TOKEN.clear(slow),
            )
            judge(tally, FIRST_TOKEN, first, slow)
            bench["first_token"] = report(first, unit="ms", scale=1e3)
            ctx.progress(2, 4, "long prompts against the raw engine")
            size = len(pair.chat.prompt(long))
            whole = measure(
                *pair.first(long),
                seconds=seconds / 2,
                seed=ctx.seed_for(PREFILL),
                holds=lambda pairs: PREFILLED.holds(pairs.each(size), slow),
                clear=lambda pairs: PREFILLED.clears(pairs.each(size), slow),
            )
            each = whole.each(size)
            judge(tally, PREFILLED, each, slow)
            bench["prompt_token"] = report(each, unit="us", scale=1e6, bound=PREFILLED)
    except ModelError as error:
        for rule in (DECODE, FIRST, PREFILL):
            tally.undecided(rule, error.message)
    try:
        ctx.progress(3, 4, "embeddings against the raw engine")
        with embed_pair(*fixture(ctx, "all-minilm-l6-v2"), list(TEXTS)) as (_, ours, raw):
            embedded = measure(
                ours,
                raw,
                seconds=seconds / 2,
                seed=ctx.seed_for(EMBED),
                holds=EMBEDDED.within(slow),
                clear=EMBEDDED.clear(slow),
            )
        judge(tally, EMBEDDED, embedded, slow)
        bench["embed_text"] = report(embedded, unit="ms", scale=1e3, bound=EMBEDDED)
    except ModelError as error:
        tally.undecided(EMBED, error.message)
    return tally.result(bench)

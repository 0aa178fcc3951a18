"""What the benchmarks share, and the table of ratios that is printed at the end.

    tox -e bench            everything
    tox -e bench -- -k decode

Nothing here asserts a time: figures are printed, `locara verify` judges them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from locara.core.digest import Digest
from locara.models.cache import ModelCache, default_root
from locara.runtime.launch import RunningApp
from locara_verify.budget import PROFILES
from locara_verify.checks.bench.compare import Cost, Pairs, measure
from locara_verify.checks.bench.engines import ChatPair, chat_pair
from locara_verify.checks.bench.inference import fixture
from locara_verify.context import Context
from locara_verify.target import load
from tests.bench import random_model

ROOT = Path(__file__).parents[2]
SECONDS = 5.0
TABLE = pytest.StashKey[list[tuple[str, str, Pairs, float, str]]]()

Compare = Callable[..., Pairs]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print every comparison: ours, raw, the share of the raw speed that is kept, and what is extra."""
    rows = config.stash[TABLE]
    if not rows:
        return
    out = terminalreporter
    out.section("against the raw engine, in alternating pairs of one run (95 % intervals)")
    out.write_line(f"{'what':34s} {'ours':>10s} {'raw':>10s} {'kept':>22s} {'extra':>26s}  note")
    for what, unit, pairs, scale, note in rows:
        kept, extra = pairs.kept(), pairs.extra()
        ours, raw = median(pairs.ours) * scale, median(pairs.raw) * scale
        out.write_line(
            f"{what:34s} {ours:10.2f} {raw:10.2f} {kept.middle:6.3f} [{kept.low:6.3f},{kept.high:6.3f}]"
            f" {extra.middle * scale:8.2f} [{extra.low * scale:7.2f},{extra.high * scale:7.2f}]"
            f"  {unit}  {note}"
        )


@pytest.fixture
def compare(benchmark: Any, request: pytest.FixtureRequest) -> Compare:
    """Measure ours against raw in pairs, put the row into the table and ours into pytest-benchmark's own."""

    def run(
        what: str, ours: Cost, raw: Cost, *, unit: str, scale: float, note: str = "", least: int = 20
    ) -> Pairs:
        pairs = measure(ours, raw, seconds=SECONDS, seed=1, holds=lambda _pairs: True, least=least)
        request.config.stash[TABLE].append((what, unit, pairs, scale, note))
        kept = pairs.kept()
        benchmark.extra_info.update(kept=kept.middle, kept_low=kept.low, kept_high=kept.high, note=note)
        benchmark.group = "one block of work (not one unit)"
        benchmark.pedantic(ours, rounds=3)
        return pairs

    return run


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(
        target=load(ROOT / "apps/docvault"),
        profile=PROFILES["strict"],
        seed=1,
        workdir=tmp_path_factory.mktemp("work"),
        fixtures=ROOT / "fixtures",
    )


@pytest.fixture(scope="session")
def app(context: Context) -> Iterator[RunningApp]:
    with context.open_app() as running:
        yield running


@pytest.fixture(scope="session")
def chat_models(context: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ChatPair]]:
    """The tiny fixture model, and one of 100 million random weights."""
    path, digest = fixture(context, "locara-tiny-chat")
    large = tmp_path_factory.mktemp("model") / "random.gguf"
    random_model.write(large, path)
    with large.open("rb") as file:
        large_digest = Digest(hashlib.file_digest(file, "sha256").hexdigest())
    with ExitStack() as stack:
        yield {
            "tiny": stack.enter_context(chat_pair(path, digest)),
            "100M": stack.enter_context(chat_pair(large, large_digest)),
        }


@pytest.fixture(scope="session")
def cache() -> ModelCache:
    return ModelCache(default_root())


@pytest.fixture
def wall() -> Callable[[Callable[[], object]], Cost]:
    """The wall time of one call as a cost."""

    def of(work: Callable[[], object]) -> Cost:
        def cost() -> float:
            start = time.perf_counter()
            work()
            return time.perf_counter() - start

        return cost

    return of

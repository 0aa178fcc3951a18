"""The transparency log: durable batches against plain SQLite with the same bytes, proofs of a log of a million.

The million is built once per run. `LOCARA_BENCH_ENTRIES` makes it smaller.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from locara.trust.log_policy import LogPolicy
from locara.trust.merkle import leaf_hash, verify_consistency, verify_inclusion
from locara.trust.note_keys import ED25519, SigningKey
from locara.trust.proof_file import check_proof
from locara.trust.tree import Tree
from locara_registry.trust.log.log import Log
from locara_registry.trust.log.store import Store
from tests.bench.conftest import Compare

KEY = SigningKey("log.example.org/bench", ED25519, bytes(range(32)))
MILLION = int(os.environ.get("LOCARA_BENCH_ENTRIES", "1000037"))
ENTRY = 1_700  # bytes of a logged signature with its certificate


CLOCKS = {"": time.perf_counter, ", processor time": time.process_time}


def batches(count: int) -> Iterator[list[bytes]]:
    chance = random.Random(1)
    while True:
        yield [chance.randbytes(ENTRY) for _ in range(count)]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("count", [64, 256, 1024])
def test_durable_batches(compare: Compare, tmp_path: Path, count: int, clock: str) -> None:
    """Append with tiles, root and signed checkpoint against an insert of the same bytes, both with one wait."""
    log = Log.create(tmp_path / "log", tmp_path / "public", KEY)
    raw = apsw.Connection(str(tmp_path / "raw.sqlite"))
    raw.pragma("journal_mode", "wal")
    raw.pragma("synchronous", "full")
    raw.execute("CREATE TABLE entry(i INTEGER PRIMARY KEY, data BLOB)")
    mine, theirs = batches(count), batches(count)
    now = CLOCKS[clock]

    def ours() -> float:
        entries = next(mine)
        begin = now()
        log.append(entries)
        KEY.sign(log.root())
        return (now() - begin) / count

    def plain() -> float:
        entries = next(theirs)
        begin = now()
        with raw:
            raw.executemany("INSERT INTO entry(data) VALUES (?)", [(one,) for one in entries])
        return (now() - begin) / count

    pairs = compare(f"log append, batches of {count}{clock}", ours, plain, unit="us/entry", scale=1e6)
    assert pairs.ours
    log.close()
    raw.close()


def test_published_batches(benchmark: Any, tmp_path: Path) -> None:
    """4,096 entries appended, and public as static files with their checkpoint."""
    log = Log.create(tmp_path / "log", tmp_path / "public", KEY)
    source = batches(4_096)

    def publish() -> None:
        log.append(next(source))
        log.publish()

    benchmark.group = "log, 4,096 entries of 1.7 kB to public files"
    benchmark.pedantic(publish, rounds=5)
    benchmark.extra_info["entries per second"] = round(4_096 / benchmark.stats.stats.median)
    log.close()


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    folder = tmp_path_factory.mktemp("million")
    log = Log.create(folder / "log", folder / "public", KEY)
    while log.size < MILLION:
        high = min(MILLION, log.size + 5_000)
        log.append([b"%d/" % number + b"x" * 200 for number in range(log.size, high)])
    log.publish()
    yield log
    log.close()


def test_inclusion_proof_of_a_million(benchmark: Any, million: Log) -> None:
    """Made from tiles in the database with nothing kept from before."""
    store: Store = million._store
    chance = random.Random(2)
    benchmark.group = "proofs of a log of a million"
    seen = million.published

    def prove() -> tuple[int, tuple[bytes, ...]]:
        index = chance.randrange(seen.size)
        return index, Tree(seen.size, store.tile).inclusion(index)

    index, proof = benchmark.pedantic(prove, rounds=300, warmup_rounds=5)
    verify_inclusion(leaf_hash(million.entry(index)), index, seen.size, proof, seen.root)
    benchmark.extra_info.update(entries=seen.size, hashes=len(proof))


def test_consistency_proof_of_a_million(benchmark: Any, million: Log) -> None:
    store: Store = million._store
    chance = random.Random(3)
    benchmark.group = "proofs of a log of a million"
    seen = million.published

    def prove() -> tuple[int, tuple[bytes, ...]]:
        old = chance.randrange(1, seen.size)
        return old, Tree(seen.size, store.tile).consistency(old)

    old, proof = benchmark.pedantic(prove, rounds=300, warmup_rounds=5)
    verify_consistency(old, seen.size, million.root(old), seen.root, proof)


def test_receipt_and_its_check(benchmark: Any, million: Log) -> None:
    """The proof file of an entry checked offline: signature, path, root."""
    benchmark.group = "proofs of a log of a million"
    proof = million.receipt(million.published.size // 3).proof_file
    leaf = leaf_hash(million.entry(proof.index))
    policy = LogPolicy.of(KEY.verifier)
    benchmark(check_proof, proof, leaf, policy, now=0)


def test_start_with_a_million(benchmark: Any, million: Log, tmp_path: Path) -> None:
    """Open: compare head, edge, newest entries and the published checkpoint."""
    benchmark.group = "proofs of a log of a million"
    folder = million._public.path.parent
    million.close()
    made: list[Log] = []

    def start() -> None:
        made.append(Log.open(folder / "log", folder / "public", KEY))
        made[-1].close()

    benchmark.pedantic(start, rounds=10)
    assert made[-1].origin == KEY.name

"""LC905: vector search through the store costs what raw sqlite-vec costs, and finds the true neighbours."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.bench.compare import Cost, measure, slowness
from locara_verify.checks.bench.inference import Bound, fixture, judge, report
from locara_verify.checks.models.probe import Tally
from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.target import Target

if TYPE_CHECKING:
    import apsw
    import numpy as np
    from numpy.typing import NDArray

    from locara.storage.store import Store

    Matrix = NDArray[np.float32]

RULE: Final = "LC905"
NAME: Final = "bench-vectors"
ROWS: Final = 10_000
K: Final = 10
TIMED: Final = 3
"""Searches in one block; recall is asked of all queries."""
LEAST_RECALL: Final = 0.98
SEARCHED: Final = Bound(RULE, "a vector search", 0.95, 300e-6)
"""300 microseconds are 5 % of a search among 10,000 vectors."""
SENTENCES: Final = tuple(
    f"The {what} of {whom} {verb} {when}."
    for what in ("invoice", "contract", "report", "warranty")
    for whom in ("the supplier", "project Orion", "Anna")
    for verb, when in (("ends", "in May"), ("was signed", "on Monday"), ("is missing", "since last year"))
)
SQL: Final = "SELECT rowid, distance FROM items WHERE embedding MATCH ? AND k = ? ORDER BY distance"


def searches_vectors(target: Target) -> str | None:
    """Applies to apps that declare vector search."""
    return None if "vector.search" in target.grants.tooling else "the app declares no vector search"


def vectors(centres: Matrix, rows: int, seed: int) -> Matrix:
    """Unit vectors around the given ones: real embeddings and their neighbourhood."""
    import numpy as np  # noqa: PLC0415 - only this check needs it

    rng = np.random.default_rng(seed)
    chosen = centres[rng.integers(0, len(centres), rows)]
    # A step of length 0.6 in a random direction: so far apart are passages of one document.
    moved = chosen + rng.standard_normal(chosen.shape).astype(np.float32) * (0.6 / chosen.shape[1] ** 0.5)
    unit: Matrix = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return unit


@contextmanager
def store(folder: Path, matrix: Matrix, *, zvec: bool = False) -> Iterator[Store]:
    """A store with these vectors in a vec0 table, put in through the store itself; searched by zvec if said so."""
    from locara.storage.store import Store  # noqa: PLC0415 - loads the framework

    schema, index = folder / "db", folder / "vectors" if zvec else None
    schema.mkdir()
    column = f"embedding float[{matrix.shape[1]}] distance_metric = cosine"
    (schema / "schema.sql").write_text(f"CREATE VIRTUAL TABLE items USING vec0 ({column});\n")
    with Store.open(folder / "app.sqlite3", schema_dir=schema, quota_mb=256, zvec_folder=index) as opened:
        statement = "INSERT INTO items (rowid, embedding) VALUES (?, ?)"
        for start in range(0, len(matrix), 100):
            batch = matrix[start : start + 100].tolist()
            opened.batch([(statement, [start + at, vector]) for at, vector in enumerate(batch)])
        yield opened


def raw_connection(path: Path) -> apsw.Connection:
    """The same file, through SQLite and sqlite-vec alone."""
    import apsw  # noqa: PLC0415
    import sqlite_vec  # noqa: PLC0415

    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)
    return connection


def costs(opened: Store, raw: apsw.Connection, queries: Matrix) -> tuple[Cost, Cost]:
    """Costs of one search over all queries: ours, raw."""
    from locara.storage.search import SearchRequest  # noqa: PLC0415

    requests = [SearchRequest("items", k=K, embedding=query) for query in queries.tolist()]
    blobs = [query.tobytes() for query in queries]

    def ours() -> float:
        start = time.thread_time()
        for request in requests:
            opened.search(request)
        return (time.thread_time() - start) / len(requests)

    def theirs() -> float:
        start = time.thread_time()
        for blob in blobs:
            raw.execute(SQL, (blob, K)).fetchall()
        return (time.thread_time() - start) / len(blobs)

    return ours, theirs


def recall(opened: Store, matrix: Matrix, queries: Matrix) -> float:
    """The share of the true nearest rows, by numpy, that the store finds."""
    import numpy as np  # noqa: PLC0415

    from locara.storage.search import SearchRequest  # noqa: PLC0415

    found = 0
    for query in queries:
        true: set[int] = set(np.argsort(-(matrix @ query))[:K].tolist())
        request = SearchRequest("items", k=K, embedding=query.tolist())
        found += len(true & {int(hit.id) for hit in opened.search(request)})
    return found / (K * len(queries))


def embeddings(ctx: Context, texts: Sequence[str]) -> Any:  # noqa: ANN401 - a numpy matrix
    """Real embeddings of these texts; raises ModelError when the fixture model is not cached."""
    import numpy as np  # noqa: PLC0415

    from locara.inference.llama_cpp import load_embed  # noqa: PLC0415

    model = load_embed(*fixture(ctx, "all-minilm-l6-v2"))
    try:
        return np.array(model.embed(texts).vectors, dtype=np.float32)
    finally:
        model.close()


@check(NAME, rules=(RULE,), needs=frozenset({"models"}), steady=True, applies=searches_vectors)
def run(ctx: Context) -> CheckResult:
    """Search real embeddings through the store and through sqlite-vec, on the same file."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework

    tally = Tally()
    try:
        centres = embeddings(ctx, SENTENCES)
    except ModelError as error:
        tally.undecided(RULE, error.message)
        return tally.result()
    matrix = vectors(centres, ROWS, ctx.seed_for(NAME) % 2**32)
    queries = vectors(centres, 6, ctx.seed_for(RULE) % 2**32)
    folder = ctx.fresh_dir("vectors")
    with store(folder, matrix) as opened:
        share = recall(opened, matrix, queries)
        raw = raw_connection(folder / "app.sqlite3")
        try:
            ctx.progress(0, 1, "searching vectors against the raw engine")
            ours, theirs = costs(opened, raw, queries[:TIMED])
            slow = slowness(time.thread_time)
            pairs = measure(
                ours,
                theirs,
                seconds=ctx.profile.bench_seconds / 2,
                seed=ctx.seed_for(RULE),
                holds=SEARCHED.within(slow),
                clear=SEARCHED.clear(slow),
            )
        finally:
            raw.close()
    judge(tally, SEARCHED, pairs, slow)
    tally.expect(RULE, share >= LEAST_RECALL, "a search misses true neighbours", f"recall@{K} {share:.3f}")
    result: dict[str, JSON] = {
        **report(pairs, unit="ms", scale=1e3),
        "rows": ROWS,
        f"recall@{K}": round(share, 4),
    }
    return tally.result({"vector_search": result})

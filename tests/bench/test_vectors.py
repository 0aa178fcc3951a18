"""Vector search through the store against sqlite-vec alone, on real embeddings and their neighbourhood."""

from pathlib import Path

import pytest

from locara_verify.checks.bench import vectors
from locara_verify.context import Context
from tests.bench.conftest import Compare


@pytest.mark.parametrize("rows", [1_000, 10_000])
def test_search(compare: Compare, context: Context, tmp_path: Path, rows: int) -> None:
    centres = vectors.embeddings(context, vectors.SENTENCES)
    matrix, queries = vectors.vectors(centres, rows, 1), vectors.vectors(centres, 8, 2)
    with vectors.store(tmp_path, matrix) as store:
        share = vectors.recall(store, matrix, queries)
        raw = vectors.raw_connection(tmp_path / "app.sqlite3")
        ours, theirs = vectors.costs(store, raw, queries)
        compare(f"search {rows} vectors", ours, theirs, unit="ms", scale=1e3, note=f"recall@10 {share:.3f}")
        raw.close()

"""Vector search through the store against sqlite-vec and zvec alone, on real embeddings and their neighbourhood."""

import time
from pathlib import Path

import pytest

from locara.storage.search import SearchRequest
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


@pytest.mark.parametrize("rows", [10_000])
def test_search_by_zvec(compare: Compare, context: Context, tmp_path: Path, rows: int) -> None:
    """Against zvec alone, over a collection of its own. Wall time: it searches in a thread of its own."""
    zvec = pytest.importorskip("zvec")
    centres = vectors.embeddings(context, vectors.SENTENCES)
    matrix, queries = vectors.vectors(centres, rows, 1), vectors.vectors(centres, 8, 2)
    with vectors.store(tmp_path, matrix, zvec=True) as store:
        requests = [SearchRequest("items", k=vectors.K, embedding=query) for query in queries.tolist()]
        store.search(requests[0])
        assert store._indexes is not None and store._indexes._builder is not None
        store._indexes._builder.join()
        share = vectors.recall(store, matrix, queries)
        kind = zvec.VectorSchema(
            "v", zvec.DataType.VECTOR_FP32, matrix.shape[1],
            index_param=zvec.FlatIndexParam(zvec.MetricType.COSINE),
        )  # fmt: skip
        raw = zvec.create_and_open(str(tmp_path / "raw"), zvec.CollectionSchema(name="raw", vectors=kind))
        for start in range(0, rows, 1_000):
            part = matrix[start : start + 1_000].tolist()
            raw.upsert([zvec.Doc(id=str(start + at), vectors={"v": one}) for at, one in enumerate(part)])
        asked = [zvec.Query("v", vector=query) for query in queries.tolist()]

        def ours() -> float:
            start = time.perf_counter()
            for request in requests:
                store.search(request)
            return (time.perf_counter() - start) / len(requests)

        def theirs() -> float:
            start = time.perf_counter()
            for query in asked:
                raw.query(query, topk=vectors.K)
            return (time.perf_counter() - start) / len(asked)

        compare(f"zvec {rows} vectors", ours, theirs, unit="ms", scale=1e3, note=f"recall@10 {share:.3f}")
        raw.close()

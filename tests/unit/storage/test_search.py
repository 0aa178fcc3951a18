"""Search by vector, by text and by both."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from locara.errors import StorageError
from locara.storage.search import Hit, Rescore, SearchRequest, match_expression
from locara.storage.store import Store

N, D = 300, 32


@pytest.fixture
def filled(store: Store) -> Store:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(12, D))
    vectors = centres[rng.integers(0, 12, N)] + 0.4 * rng.normal(size=(N, D))
    for sql in (
        "CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT, tag TEXT, embedding BLOB)",
        "CREATE VIRTUAL TABLE words USING fts5(body)",
        "CREATE VIRTUAL TABLE near USING vec0("
        f"id INTEGER PRIMARY KEY, e float[{D}] distance_metric=cosine, tag TEXT)",
        f"CREATE VIRTUAL TABLE far USING vec0(e float[{D}])",
        f"CREATE VIRTUAL TABLE bits USING vec0(e bit[{D}])",
        f"CREATE VIRTUAL TABLE small USING vec0(e int8[{D}])",
    ):
        store.exec(sql)
    statements: list[tuple[str, Any]] = []
    for number, numbers in enumerate(vectors.astype("f4").tolist(), 1):
        body, tag = (
            f"note {number} about {'apples' if number % 3 else 'pears'}",
            "even" if number % 2 == 0 else "odd",
        )
        statements += [
            ("INSERT INTO note VALUES(?, ?, ?, ?)", [number, body, tag, numbers]),
            ("INSERT INTO words(rowid, body) VALUES(?, ?)", [number, body]),
            ("INSERT INTO near VALUES(?, ?, ?)", [number, numbers, tag]),
            ("INSERT INTO far(rowid, e) VALUES(?, ?)", [number, numbers]),
            ("INSERT INTO bits(rowid, e) VALUES(?, vec_quantize_binary(?))", [number, numbers]),
        ]
    for start in range(0, len(statements), 900):
        store.batch(statements[start : start + 900])
    return store


def truth(
    store: Store, target: list[float], k: int, *, cosine: bool = True, tag: str | None = None
) -> list[int]:
    rows = store.query("SELECT id, tag, vec_to_json(embedding) FROM note").rows
    wanted = np.array(target)
    found = []
    for number, its, text in rows:
        numbers = np.array([float(x) for x in str(text)[1:-1].split(",")])
        if tag is not None and its != tag:
            continue
        if cosine:
            distance = 1 - numbers @ wanted / np.linalg.norm(numbers) / np.linalg.norm(wanted)
        else:
            distance = np.linalg.norm(numbers - wanted)
        found.append((distance, number))
    return [number for _, number in sorted(found)[:k]]


TARGET = np.random.default_rng(9).normal(size=D).tolist()


@pytest.mark.parametrize(
    ("request_", "cosine"),
    [
        (SearchRequest("note", embedding=TARGET, k=7), True),
        (SearchRequest("note", embedding=TARGET, k=7, metric="l2"), False),
        (SearchRequest("NOTE", embedding=TARGET, k=7, column="Embedding"), True),
        (SearchRequest("near", embedding=TARGET, k=7), True),
        (SearchRequest("far", embedding=TARGET, k=7), False),
        (SearchRequest("bits", embedding=TARGET, k=7, rescore=Rescore("note", oversample=30)), True),
    ],
)
def test_a_vector_search_is_exact(filled: Store, request_: SearchRequest, cosine: bool) -> None:
    hits = filled.search(request_)
    assert [hit.id for hit in hits] == truth(filled, TARGET, 7, cosine=cosine)
    assert [hit.vector_place for hit in hits] == list(range(1, 8))
    assert all(a.score >= b.score for a, b in pairwise(hits))


def test_a_bit_table_alone_ranks_by_hamming(filled: Store) -> None:
    hits = filled.search(SearchRequest("bits", embedding=TARGET, k=5))
    assert len(hits) == 5 and all(float(hit.distance or 0).is_integer() for hit in hits)


@pytest.mark.parametrize("table", ["note", "near"])
def test_a_filter_is_part_of_the_search(filled: Store, table: str) -> None:
    hits = filled.search(SearchRequest(table, embedding=TARGET, k=5, filter={"tag": "odd"}))
    assert [hit.id for hit in hits] == truth(filled, TARGET, 5, tag="odd")


def test_filters_by_list_and_null(filled: Store) -> None:
    hits = filled.search(SearchRequest("note", embedding=TARGET, k=5, filter={"id": [3, 4, 5]}))
    assert {hit.id for hit in hits} == {3, 4, 5}
    assert filled.search(SearchRequest("note", embedding=TARGET, filter={"tag": None})) == ()


def test_text_search_takes_words_not_syntax(filled: Store) -> None:
    hits = filled.search(SearchRequest("words", text='pears" OR NEAR( note* ^-', k=3))
    assert len(hits) == 3 and hits[0].score == -(hits[0].rank or 0)
    assert filled.search(SearchRequest("words", text="!?. ()", k=3)) == ()
    assert filled.search(SearchRequest("words", text="pears nonesuch", mode="all")) == ()
    (hit,) = filled.search(SearchRequest("words", text="note 7 about", mode="phrase"))
    assert hit.id == 7
    only = filled.search(SearchRequest("note", fts="words", text="note", filter={"id": [11, 12]}))
    assert {hit.id for hit in only} == {11, 12}


def test_both_rankings_are_fused(filled: Store) -> None:
    request = SearchRequest("note", embedding=TARGET, text="pears", fts="words", k=10)
    near = [h.id for h in filled.search(SearchRequest("note", embedding=TARGET, k=50))]
    said = [h.id for h in filled.search(SearchRequest("note", text="pears", fts="words", k=50))]
    score = {
        i: sum(1 / (60 + ranking.index(i) + 1) for ranking in (near, said) if i in ranking)
        for i in {*near, *said}
    }
    expected = sorted(score, key=lambda i: (-score[i], str(i)))[:10]
    hits = filled.search(request)
    assert [hit.id for hit in hits] == expected
    for hit in hits:
        assert hit.score == pytest.approx(score[hit.id])  # type: ignore[index]
        assert (hit.distance is not None) == (hit.id in near)
        assert (hit.rank is not None) == (hit.id in said)


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (SearchRequest("note"), "bad_value", "an embedding, a text or both"),
        (SearchRequest("note", embedding=TARGET, k=0), "bad_value", "k is"),
        (SearchRequest("note", embedding=TARGET, k=1_001), "bad_value", "k is"),
        (SearchRequest("note", embedding=TARGET, k=True), "bad_value", "k is"),
        (SearchRequest("nowhere", embedding=TARGET), "bad_value", "no table"),
        (SearchRequest("note", embedding=TARGET, column="tag; --"), "bad_value", "no column"),
        (SearchRequest("near", embedding=TARGET, column="tag"), "bad_value", "no vector column"),
        (SearchRequest("words", embedding=TARGET), "bad_value", "holds text"),
        (SearchRequest("note", text="x"), "bad_value", "not an FTS5 table"),
        (SearchRequest("note", embedding=[]), "bad_value", "vector"),
        (SearchRequest("note", embedding=[1.0, 2.0]), "sql_failed", "dimension"),
        (SearchRequest("note", embedding=TARGET, filter={'a" OR 1=1 --': 1}), "bad_value", "no column"),
        (SearchRequest("note", embedding=TARGET, filter={"id": []}), "limit_exceeded", "1 to 500"),
        (
            SearchRequest("note", embedding=TARGET, filter={f"c{n}": 1 for n in range(17)}),
            "limit_exceeded",
            "16",
        ),
        (SearchRequest("note", embedding=TARGET, metric="dot"), "bad_value", "cosine or l2"),  # type: ignore[arg-type]
        (SearchRequest("words", text="x" * 4_097), "limit_exceeded", "at most"),
        (SearchRequest("words", text="x", mode="syntax"), "bad_value", "mode"),  # type: ignore[arg-type]
        (SearchRequest("bits", embedding=TARGET, rescore=Rescore("near")), "bad_value", "ordinary table"),
        (
            SearchRequest("bits", embedding=TARGET, rescore=Rescore("note", oversample=0)),
            "bad_value",
            "oversample",
        ),
        (SearchRequest("__locara_settings", embedding=TARGET, column="value"), "sql_denied", "runtime"),
    ],
)
def test_requests_that_make_no_sense_say_why(
    filled: Store, request_: SearchRequest, code: str, words: str
) -> None:
    with pytest.raises(StorageError) as caught:
        filled.search(request_)
    assert caught.value.code == code, caught.value.message
    assert words.lower() in caught.value.message.lower()


def test_the_schema_is_looked_up_again_when_it_changes(filled: Store) -> None:
    filled.search(SearchRequest("note", embedding=TARGET))
    filled.exec("ALTER TABLE note RENAME COLUMN embedding TO v")
    with pytest.raises(StorageError):
        filled.search(SearchRequest("note", embedding=TARGET))
    assert filled.search(SearchRequest("note", embedding=TARGET, column="v"))


def test_a_hit_as_json() -> None:
    assert Hit(2**60, 0.5, distance=0.5).json() == {"id": {"$int": str(2**60)}, "score": 0.5, "distance": 0.5}
    assert Hit("key", 0.5, rank=-1.0).json() == {"id": "key", "score": 0.5, "rank": -1.0}


def test_words_are_quoted() -> None:
    rng = random.Random(4)
    alphabet = "ab\"'()*^:-+ANDORNEAR{} \t"
    for _ in range(300):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(20)))
        expression = match_expression(text, "any")
        assert expression is None or all(part.strip('"').isalnum() for part in expression.split(" OR "))

"""highlight() and snippet() against FTS5's own."""

from __future__ import annotations

import re

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import StorageError
from locara.storage import excerpts
from locara.storage.store import Store

texts = st.lists(st.sampled_from(["ab", "cd", "Éf", "gh.", ",", "ij-kl", "\n"]), max_size=14).map(" ".join)
queries = st.sampled_from(
    ["ab", '"ab cd"', '"cd ab" OR "ab cd"', "ef OR gh", "a*", "ij AND kl", '"ij kl"', "NEAR(ab cd, 3)"]
)


def rows(own: bool, text: str, sql: str) -> list[object]:
    connection = apsw.Connection(":memory:")
    if own:
        excerpts.install(connection)
    connection.execute("CREATE VIRTUAL TABLE f USING fts5(a, b)")
    connection.execute("INSERT INTO f VALUES(?, 'ab other')", (text,))
    return connection.execute(sql).fetchall()


@settings(max_examples=150, deadline=None)
@given(text=texts, query=queries)
def test_highlight_is_as_in_fts5(text: str, query: str) -> None:
    sql = f"SELECT highlight(f, 0, '<', '>'), highlight(f, 1, '[', ']') FROM f WHERE f MATCH '{query}'"
    assert rows(True, text, sql) == rows(False, text, sql)


@settings(max_examples=100, deadline=None)
@given(text=texts, query=queries, width=st.integers(1, 20))
def test_a_snippet_is_a_piece_of_the_highlighted_text(text: str, query: str, width: int) -> None:
    sql = f"SELECT snippet(f, 0, '', '', '…', {width}), a FROM f WHERE f MATCH '{query}'"
    for piece, whole in rows(True, text, sql):  # type: ignore[misc]
        assert piece.removeprefix("…").removesuffix("…") in whole
        assert len(re.findall(r"\w+", piece)) <= width


def test_the_best_piece_has_the_most_different_words(store: Store) -> None:
    store.exec("CREATE VIRTUAL TABLE f USING fts5(a)")
    store.exec("INSERT INTO f VALUES('one one one x x x x one two y y y')")
    ((piece,),) = store.query("SELECT snippet(f, 0, '<', '>', '…', 4) FROM f WHERE f MATCH 'one OR two'").rows
    assert "<one> <two>" in str(piece)


@pytest.mark.parametrize(
    "call",
    [
        "highlight(f)",
        "highlight(f, 'x', '', '')",
        "snippet(f, 0, '', '', '')",
        "snippet(f, 0, '', '', '', 0)",
        "snippet(f, 0, '', '', '', 65)",
    ],
)
def test_wrong_arguments_are_told(store: Store, call: str) -> None:
    store.exec("CREATE VIRTUAL TABLE f USING fts5(a)")
    store.exec("INSERT INTO f VALUES('x')")
    with pytest.raises(StorageError) as caught:
        store.query(f"SELECT {call} FROM f WHERE f MATCH 'x'")
    assert caught.value.code == "bad_value"


def test_long_texts_are_refused_before_they_are_cut(store: Store) -> None:
    store.exec("CREATE TABLE long(a TEXT)")
    store.exec("INSERT INTO long VALUES(?)", ["word " * 300_000])
    store.exec("CREATE VIRTUAL TABLE f USING fts5(a, content='long')")
    store.exec("INSERT INTO f(rowid, a) VALUES(1, 'word')")
    with pytest.raises(StorageError) as caught:
        store.query("SELECT highlight(f, 0, '', '') FROM f WHERE f MATCH 'word'")
    assert caught.value.code == "limit_exceeded"

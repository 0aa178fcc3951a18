"""What a compiled statement searches for, and the bounds on it."""

from __future__ import annotations

import apsw
import pytest

from locara.errors import StorageError
from locara.storage.matches import (
    MAX_CHARACTERS,
    MAX_DOCUMENT,
    MAX_EXPRESSION,
    Searches,
    check_expression,
    searches,
)
from locara.storage.store import Store
from locara.storage.values import JSON

SCHEMA = """
CREATE VIRTUAL TABLE words USING fts5(text, more);
CREATE VIRTUAL TABLE parts USING fts5(text, tokenize = trigram);
CREATE TABLE passage(id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE kept(query TEXT);
CREATE VIEW constant AS SELECT rowid FROM words WHERE words MATCH 'of a view';
CREATE TRIGGER added AFTER INSERT ON passage BEGIN INSERT INTO words(rowid, text) VALUES(new.id, new.body); END;
CREATE TRIGGER gone AFTER DELETE ON passage BEGIN
  DELETE FROM kept WHERE rowid IN (SELECT rowid FROM words WHERE words MATCH old.body);
END;
"""


@pytest.fixture(scope="module")
def database() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute(SCHEMA)
    return connection


def read(database: apsw.Connection, sql: str) -> Searches:
    values = (None,) * sql.count("?")
    return searches(step[:6] for step in database.execute("EXPLAIN " + sql, values))


@pytest.mark.parametrize(
    ("where", "texts", "parameters"),
    [
        ("words MATCH 'a b'", ("a b",), ()), ("words MATCH ?", (), (1,)),
        ("text MATCH ? AND more MATCH 'z'", ("z",), (1,)),
        ("words = 'equal'", ("equal",), ()), ("rowid = ? AND words MATCH ?", (), (2,)), ("rowid = 5", (), ()),
        ("words MATCH CASE WHEN ? THEN 'a' ELSE 'b' END", ("a", "b"), ()),
        ("words MATCH coalesce(?, 'x')", ("x",), (1,)),
        ("words MATCH (SELECT 'c')", ("c",), ()), ("words MATCH ? OR words MATCH 'b'", ("b",), (1,)),
        ("words MATCH ? AND rank MATCH 'bm25(1)'", (), (1,)), ("rowid IN (1, 2) AND words MATCH +?", (), (1,)),
        ("words MATCH NULL", (), ()), ("words MATCH 7", (), ()),
    ],
)  # fmt: skip
def test_texts_and_parameters_are_found(
    database: apsw.Connection, where: str, texts: tuple[str, ...], parameters: tuple[int, ...]
) -> None:
    found = read(database, f"SELECT * FROM words WHERE {where}")
    assert (found.texts, found.parameters, found.unknown) == (texts, parameters, False)


@pytest.mark.parametrize(
    ("sql", "texts", "parameters"),
    [
        ("SELECT * FROM words('called')", ("called",), ()), ("SELECT * FROM constant", ("of a view",), ()),
        ("SELECT * FROM parts WHERE text LIKE '%abc%'", ("%abc%",), ()),
        ("SELECT * FROM parts WHERE text GLOB ?", (), (1,)),
        ("UPDATE passage SET body = '' WHERE id IN (SELECT rowid FROM words WHERE words MATCH ?)", (), (1,)),
        ("SELECT passage.* FROM passage JOIN words ON words.rowid = id WHERE words MATCH ? ORDER BY rank", (), (1,)),
        ("WITH c AS (SELECT ? AS q) SELECT * FROM words, c WHERE words MATCH c.q", (), (1,)),
    ],
)  # fmt: skip
def test_other_places_are_found(
    database: apsw.Connection, sql: str, texts: tuple[str, ...], parameters: tuple[int, ...]
) -> None:
    found = read(database, sql)
    assert (found.texts, found.parameters, found.unknown) == (texts, parameters, False)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM words WHERE words MATCH (SELECT query FROM kept)",
        "SELECT * FROM words, kept WHERE words MATCH query",
        "SELECT * FROM words WHERE words MATCH 'a' || 'b'",
        "SELECT * FROM words WHERE words MATCH upper(?)",
        "SELECT * FROM words WHERE words MATCH printf('%.*c', 9999, 'a')",
        "SELECT (SELECT count(*) FROM words WHERE words MATCH body) FROM passage",
        "SELECT * FROM words WHERE words MATCH coalesce(NULL, (SELECT query FROM kept))",
        "WITH c AS MATERIALIZED (SELECT ? AS q UNION SELECT query FROM kept)"
        " SELECT * FROM words, c WHERE words MATCH q",
        "DELETE FROM passage",
        "SELECT * FROM words WHERE words MATCH (SELECT group_concat(query) FROM kept)",
        "SELECT * FROM words WHERE words MATCH (SELECT value FROM json_each(?))",
    ],
)
def test_an_expression_that_is_computed_is_unknown(database: apsw.Connection, sql: str) -> None:
    assert read(database, sql).unknown


def test_writes_of_virtual_tables_are_seen_through_triggers(database: apsw.Connection) -> None:
    assert read(database, "INSERT INTO passage(body) VALUES(?)").writes
    assert read(database, "INSERT INTO words(words) VALUES('rebuild')").writes
    assert not read(database, "INSERT INTO kept VALUES(?)").writes


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(["a"] * 32), '"' + "a " * 60 + '"', "NEAR(" + "a " * 14 + ", 10)", "", "x" * MAX_EXPRESSION,
        "nearly(" + "a " * 30,
    ],
)  # fmt: skip
def test_ordinary_expressions_pass(text: str) -> None:
    check_expression(text, by_character=False)


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(["a"] * 33), '"' + "a." * 65 + '"', "NEAR(" + "a " * 16 + ")", "NEAR ( " + "a " * 16 + ", 10)",
        "x" * (MAX_EXPRESSION + 1), "\u00e9 " * 65,
    ],
)  # fmt: skip
def test_large_expressions_do_not(text: str) -> None:
    with pytest.raises(StorageError) as refused:
        check_expression(text, by_character=False)
    assert refused.value.code == "limit_exceeded"


def test_single_characters_count_where_a_tokenizer_takes_them() -> None:
    check_expression("x" * MAX_CHARACTERS, by_character=True)
    with pytest.raises(StorageError):
        check_expression("x" * (MAX_CHARACTERS + 1), by_character=True)


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT * FROM f WHERE f MATCH ?", ["NEAR(" + "a b " * 50 + ")"]), ("SELECT * FROM f(:q)", {"q": "a " * 99}),
        ("SELECT * FROM f WHERE f MATCH '" + "a " * 99 + "'", None), ("SELECT * FROM f WHERE f MATCH ? || 'b'", ["a"]),
        ("SELECT * FROM f WHERE f MATCH ?", [{"$blob": "YSBh" * 200}]), ("INSERT INTO f VALUES(?)", ["x" * 1_048_577]),
        ("INSERT INTO f VALUES(hex(zeroblob(600000)))", None), ("INSERT INTO p(body) VALUES(?)", ["x" * 1_048_577]),
    ],
)  # fmt: skip
def test_a_store_refuses_what_it_could_not_stop(store: Store, sql: str, params: JSON) -> None:
    store.exec("CREATE VIRTUAL TABLE f USING fts5(a)")
    store.exec("CREATE TABLE p(id INTEGER PRIMARY KEY, body TEXT)")
    store.exec(
        "CREATE TRIGGER t AFTER INSERT ON p BEGIN INSERT INTO f(rowid, a) VALUES(new.id, new.body); END"
    )
    for _ in range(2):  # the second time SQLite has it compiled already
        with pytest.raises(StorageError) as refused:
            store.exec(sql, params)
        assert refused.value.code == "limit_exceeded"
    store.exec("INSERT INTO p(body) VALUES(?)", ["a b " * 1_000])
    assert store.query("SELECT rowid FROM f WHERE f MATCH ?", ["a AND b"]).rows == ((1,),)
    store.exec("CREATE TABLE plain(x)")
    store.exec("INSERT INTO plain VALUES(?)", ["x" * 2_000_000])


def test_a_vector_table_beside_a_full_text_table_takes_its_rows(store: Store) -> None:
    store.exec("CREATE VIRTUAL TABLE passages USING fts5(body)")
    store.exec("CREATE VIRTUAL TABLE vectors USING vec0(embedding float[384] distance_metric=cosine)")
    # One piece of this table is 1.5 MiB, more than a full-text document may have.
    store.exec("INSERT INTO vectors (rowid, embedding) VALUES (1, ?)", [[0.5] * 384])
    assert store.query("SELECT count(*) FROM vectors").rows == ((1,),)
    for sql, values in (
        ("INSERT INTO passages VALUES (?)", ["x" * (MAX_DOCUMENT + 1)]),
        ("INSERT INTO passages SELECT replace(hex(zeroblob(400000)), '00', 'abc')", []),
    ):
        with pytest.raises(StorageError) as caught:
            store.exec(sql, values)
        assert caught.value.code == "limit_exceeded"
    assert store.query("SELECT count(*) FROM passages").rows == ((0,),)

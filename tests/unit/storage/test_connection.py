"""Every switch and limit of every connection, read back from SQLite itself; and what one call may be."""

from __future__ import annotations

import apsw
import pytest

from locara.errors import StorageError
from locara.storage.connection import Session
from locara.storage.limits import APP, EXPLAINED
from locara.storage.store import Store


def sessions(store: Store) -> tuple[Session, ...]:
    return store._sessions


def pragma(session: Session, name: str) -> object:
    with session.lock, session.budget(), session.policy.own_statements():
        return session.connection.pragma(name)


def test_the_kinds_of_connections(store: Store) -> None:
    assert [session.mode for session in sessions(store)] == ["write", "write", "read", "read"]


@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        ("DEFENSIVE", 1),
        ("TRUSTED_SCHEMA", 0),
        ("WRITABLE_SCHEMA", 0),
        ("ENABLE_FTS3_TOKENIZER", 0),
        ("DQS_DML", 0),
        ("ENABLE_LOAD_EXTENSION", 0),
        ("ENABLE_ATTACH_CREATE", 0),
        ("ENABLE_ATTACH_WRITE", 0),
        ("DQS_DDL", 0),
        ("ENABLE_FKEY", 1),
        ("RESET_DATABASE", 0),
        ("LEGACY_ALTER_TABLE", 0),
        ("NO_CKPT_ON_CLOSE", 0),
    ],
)
def test_switches(store: Store, switch: str, expected: int) -> None:
    code = getattr(apsw, f"SQLITE_DBCONFIG_{switch}")
    assert [session.connection.config(code, -1) for session in sessions(store)] == [expected] * 4


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cell_size_check", 1),
        ("temp_store", 2),
        ("mmap_size", 0),
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("synchronous", 2),
        ("secure_delete", 2),
    ],
)
def test_pragmas(store: Store, name: str, expected: object) -> None:
    for session in sessions(store):
        assert pragma(session, name) == expected
        assert pragma(session, "query_only") == (session.mode == "read")


def test_limits(store: Store) -> None:
    for session in sessions(store):
        read = {
            name: session.connection.limit(code)
            for name, code in apsw.mapping_limits.items()
            if name in KNOWN
        }
        assert read == KNOWN
    assert apsw.hard_heap_limit(-1) == APP.heap_bytes
    assert pragma(sessions(store)[0], "max_page_count") == 16 * 1_048_576 // 4_096


KNOWN = {
    "SQLITE_LIMIT_ATTACHED": 0,
    "SQLITE_LIMIT_WORKER_THREADS": 0,
    "SQLITE_LIMIT_LENGTH": APP.value_bytes,
    "SQLITE_LIMIT_SQL_LENGTH": APP.sql_bytes + EXPLAINED,
    "SQLITE_LIMIT_VARIABLE_NUMBER": APP.variables,
    "SQLITE_LIMIT_COLUMN": APP.columns,
    "SQLITE_LIMIT_EXPR_DEPTH": APP.expression_depth,
    "SQLITE_LIMIT_PARSER_DEPTH": APP.parser_depth,
    "SQLITE_LIMIT_COMPOUND_SELECT": APP.compound_selects,
    "SQLITE_LIMIT_FUNCTION_ARG": APP.function_arguments,
    "SQLITE_LIMIT_TRIGGER_DEPTH": APP.trigger_depth,
    "SQLITE_LIMIT_LIKE_PATTERN_LENGTH": APP.like_pattern_bytes,
    "SQLITE_LIMIT_VDBE_OP": APP.program_steps,
}


def test_a_reader_cannot_write_even_without_the_authorizer(store: Store) -> None:
    store.exec("CREATE TABLE t(a)")
    reader = sessions(store)[2]
    with reader.lock, reader.budget(), reader.policy.own_statements():
        reader.connection.pragma("query_only", 0)
        with pytest.raises(apsw.ReadOnlyError):
            reader.connection.execute("INSERT INTO t VALUES(1)")


def test_extensions_stay_closed_even_without_the_authorizer(store: Store) -> None:
    for session in sessions(store):
        with session.lock, session.budget(), session.policy.own_statements():
            with pytest.raises(
                apsw.AuthError if session.connection.authorizer is None else apsw.Error
            ) as caught:
                session.connection.execute("SELECT load_extension('x')").fetchall()
            assert "not authorized" in str(caught.value)
            with pytest.raises(apsw.SQLError, match="too many attached"):
                session.connection.execute("ATTACH ':memory:' AS x")


@pytest.mark.parametrize(
    "tail", ["", ";", " ; ", ";;\n", "-- x", "; -- x\n", "/* x */", "; /* x", "\n\t\f\r;/**/--"]
)
def test_what_may_follow_a_statement(store: Store, tail: str) -> None:
    assert store.query("SELECT 1 " + tail).rows == ((1,),)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "-- x",
        "/* x */",
        "SELECT 1; SELECT 2",
        "SELECT 1;x",
        "SELECT 1; /* */ SELECT 2",
        "SELECT 1;\ufeff",
        "SELECT 1;\x0b",
        "SELECT\x001",
    ],
)
def test_a_call_is_one_statement(store: Store, sql: str) -> None:
    for call in (store.query, store.exec, lambda one: store.batch([("SELECT 1", None), (one, None)])):
        with pytest.raises(StorageError) as caught:
            call(sql)
        assert caught.value.code in {"bad_statement", "sql_failed"}


def test_looking_for_the_end_of_a_statement_is_linear(store: Store) -> None:
    tails = (
        "/*" + "*" * 200_000,
        "/**/" * 60_000,
        "-" * 200_000,
        "/*" * 100_000,
        ";" * 200_000,
        "/* *" * 50_000,
    )
    for tail in tails:
        for end in ("", "x"):
            try:
                store.query("SELECT 1;" + tail + end)
            except StorageError as error:
                assert error.code in {"bad_statement", "sql_failed"}
    # Matching in quadratic time would not come back from here for hours.


def test_named_parameters_are_all_used(store: Store) -> None:
    assert store.query("SELECT :a, $b, @c", {"a": 1, "$b": 2, "c": 3}).rows == ((1, 2, 3),)
    for params in ({"a": 1}, {"a": 1, "b": 2, "c": 3}, {}, [1], [1, 2, 3], None):
        with pytest.raises(StorageError) as caught:
            store.query("SELECT :a, :b", params)  # type: ignore[arg-type]
        assert caught.value.code == "bad_value"


def test_a_batch_is_all_or_nothing_and_names_the_statement(store: Store) -> None:
    store.exec("CREATE TABLE t(a UNIQUE)")
    with pytest.raises(StorageError) as caught:
        store.batch([("INSERT INTO t VALUES(1)", None), ("INSERT INTO t VALUES(1)", None)])
    assert caught.value.code == "constraint"
    assert caught.value.message.startswith("statement 2 of 2:")
    assert store.query("SELECT * FROM t").rows == ()
    with pytest.raises(StorageError) as caught:
        store.batch([("SELECT 1", None)] * (APP.statements + 1))
    assert caught.value.code == "limit_exceeded"
    assert store.batch([]) == ()


def test_what_a_write_answers(store: Store) -> None:
    assert store.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, a)").json() == {"changes": 0, "lastRowId": 0}
    assert store.exec("INSERT INTO t(a) VALUES('x'), ('y')").json() == {"changes": 2, "lastRowId": 2}
    returned = store.exec("UPDATE t SET a = 'z' WHERE id = 1 RETURNING id, a")
    assert returned.json() == {"changes": 1, "lastRowId": 2, "columns": ("id", "a"), "rows": ((1, "z"),)}
    assert store.exec("CREATE TABLE u(a)").changes == 0
    with pytest.raises(StorageError) as caught:
        store.query("DELETE FROM t")
    assert caught.value.code == "bad_statement" and "db.exec" in str(caught.value.fix)


def test_too_large_a_write_that_returns_is_taken_back(store: Store) -> None:
    store.exec("CREATE TABLE t(a)")
    many = "WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q LIMIT 60000)"
    with pytest.raises(StorageError) as caught:
        store.exec(f"{many} INSERT INTO t SELECT x FROM q WHERE 1 RETURNING a")
    assert caught.value.code == "limit_exceeded"
    assert store.query("SELECT count(*) FROM t").rows == ((0,),)


@pytest.mark.parametrize(
    ("sql", "value"),
    [("SELECT value FROM json_each(?)", f"[{'0,' * 29_999}0]"), ("SELECT ?", "x" * 5_000_000)],
)
def test_the_result_of_a_batch_is_counted_over_all_its_statements(store: Store, sql: str, value: str) -> None:
    assert len(store.batch([(sql, [value])])) == 1
    for count in (2, 3):
        with pytest.raises(StorageError) as caught:
            store.batch([(sql, [value])] * count)
        assert caught.value.code == "limit_exceeded"
        assert caught.value.message.startswith("statement 2 of")
    assert len(store.batch([(sql, [value])])) == 1


def test_text_that_is_not_unicode_is_told(store: Store) -> None:
    with pytest.raises(StorageError) as caught:
        store.query("SELECT CAST(x'ff' AS TEXT)")
    assert caught.value.code == "bad_value" and "CAST" in str(caught.value.fix)
    assert store.query("SELECT CAST(x'ff' AS BLOB)").rows == (({"$blob": "/w=="},),)
    for sql in ("SELECT '\ud800'", "SELECT 1 -- \udfff"):
        with pytest.raises(StorageError) as caught:
            store.query(sql)
        assert caught.value.code == "bad_statement"


def test_foreign_keys_are_kept(store: Store) -> None:
    store.exec("CREATE TABLE a(id INTEGER PRIMARY KEY)")
    store.exec("CREATE TABLE b(a REFERENCES a(id))")
    with pytest.raises(StorageError) as caught:
        store.exec("INSERT INTO b VALUES(5)")
    assert caught.value.code == "constraint"

"""The runtime's own text functions answer as SQLite's do, and stay within their bounds."""

from __future__ import annotations

import time

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import StorageError
from locara.storage import functions

plain = apsw.Connection(":memory:")
ours = apsw.Connection(":memory:")
functions.install(ours, 1_000_000)

words = st.text("ab \t\u00e9F0-", max_size=12)
value = (
    words
    | st.none()
    | st.integers(-99, 99)
    | st.binary(max_size=6).filter(lambda b: b.isascii() and 0 not in b)
    | st.sampled_from([1.5, -2.0, 1e100])
)


def both(sql: str, values: list[object]) -> tuple[object, object]:
    return plain.execute(sql, values).get, ours.execute(sql, values).get


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(["instr", "trim", "ltrim", "rtrim", "unhex"]), first=value, second=value)
def test_two_arguments(name: str, first: object, second: object) -> None:
    expected, found = both(f"SELECT {name}(?, ?)", [first, second])
    assert found == expected


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(["trim", "ltrim", "rtrim", "unhex"]), first=value)
def test_one_argument(name: str, first: object) -> None:
    expected, found = both(f"SELECT {name}(?)", [first])
    assert found == expected


@settings(max_examples=200, deadline=None)
@given(first=value, second=value, third=value)
def test_replace(first: object, second: object, third: object) -> None:
    expected, found = both("SELECT replace(?, ?, ?)", [first, second, third])
    assert found == expected


def test_a_result_that_is_too_long_is_not_built() -> None:
    with pytest.raises(StorageError) as caught:
        ours.execute("SELECT replace(?, 'a', ?)", ("a" * 500_000, "b" * 500_000)).fetchall()
    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize("name", ["unhex", "trim", "ltrim", "rtrim", "instr"])
def test_many_different_letters_cost_what_as_many_equal_ones_do(name: str) -> None:
    """A pattern of as many letters took seconds to make, and longer by the square of their number to be used."""
    many = "".join(map(chr, range(0x20000, 0x20000 + 40_000)))
    began = time.thread_time()
    found = ours.execute(f"SELECT {name}(?, ?)", (many, many)).get
    assert time.thread_time() - began < 0.6
    assert found == {"unhex": b"", "instr": 1}.get(name, "")


def test_they_may_stand_in_an_index() -> None:
    connection = apsw.Connection(":memory:")
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    functions.install(connection, 1_000)
    connection.execute("CREATE TABLE t(a); CREATE INDEX i ON t(trim(a)); INSERT INTO t VALUES(' x ')")
    assert connection.execute("SELECT a FROM t WHERE trim(a) = 'x'").get == " x "

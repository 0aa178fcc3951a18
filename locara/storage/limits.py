"""How much one call of the app's SQL may use: time, rows, bytes, memory and the sizes SQLite parses."""

from __future__ import annotations

from typing import Final

import apsw

from locara.records import dataclass

MIB: Final = 1_048_576
EXPLAINED: Final = len("EXPLAIN ")  # how a statement on full-text tables is looked at before it runs


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one statement or one batch. Exceeding any of them is ``limit_exceeded``, never a slow
    app.

    ``seconds`` is the time of a whole call, ``rows`` and ``result_bytes`` what it may return,
    ``value_bytes`` the longest text or blob SQLite may hold, ``heap_bytes`` all memory of SQLite in this
    process.
    """

    seconds: float = 5.0
    rows: int = 50_000
    result_bytes: int = 8 * MIB
    statements: int = 1_000
    value_bytes: int = 8 * MIB
    sql_bytes: int = 262_144
    variables: int = 4_096
    columns: int = 256
    expression_depth: int = 100
    parser_depth: int = 200
    compound_selects: int = 50
    function_arguments: int = 64
    trigger_depth: int = 16
    like_pattern_bytes: int = 64
    program_steps: int = 250_000
    heap_bytes: int = 256 * MIB
    busy_milliseconds: int = 2_000
    steps_between_checks: int = 5_000


APP: Final = Limits()
# A migration is the app's own build, run once while nobody waits for an answer: it may take longer and be
# longer.
MIGRATION: Final = Limits(seconds=120.0, sql_bytes=4 * MIB)


def apply(connection: apsw.Connection, limits: Limits) -> None:
    """Set every limit SQLite has on this connection. SQL cannot change them."""
    for identifier, value in (
        (apsw.SQLITE_LIMIT_ATTACHED, 0),
        (apsw.SQLITE_LIMIT_WORKER_THREADS, 0),
        (apsw.SQLITE_LIMIT_LENGTH, limits.value_bytes),
        # A statement is measured before it gets here; what the store puts before it is not the app's.
        (apsw.SQLITE_LIMIT_SQL_LENGTH, limits.sql_bytes + EXPLAINED),
        (apsw.SQLITE_LIMIT_VARIABLE_NUMBER, limits.variables),
        (apsw.SQLITE_LIMIT_COLUMN, limits.columns),
        (apsw.SQLITE_LIMIT_EXPR_DEPTH, limits.expression_depth),
        (apsw.SQLITE_LIMIT_PARSER_DEPTH, limits.parser_depth),
        (apsw.SQLITE_LIMIT_COMPOUND_SELECT, limits.compound_selects),
        (apsw.SQLITE_LIMIT_FUNCTION_ARG, limits.function_arguments),
        (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, limits.trigger_depth),
        (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, limits.like_pattern_bytes),
        (apsw.SQLITE_LIMIT_VDBE_OP, limits.program_steps),
    ):
        connection.limit(identifier, value)

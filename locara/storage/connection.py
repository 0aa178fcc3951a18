"""One hardened connection: how it is opened and how exactly one statement runs on it within its limits."""

from __future__ import annotations

import importlib.util
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import apsw

from locara.errors import StorageError
from locara.records import dataclass
from locara.storage import excerpts, functions, limits, matches
from locara.storage.allowed import MODULES, OWN_TABLES, TABLE_FUNCTIONS
from locara.storage.changes import Changes
from locara.storage.faults import busy, denied, translate
from locara.storage.limits import Limits
from locara.storage.policy import VACUUM, Policy, reserved
from locara.storage.values import JSON, Bindings, SQLValue, encode
from locara.storage.watchdog import Watchdog

# There is one way to read each text, so a failure takes no time. Possessive forms are read wrongly by Python 3.11.2.
_BLANK: Final = re.compile(r"(?:[ \t\n\f\r;]|--[^\n]*(?:\n|\Z)|/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/|\Z))*")
_SWITCHES: Final = (
    (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
    (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
    (apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, 0),
    (apsw.SQLITE_DBCONFIG_DQS_DML, 0),
    (apsw.SQLITE_DBCONFIG_DQS_DDL, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1),
)


_FULL_TEXT: Final = re.compile(r"\busing\s+[\"'\[`]?fts5\b", re.IGNORECASE)
_BY_CHARACTER: Final = re.compile(r"trigram|separators|categories", re.IGNORECASE)
_KEPT_SEARCHES: Final = 256


def _leading(text: str) -> int:
    """Where the first word of a statement begins."""
    found = _BLANK.match(text)
    return found.end() if found else 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one statement gave: columns, rows of JSON values, rows changed and the last inserted rowid."""

    columns: tuple[str, ...]
    rows: tuple[tuple[JSON, ...], ...]
    changes: int
    last_row_id: int


# What running a statement raises; `translate` makes a StorageError of it.
_FAULTS: Final = (
    apsw.Error,
    UnicodeError,
    KeyError,
    MemoryError,
    StorageError,
    TypeError,
    ValueError,
)


Unwanted = Callable[[], bool]
"""Whether nobody wants the result any more. Asked on the thread of the statement, every few thousand steps."""


def wanted() -> bool:
    """`Unwanted` of a statement that runs to its end."""
    return False


def load_vectors(connection: apsw.Connection) -> None:
    """Load sqlite-vec, the one extension there is, and close extension loading again."""
    # Found without importing the package: its Python half imports what a store does not need.
    found = importlib.util.find_spec("sqlite_vec")
    if found is None or found.origin is None:
        raise StorageError("sqlite-vec is not installed", code="unsupported", fix="install sqlite-vec")
    connection.enable_load_extension(True)
    try:
        connection.load_extension(str(Path(found.origin).with_name("vec0")))
    except apsw.Error as error:
        raise StorageError(
            "the vector extension could not be loaded", code="unsupported", fix="install sqlite-vec again"
        ) from error
    finally:
        connection.enable_load_extension(False)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)


class Session:
    """A connection with its authorizer, limits and lock (its own unless one to share is given). Every
    method may be called from any thread.

    ``mode`` "read" cannot write by three means: SQLite's read-only open, ``query_only`` and a check of the
    statement.
    """

    def __init__(
        self,
        path: Path,
        mode: Literal["read", "write"],
        watchdog: Watchdog,
        bounds: Limits,
        *,
        vectors: bool,
        lock: threading.RLock | None = None,
        changes: Changes | None = None,
    ) -> None:
        flags = apsw.SQLITE_OPEN_READONLY if mode == "read" else apsw.SQLITE_OPEN_READWRITE
        self.connection = apsw.Connection(str(path), flags | apsw.SQLITE_OPEN_NOFOLLOW, statementcachesize=64)
        self.lock = lock or threading.RLock()
        self.policy = Policy()
        self.limits = bounds
        self.mode = mode
        self._watchdog = watchdog
        self._changes = changes
        self._deadline = 0.0
        # What is left of a call's result: a batch is one call.
        self._room, self._rows = bounds.result_bytes, bounds.rows
        self._unwanted: Unwanted = wanted
        self._full_text: tuple[int, frozenset[str], bool] = (-1, frozenset(), False)
        self._searches: dict[tuple[int, str], matches.Searches] = {}
        # Kept compiled, so no app may be able to send its text: the authorizer would not be asked again.
        self._schema_version = f"PRAGMA schema_version -- {secrets.token_hex(16)}"
        try:
            self._harden(vectors=vectors)
        except BaseException:
            self.connection.close(True)
            raise

    def _harden(self, *, vectors: bool) -> None:
        connection = self.connection
        apsw.hard_heap_limit(self.limits.heap_bytes)
        connection.set_busy_timeout(self.limits.busy_milliseconds)
        for switch, value in _SWITCHES:
            connection.config(switch, value)
        connection.pragma("cell_size_check", 1)
        # A file that is not a database is found here, where SQLite says so.
        connection.execute("SELECT count(*) FROM sqlite_schema", can_cache=False).fetchall()
        if vectors:
            load_vectors(connection)
        connection.pragma("temp_store", 2)  # memory: a sort or a temporary result never becomes a file
        connection.pragma("mmap_size", 0)
        connection.pragma("secure_delete", "fast")
        if self.mode == "read":
            connection.pragma("query_only", 1)
        connection.drop_modules(MODULES | TABLE_FUNCTIONS)
        functions.install(connection, self.limits.value_bytes)
        excerpts.install(connection)
        limits.apply(connection, self.limits)
        self.timed()
        connection.authorizer = self.policy
        if self._changes is not None:
            connection.preupdate_hook(self._changes.row)

    def timed(self) -> None:
        """Check the clock while statements run (the usual state)."""
        self.connection.set_progress_handler(self._late, self.limits.steps_between_checks)

    def untimed(self) -> None:
        """Let work of the runtime itself, such as a rollback or a sound check, run to its end."""
        self.connection.set_progress_handler(None)

    def _late(self) -> bool:
        return time.monotonic() > self._deadline or self._unwanted()

    def end_when(self, unwanted: Unwanted) -> None:
        """Until the clock is stopped, end statements once nobody wants what they find. Callers hold a `budget`."""
        self._unwanted = unwanted

    @contextmanager
    def held(self) -> Iterator[None]:
        """The connection for one caller; ``busy`` when another holds it longer than a statement may run."""
        if not self.lock.acquire(timeout=self.limits.seconds + self.limits.busy_milliseconds / 1_000):
            raise busy()
        try:
            yield
        finally:
            self.lock.release()

    @contextmanager
    def budget(self) -> Iterator[None]:
        """Start the clock for everything inside. Callers hold `lock`. Nested budgets keep the outer clock."""
        if self._deadline:
            yield
            return
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start the clock, which must not run yet: `budget` for a caller that ends with `stop` whatever happens."""
        self._deadline = time.monotonic() + self.limits.seconds
        self._room, self._rows = self.limits.result_bytes, self.limits.rows
        self._watchdog.arm(self.connection, self._deadline)

    def stop(self) -> None:
        """Stop the clock. After this returns nothing interrupts the connection."""
        self._watchdog.disarm(self.connection)
        self._deadline = 0.0
        self._unwanted = wanted

    def own(self, sql: str) -> None:
        """Run a fixed statement of the runtime (BEGIN, COMMIT, ROLLBACK); never cached, so never reused."""
        with self.policy.own_statements():
            self.connection.execute(sql, can_cache=False)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commits at the end, rolls back on any exception. Callers hold `lock`."""
        self.own("BEGIN IMMEDIATE")
        try:
            yield
            self.own("COMMIT")
        except BaseException:
            # SQLite may have rolled back by itself (disk full, out of memory).
            self._watchdog.disarm(self.connection)
            self.untimed()
            try:
                if self.connection.in_transaction:
                    self.own("ROLLBACK")
            finally:
                self.timed()
            raise

    def schema_version(self) -> int:
        """A number that changes whenever any connection changes the schema."""
        with self.policy.own_statements():
            return int(self.connection.execute(self._schema_version).get)

    def check_names(self) -> None:
        """Refuse a schema in which an object of the app bears a reserved name.

        Renaming is the one way to a name that SQLite does not ask the authorizer about.
        """
        with self.policy.own_statements():
            names = self.connection.execute("SELECT name FROM sqlite_schema", can_cache=False).fetchall()
        for (name,) in names:
            denial = None if name in OWN_TABLES else reserved(str(name))
            if denial is not None:
                raise denied(denial)

    def run(self, sql: str, values: Bindings) -> Outcome:
        """Run exactly one statement. Callers hold `lock` and a `budget`. Raises `StorageError`."""
        self._check_text(sql)
        self.policy.reset()
        try:
            return self._run(sql, values)
        except _FAULTS as error:
            raise translate(error, self.policy.denial) from error

    def script(self, sql: str) -> None:
        """Run the statements of a file one after the other, each with the bounds of full text as in `run`.

        They have no parameters, and their rows are dropped. Callers hold `lock`, a `budget` and a transaction, and
        translate the faults of SQLite.
        """
        whole = self.limits.value_bytes

        def before(cursor: apsw.Cursor, text: str, _values: object) -> bool:
            self.connection.limit(apsw.SQLITE_LIMIT_LENGTH, whole)  # what the statement before it lowered
            names: Sequence[str | None] = cursor.bindings_names
            if names:
                raise StorageError("a statement of a file has no parameters", code="bad_statement")
            if cursor.has_vdbe:
                self._bound_searches(text, (), ())
            return True

        cursor = self.connection.cursor()
        cursor.exec_trace = before
        try:
            # Nothing here is cached under the app's rules and reused under the runtime's, or the other way round.
            for _ in cursor.execute(sql, can_cache=False):
                pass
        finally:
            cursor.close(True)
            self.connection.limit(apsw.SQLITE_LIMIT_LENGTH, whole)

    def rows(self, sql: str, values: Sequence[SQLValue]) -> list[tuple[SQLValue, ...]]:
        """The rows of one statement that the store wrote over a vector table, as SQLite has them.

        The authorizer, the limits and the clock hold as in `run`; what `run` does beside is to judge text of the
        app and to make its reply, and there is neither here. Callers hold `lock` and a `budget`.
        """
        self.policy.reset()
        cursor = self.connection.cursor()
        try:
            return cursor.execute(sql, values).fetchall()
        except _FAULTS as error:
            raise translate(error, self.policy.denial) from error
        finally:
            cursor.close(True)

    def _check_text(self, sql: str) -> None:
        if not isinstance(sql, str) or "\0" in sql:
            raise StorageError("a statement is text without NUL", code="bad_statement")
        try:
            size = len(sql) if sql.isascii() else len(sql.encode())
        except UnicodeEncodeError as error:
            raise StorageError("the statement is not Unicode text", code="bad_statement") from error
        if size > self.limits.sql_bytes:
            raise StorageError(
                f"the statement is longer than {self.limits.sql_bytes} bytes",
                code="limit_exceeded",
                fix="pass values as parameters",
            )

    def _run(self, sql: str, values: Bindings) -> Outcome:
        connection, reading = self.connection, self.mode == "read"
        columns: tuple[str, ...] | None = None

        def before(cursor: apsw.Cursor, text: str, _values: object) -> bool:
            """SQLite has compiled one statement and not run it yet: the last moment to refuse."""
            nonlocal columns
            if columns is not None and not cursor.has_vdbe:
                return True  # the comment after the statement
            alone = sql.startswith(text) and _BLANK.fullmatch(sql, len(text)) is not None
            if columns is not None or not cursor.has_vdbe or not alone:
                raise StorageError(
                    "a call runs exactly one statement",
                    code="bad_statement",
                    fix="send several statements with db.batch",
                )
            if text[_leading(text) :][:6].upper() == "VACUUM":
                # SQLite asks about the ATTACH inside VACUUM, but not when it has nothing to do (VACUUM temp).
                raise denied(VACUUM)
            if reading and not cursor.is_readonly:
                raise StorageError(
                    "db.query only reads", code="bad_statement", fix="write with db.exec or db.batch"
                )
            if isinstance(values, dict) and (extra := values.keys() - set(cursor.bindings_names)):
                raise StorageError(f"the statement has no parameter {min(extra)!r}", code="bad_value")
            columns = tuple(column[0] for column in cursor.get_description())
            self._bound_searches(sql, values, cursor.bindings_names)
            return True

        before_changes = connection.total_changes()
        cursor = connection.cursor()
        cursor.exec_trace = before
        try:
            # Only a statement that is compiled anew says which virtual tables it updates.
            rows = self._collect(cursor.execute(sql, values, can_cache=self._changes is None))
            if self._changes is not None:
                self._changes.whole(f"{name}_rowids" for name in self.policy.updated)
        finally:
            cursor.close(True)
            connection.limit(apsw.SQLITE_LIMIT_LENGTH, self.limits.value_bytes)
        if columns is None:
            raise StorageError("there is no statement", code="bad_statement")
        changed = connection.changes() if connection.total_changes() != before_changes else 0
        return Outcome(columns, rows, changed, connection.last_insert_rowid())

    def _bound_searches(self, sql: str, values: Bindings, names: Sequence[str | None]) -> None:
        """Refuse, just before a statement runs, full-text work that no clock could end; see `matches`."""
        version = self.schema_version()
        if self._full_text[0] != version:
            found = self._schema_texts()
            free = any(_BY_CHARACTER.search(text) for text in found.values())
            self._full_text = (version, frozenset(found), free)
        _, tables, free = self._full_text
        if not tables:
            return
        key = (version, sql)
        found_searches = self._searches.get(key)
        if found_searches is None:
            # Compiled anew, so the authorizer is asked about every table that the statement and its triggers write.
            self.policy.written.clear()
            steps = self.connection.execute(f"EXPLAIN {sql[_leading(sql) :]}", values, can_cache=False)
            found_searches = matches.searches(step[:6] for step in steps)
            if self.policy.written.isdisjoint(tables):
                # A vector table keeps its rows in pieces that are larger than any text may be.
                found_searches = replace(found_searches, writes=False)
            if len(self._searches) >= _KEPT_SEARCHES:
                self._searches.clear()
            self._searches[key] = found_searches
        if found_searches.unknown:
            raise matches.unknown_expression()
        given = [
            values[names[n - 1] or ""] if isinstance(values, dict) else values[n - 1]
            for n in found_searches.parameters
        ]
        for expression in (*found_searches.texts, *given):
            if isinstance(expression, (str, bytes)):
                matches.check_expression(expression, by_character=free)
        if found_searches.writes:
            for value in values.values() if isinstance(values, dict) else values:
                if isinstance(value, (str, bytes)) and len(value) > matches.MAX_DOCUMENT:
                    raise matches.long_document()
            self.connection.limit(
                apsw.SQLITE_LIMIT_LENGTH, min(self.limits.value_bytes, matches.MAX_DOCUMENT)
            )

    def _schema_texts(self) -> dict[str, str]:
        """The definitions of the full-text tables by their names, in small letters."""
        with self.policy.own_statements():
            rows = self.connection.execute(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'create virtual%'",
                can_cache=False,
            ).fetchall()
        return {str(name).lower(): str(text) for name, text in rows if _FULL_TEXT.search(str(text))}

    def _collect(self, cursor: apsw.Cursor) -> tuple[tuple[JSON, ...], ...]:
        rows: list[tuple[JSON, ...]] = []
        room, most = self._room, self._rows
        for row in cursor:
            if len(rows) == most:
                raise StorageError(
                    f"the result has more than {self.limits.rows} rows",
                    code="limit_exceeded",
                    fix="add LIMIT",
                )
            encoded: list[JSON] = []
            for value in row:
                item, cost = encode(value)
                room -= cost
                encoded.append(item)
            room -= 2
            if room < 0:
                raise StorageError(
                    f"the result is larger than {self.limits.result_bytes} bytes",
                    code="limit_exceeded",
                    fix="select fewer columns or rows",
                )
            rows.append(tuple(encoded))
        self._room, self._rows = room, most - len(rows)
        return tuple(rows)

    def close(self) -> None:
        """Close the connection; a running statement is interrupted first. Idempotent."""
        if not self.lock.acquire(blocking=False):
            self.connection.interrupt()
            self.lock.acquire()
        try:
            # An interrupt that found nothing to stop would stop the checkpoint of the log instead.
            self.own("SELECT 1")
            self.connection.close(True)
        except apsw.ConnectionClosedError:
            return
        finally:
            self.lock.release()

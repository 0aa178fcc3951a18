"""The store of one running app: its database behind the authorizer, limits and quota."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Final, NoReturn, Self

import apsw

from locara.errors import StorageError
from locara.records import dataclass
from locara.storage import search as searching
from locara.storage.backups import newest_backup
from locara.storage.changes import Changes
from locara.storage.connection import Outcome, Session, Unwanted, wanted
from locara.storage.faults import busy, damaged, translate
from locara.storage.limits import APP, MIB, Limits
from locara.storage.migrations import Applied, limit_size, migrate
from locara.storage.search import Hit, SearchRequest
from locara.storage.settings import Settings
from locara.storage.values import JSON, bindings
from locara.storage.watchdog import Watchdog
from locara.storage.zvec_index import ZvecIndexes, fingerprint

READERS: Final = 2
# A sound check of a small database is quicker than a person notices; a large one is checked when it was not
# closed well.
_ALWAYS_CHECK_BYTES: Final = 16 * MIB


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of a query: column names and rows of JSON values, in order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[JSON, ...], ...]

    def json(self) -> dict[str, JSON]:
        """``{"columns": […], "rows": [[…]…]}``."""
        return {"columns": self.columns, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Change:
    """The effect of a statement: rows changed, the rowid last inserted, and what RETURNING or SELECT gave."""

    changes: int
    last_row_id: int
    returned: Rows | None = None

    def json(self) -> dict[str, JSON]:
        """``{"changes", "lastRowId"}`` and, when it returned columns, ``"columns"`` and ``"rows"``."""
        result: dict[str, JSON] = {"changes": self.changes, "lastRowId": self.last_row_id}
        if self.returned is not None:
            result.update(self.returned.json())
        return result


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _change(outcome: Outcome) -> Change:
    returned = Rows(outcome.columns, outcome.rows) if outcome.columns else None
    return Change(outcome.changes, outcome.last_row_id, returned)


class Store:
    """The database of one app. Open it with `Store.open`; every method may be called from any thread.

    Nothing that any SQL given to it does can read or write another file, load code, reach the tables of the
    runtime (``__locara_*``), or use more time, memory or space than its `Limits` and quota; every refusal
    is a `StorageError` whose code is one of `locara.storage.faults.CODES`.
    """

    def __init__(
        self,
        path: Path,
        watchdog: Watchdog,
        sessions: Sequence[Session],
        migrations: tuple[Applied, ...],
        clock: Callable[[], int],
        *,
        changes: Changes | None = None,
        indexes: ZvecIndexes | None = None,
    ) -> None:
        self.path = path
        self._changes = changes
        self._indexes = indexes
        self.migrations = migrations
        self.clock = clock
        self._watchdog = watchdog
        self._sessions = tuple(sessions)
        self._writer, self.keeper, *readers = sessions
        self.limits = self._writer.limits
        self.settings = Settings(self)
        self._free: LifoQueue[Session] = LifoQueue()
        for reader in readers:
            self._free.put(reader)
        self._closed = False
        self._closing = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        schema_dir: Path | None,
        quota_mb: int,
        vec_extension: bool = True,
        limits: Limits = APP,
        clock: Callable[[], int] = _milliseconds,
        zvec_folder: Path | None = None,
    ) -> Self:
        """Open or create the database file ``path``, bring its schema up to date and return the store.

        ``schema_dir`` holds ``schema.sql`` and ``migrations/NNNN_name.sql`` (see
        `locara.storage.migrations`); None means no schema. ``quota_mb`` bounds the database file. ``clock``
        gives unix milliseconds for settings. ``zvec_folder``: search vectors by indexes of zvec kept there (None:
        by SQLite alone). Raises `StorageError`: ``corrupt``, ``migration_failed``,
        ``migration_changed``, ``io_error``, ``unsupported``.
        """
        if isinstance(quota_mb, bool) or not isinstance(quota_mb, int) or quota_mb < 1:
            raise StorageError("the quota is at least 1 MiB", code="bad_value")
        path = path.parent.resolve() / path.name
        trusted = fingerprint(path) if zvec_folder is not None else ""
        unclean = _prepare_file(path)
        watchdog = Watchdog()
        changes = None if zvec_folder is None else Changes()
        sessions: list[Session] = []
        try:
            with _faults(path):
                writer = Session(path, "write", watchdog, limits, vectors=vec_extension, changes=changes)
                sessions.append(writer)
                _configure(writer, quota_mb)
                _check(writer, thorough=unclean or path.stat().st_size <= _ALWAYS_CHECK_BYTES)
                before = _data_version(writer)
                applied = migrate(
                    path, schema_dir, watchdog, quota_mb=quota_mb, vectors=vec_extension, clock=clock
                )
                if unclean or _data_version(writer) != before:
                    trusted = ""
                # Two writers of one process take turns here; SQLite's own waiting is not fair.
                keeper = Session(path, "write", watchdog, limits, vectors=False, lock=writer.lock)
                sessions.append(keeper)
                _configure(keeper, quota_mb)  # the largest size of a file is a matter of each connection
                for _ in range(READERS):
                    sessions.append(Session(path, "read", watchdog, limits, vectors=vec_extension))
            indexes = None
            if zvec_folder is not None and changes is not None:

                def reader() -> Session:
                    return Session(path, "read", watchdog, limits, vectors=vec_extension)

                most = quota_mb * MIB
                indexes = ZvecIndexes(zvec_folder, changes, reader, most_bytes=most, trusted=trusted)
            return cls(path, watchdog, sessions, applied, clock, changes=changes, indexes=indexes)
        except BaseException:
            for session in sessions:
                session.close()
            watchdog.close()
            raise

    def query(self, sql: str, params: JSON = None, *, unwanted: Unwanted = wanted) -> Rows:
        """The rows of one reading statement. A statement that writes is ``bad_statement``.

        It ends as ``limit_exceeded`` soon after ``unwanted`` says so.
        """
        values = bindings(params, self.limits.variables)
        with self._reading() as session:
            session.end_when(unwanted)
            outcome = session.run(sql, values)
        return Rows(outcome.columns, outcome.rows)

    def exec(self, sql: str, params: JSON = None) -> Change:
        """Run one statement of any allowed kind in a transaction of its own."""
        values = bindings(params, self.limits.variables)
        with self._writing() as session:
            outcome = session.run(sql, values)
        return _change(outcome)

    def batch(self, statements: Sequence[tuple[str, JSON]]) -> tuple[Change, ...]:
        """Run the statements in order in one transaction: all of them happen, or none."""
        if len(statements) > self.limits.statements:
            raise StorageError(
                f"a batch has at most {self.limits.statements} statements",
                code="limit_exceeded",
                fix="split it into several batches",
            )
        prepared = [(sql, bindings(params, self.limits.variables)) for sql, params in statements]
        with self._writing() as session:
            outcomes = []
            for number, (sql, values) in enumerate(prepared):
                try:
                    outcomes.append(session.run(sql, values))
                except StorageError as error:
                    error.message = f"statement {number + 1} of {len(prepared)}: {error.message}"
                    raise
        return tuple(map(_change, outcomes))

    def search(self, request: SearchRequest, *, unwanted: Unwanted = wanted) -> tuple[Hit, ...]:
        """The best ``k`` rows by vector distance, by text, or by both; see `locara.storage.search`.

        It ends as ``limit_exceeded`` soon after ``unwanted`` says so.
        """
        with self._reading() as session:
            session.end_when(unwanted)
            return searching.search(session, request, self._indexes)

    def close(self) -> None:
        """Interrupt what runs, fold the write-ahead log into the file and close. Idempotent."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        for session in self._sessions:
            session.connection.interrupt()
        good = {} if self._indexes is None else self._indexes.settle()
        for session in self._sessions[::-1]:
            session.close()
        self._watchdog.close()
        if self._indexes is not None:
            self._indexes.stamp(good, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        """A reading connection for one caller, its clock running."""
        try:
            session = self._free.get(timeout=self.limits.seconds + self.limits.busy_milliseconds / 1_000)
        except Empty as error:
            raise busy() from error
        try:
            with session.lock:
                self._check_open()
                session.start()
                try:
                    yield session
                finally:
                    session.stop()
        except (StorageError, OSError, apsw.Error, MemoryError) as error:
            _fail(error, self.path)
        finally:
            self._free.put(session)

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """The writing connection in a transaction, its clock running."""
        session = self._writer
        with session.held(), _faults(self.path):
            self._check_open()
            try:
                with session.budget(), session.transaction():
                    before = session.schema_version()
                    yield session
                    if session.schema_version() != before:
                        session.check_names()
            except BaseException:
                if self._changes is not None:
                    self._changes.rollback()
                raise
            if self._changes is not None:
                self._changes.commit()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("the store is closed", code="closed")


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Every apsw or operating system error leaves as a `StorageError`; damage names the newest backup."""
    try:
        yield
    except (StorageError, OSError, apsw.Error, MemoryError) as error:
        _fail(error, path)


def _fail(error: StorageError | OSError | apsw.Error | MemoryError, path: Path) -> NoReturn:
    """Raise what callers of a store are told of this error."""
    if isinstance(error, OSError):
        said = os.strerror(error.errno or 0)
        raise StorageError(f"the database directory could not be used: {said}", code="io_error") from error
    translated = error if isinstance(error, StorageError) else translate(error, None)
    if translated.code == "corrupt":
        raise damaged(newest_backup(path)) from error
    if translated is error:
        raise error
    raise translated from error


def _data_version(session: Session) -> int:
    """A number that changes when another connection changed the database."""
    with session.lock, session.policy.own_statements():
        return int(session.connection.pragma("data_version"))


def _prepare_file(path: Path) -> bool:
    """Make the file private before SQLite opens it; True when it was not closed cleanly last time."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o600)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(
            f"the database file could not be opened: {os.strerror(error.errno or 0)}", code="io_error"
        ) from error
    if not regular:
        raise StorageError("the database is not a regular file", code="io_error")
    return path.with_name(path.name + "-wal").exists()


def _configure(session: Session, quota_mb: int) -> None:
    """Make the file a WAL database of at most ``quota_mb`` mebibytes."""
    with session.lock, session.budget(), session.policy.own_statements():
        if session.connection.pragma("journal_mode", "wal") != "wal":
            raise StorageError("the file system does not support a write-ahead log", code="io_error")
        limit_size(session, quota_mb)


def _check(session: Session, *, thorough: bool) -> None:
    with session.lock, session.policy.own_statements():
        # A check of a large file may take longer than an app's statement may.
        session.untimed()
        try:
            result = session.connection.pragma("quick_check", 1) if thorough else "ok"
            session.connection.execute("SELECT count(*) FROM sqlite_schema", can_cache=False).fetchall()
        finally:
            session.timed()
    if result != "ok":
        raise damaged(None)

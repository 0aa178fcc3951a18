"""Vector search by zvec: an index beside the database that can be thrown away at any moment.

The truth is the app's table in SQLite; the index holds a copy of its vectors in files of zvec's own. It is told which
rows changed (`locara.storage.changes`) and reads them from SQLite before it answers, so an answer has seen every
commit. It is trusted after a start only when it was closed well over the very file that is opened again; a process that
was killed, a restored or imported database, another schema: each means a new one. Whatever zvec cannot do, or fails
at, is answered by SQLite's exact scan, with the same result. zvec leaves a deleted vector in its files, so an index
with deletions does not outlive the process, nor a quarter of its size.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from locara.durable import sync_file, sync_folder
from locara.records import dataclass
from locara.storage.changes import Changes, Rows
from locara.storage.connection import Session

_BATCH: Final = 1_000  # zvec takes 1,024 at most
_INLINE: Final = 2_000
_FIELD: Final = "v"
_MEMORY_MB: Final = 512
_STAMP: Final = "stamp.json"
_MOST_STAMP: Final = 1 << 20
_SPARE: Final = 100
_starting: Final = threading.Lock()
_started: Final[list[bool]] = []


def _zvec() -> ModuleType:
    """The library, set up once for a process: no log files, one thread for each kind of work."""
    import zvec  # noqa: PLC0415 - 44 MB that only an app with this engine loads

    with _starting:
        if not _started:
            zvec.init(
                log_level=zvec.LogLevel.FATAL, query_threads=1, optimize_threads=1, memory_limit_mb=_MEMORY_MB
            )
            _started.append(True)
    return zvec


def _remove(path: Path) -> None:
    import shutil  # noqa: PLC0415 - loads every format of archives, and few starts have an index to remove

    shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Source:
    """Where vectors come from: quoted names of a table and its column, the table that tells of its rows (lower
    case), the metric and the number of dimensions."""

    table: str
    column: str
    watched: str
    metric: str
    dimensions: int

    @property
    def key(self) -> str:
        """The name of its folder."""
        parts = (self.table, self.column, self.watched, self.metric, str(self.dimensions))
        return sha256("\0".join(parts).encode()).hexdigest()[:32]


@dataclass(slots=True)
class _Index:
    """One open collection, what it copies, and what of it is no longer true."""

    source: Source
    collection: Any
    schema: int
    gone: int = 0

    @property
    def size(self) -> int:
        return int(self.collection.stats.doc_count)


def fingerprint(database: Path) -> str:
    """What changes whenever anything writes a database file that nobody has open."""
    try:
        found = database.stat()
        with database.open("rb") as file:
            head = file.read(100)
    except OSError:
        return ""
    facts = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, head.hex())
    return ":".join(map(str, facts))


class ZvecIndexes:
    """The indexes of one store, below ``folder``. `nearest` may be called from any thread."""

    def __init__(
        self, folder: Path, changes: Changes, session: Callable[[], Session], *, most_bytes: int, trusted: str
    ) -> None:
        """``trusted`` is the `fingerprint` of the database before it was opened, "" when it was changed since."""
        self._folder = folder
        self._changes = changes
        self._make_session = session
        self._session: Session | None = None
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._indexes: dict[str, _Index] = {}
        self._hopeless: set[str] = set()
        self._builder: threading.Thread | None = None
        self._closed = False
        self._watched: dict[str, str] = {}
        self._waiting: dict[str, Rows] = {}
        self._kept = self._trusted(trusted)

    def _trusted(self, database: str) -> dict[str, int]:
        """The indexes that were closed well over this database, by key, with their schema's version. Others go."""
        kept: dict[str, int] = {}
        stamp = self._folder / _STAMP
        with suppress(OSError, ValueError, KeyError, TypeError):
            with stamp.open("rb") as file:
                told = json.loads(file.read(_MOST_STAMP))
            if database and told["database"] == database:
                kept = {str(key): int(version) for key, (version, _) in told["indexes"].items()}
                self._watched = {str(key): str(table) for key, (_, table) in told["indexes"].items()}
        self._changes.watch(self._watched.values())
        # Gone before anything is written: a process that is killed from here on leaves no index to trust.
        stamp.unlink(missing_ok=True)
        with suppress(OSError):
            for entry in self._folder.iterdir():
                if entry.name not in kept:
                    _remove(entry)
        return kept

    def nearest(self, source: Source, target: Sequence[float], count: int) -> list[tuple[int, float]] | None:
        """The nearest rows as (rowid, distance), and None when SQLite has to answer: the index is being made or
        used, holds too much, or failed."""
        if source.key in self._hopeless or not self._lock.acquire(blocking=False):
            return None
        try:
            with self._in_time():
                index = self._current(source)
            if index is None:
                return None
            zvec = _zvec()
            found = index.collection.query(zvec.Query(_FIELD, vector=list(target)), topk=count)
            squared = source.metric == "l2"
            return [(int(doc.id), max(doc.score, 0.0) ** 0.5 if squared else doc.score) for doc in found]
        except Exception:
            # A foreign library over files of its own: whatever it says, the table in SQLite is still whole.
            self._drop(source)
            self._hopeless.add(source.key)
            return None
        finally:
            self._lock.release()

    def size(self, source: Source) -> int:
        """How many vectors the index holds."""
        index = self._indexes.get(source.key)
        return 0 if index is None else index.size

    # What follows runs with the lock held.

    def _reader(self) -> Session:
        if self._session is None:
            self._session = self._make_session()
            self._session.untimed()
        return self._session

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """What a caller waits for ends when a statement of theirs would: a column may cost what it likes."""
        reader = self._reader()
        with reader.lock, reader.budget():
            yield

    def _current(self, source: Source) -> _Index | None:
        """The index with every committed change in it, or None while it has to be made apart."""
        reader = self._reader()
        index = self._indexes.get(source.key) or self._reopen(source)
        if index is not None and index.schema != reader.schema_version():
            self._drop(source)
            index = None
        if index is None:
            return self._make(source)
        rows = self._unseen(source)
        if rows is None or len(rows) > _INLINE:
            self._drop(source)
            return self._make(source)
        if rows and not self._apply(index, rows):
            return None
        if index.gone > index.size // 4 + _SPARE:
            self._drop(source)
            return self._make(source)
        return index

    def _reopen(self, source: Source) -> _Index | None:
        version = self._kept.pop(source.key, None)
        if version is None:
            return None
        # Its table is watched since the store was opened.
        index = _Index(source, _zvec().open(str(self._folder / source.key)), version)
        self._indexes[source.key] = index
        return index

    def _make(self, source: Source) -> _Index | None:
        """Make the index: here when it is small, else in a thread of its own."""
        count = self._count(source)
        if count * source.dimensions * 4 > self._most_bytes:
            self._hopeless.add(source.key)
            return None
        if count <= _INLINE:
            return self._build(source)
        if self._builder is None or not self._builder.is_alive():
            self._builder = threading.Thread(target=self._build_apart, args=(source,), daemon=True)
            self._builder.start()
        return None

    def _build_apart(self, source: Source) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                self._build(source)
            except Exception:
                self._drop(source)
                self._hopeless.add(source.key)

    def _count(self, source: Source) -> int:
        table = source.table if source.watched == _plain(source.table) else _quoted(source.watched)
        return int(self._rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - quoted, here or by the caller

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        session = self._reader()
        with session.policy.own_statements():
            return list(session.connection.execute(sql, values, can_cache=False))

    def _build(self, source: Source) -> _Index | None:
        zvec = _zvec()
        path = self._folder / source.key
        _remove(path)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._changes.watch([source.watched])
        self._watched[source.key] = source.watched
        self._unseen(source)  # the scan below sees what was committed until now
        metric = zvec.MetricType.L2 if source.metric == "l2" else zvec.MetricType.COSINE
        vectors = zvec.VectorSchema(
            _FIELD, zvec.DataType.VECTOR_FP32, source.dimensions, index_param=zvec.FlatIndexParam(metric)
        )
        schema = zvec.CollectionSchema(name="vectors", vectors=vectors)
        session = self._reader()
        index = _Index(source, zvec.create_and_open(str(path), schema), session.schema_version())
        self._indexes[source.key] = index
        sql = f"SELECT rowid, {source.column} FROM {source.table} WHERE {source.column} IS NOT NULL"  # noqa: S608
        with session.policy.own_statements():
            rows = session.connection.execute(sql, can_cache=False)
            if not self._put(index, self._unless_closed(rows)):
                return None
        return index

    def _unless_closed(self, rows: Iterable[Any]) -> Iterator[Any]:
        for row in rows:
            if self._closed:
                raise InterruptedError
            yield row

    def _put(self, index: _Index, rows: Iterable[tuple[int, object]]) -> bool:
        """Copy rows; False, and no index any more, when one of them is no vector of these dimensions."""
        zvec, remaining = _zvec(), iter(rows)
        import numpy  # noqa: PLC0415

        wanted = index.source.dimensions * 4
        while batch := list(islice(remaining, _BATCH)):
            if any(not isinstance(data, bytes) or len(data) != wanted for _, data in batch):
                self._drop(index.source)
                self._hopeless.add(index.source.key)
                return False
            documents = [
                zvec.Doc(id=str(rowid), vectors={_FIELD: numpy.frombuffer(data, "<f4").tolist()})  # type: ignore[call-overload]
                for rowid, data in batch
            ]
            _check(index.collection.upsert(documents))
        return True

    def _apply(self, index: _Index, rows: set[int]) -> bool:
        """Look at changed rows again: copy those that are there, take the others out."""
        source = index.source
        sql = f"SELECT {source.column} FROM {source.table} WHERE rowid = ? AND {source.column} IS NOT NULL"  # noqa: S608
        found: list[tuple[int, object]] = []
        missing: list[str] = []
        for rowid in sorted(rows):
            data = self._rows(sql, (rowid,))
            if data:
                found.append((rowid, data[0][0]))
            else:
                missing.append(str(rowid))
        before = index.size
        for batch in _batches(missing):
            index.collection.delete(batch)
        if not self._put(index, found):
            return False
        # Every copy that was replaced or taken out is still in zvec's files.
        index.gone += len(rows) - max(index.size - before, 0)
        return True

    def _unseen(self, source: Source) -> Rows:
        """The rows that changed since this index looked last. Changes are told once, so others are told here."""
        new = self._changes.take(source.watched)
        for key, watched in self._watched.items():
            if watched == source.watched:
                known = self._waiting.get(key, set())
                self._waiting[key] = None if known is None or new is None else known | new
        return self._waiting.pop(source.key, set())

    def _drop(self, source: Source) -> None:
        index = self._indexes.pop(source.key, None)
        self._watched.pop(source.key, None)
        self._waiting.pop(source.key, None)
        if index is not None:
            with suppress(Exception):
                index.collection.close()
        _remove(self._folder / source.key)

    def settle(self) -> dict[str, tuple[int, str]]:
        """End: bring what is left up to date, close, and tell which indexes can be trusted by the next start."""
        self._closed = True
        good: dict[str, tuple[int, str]] = {}
        with self._lock:
            for index in list(self._indexes.values()):
                source = index.source
                with suppress(Exception), self._in_time():
                    rows = self._unseen(source)
                    few = rows is not None and len(rows) <= _INLINE
                    current = few and index.schema == self._reader().schema_version()
                    if current and self._apply(index, rows or set()) and not index.gone:
                        index.collection.close()
                        good[source.key] = (index.schema, source.watched)
                if source.key not in good:
                    self._drop(source)
            if self._session is not None:
                self._session.close()
        return good

    def stamp(self, good: Mapping[str, tuple[int, str]], database: Path) -> None:
        """Say, once the database is closed, that these indexes belong to it. Files come before the word for them."""
        if not good:
            return
        with suppress(OSError):
            for key in good:
                for path in (self._folder / key).rglob("*"):
                    sync_file(path)
            told = {"database": fingerprint(database), "indexes": dict(good)}
            partial = self._folder / f".{_STAMP}"
            partial.write_text(json.dumps(told))
            sync_file(partial)
            partial.replace(self._folder / _STAMP)
            sync_folder(self._folder)


def _plain(quoted: str) -> str:
    return quoted[1:-1].replace('""', '"').lower()


def _quoted(name: str) -> str:
    """A name as SQL. An app chooses it, and the authorizer is not asked about what the runtime itself sends."""
    return '"' + name.replace('"', '""') + '"'


def _batches(items: Sequence[str]) -> Iterator[list[str]]:
    remaining = iter(items)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _check(statuses: list[Any]) -> None:
    """Raise unless every document was taken."""
    if not all(status.ok() for status in statuses):
        raise RuntimeError("zvec did not take a vector")

"""The log's database: entries, tiles and the head, changed together or not at all.

SQLite in WAL mode with `synchronous=FULL`: when `add` returns, the batch is on the disk. Nothing here knows of
keys or signatures.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from locara.durable import sync_folder
from locara.records import dataclass
from locara.trust.kept_files import unwritable
from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import HASH_BYTES, leaf_hash
from locara.trust.tiles import LEVELS, WIDTH, Edge, Tile, hashes_of

VERSION: Final = 1
_NAME: Final = "log.sqlite"
_ASKED: Final = 500  # entries looked up by one statement
_WRITTEN_AHEAD: Final = 8_000  # pages, 32 MB: folding the journal into the file costs two more waits
_SCHEMA: Final = """
CREATE TABLE log(
  one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, origin TEXT NOT NULL, key TEXT NOT NULL,
  size INTEGER NOT NULL, root BLOB NOT NULL
) STRICT;
CREATE TABLE entry(i INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE tile(
  level INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (level, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE seen(key INTEGER NOT NULL, i INTEGER NOT NULL, PRIMARY KEY (key, i)) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Head:
    """Whose log it is, how many entries it has, and their root."""

    origin: str
    key: str
    size: int
    root: bytes


class Store:
    """The open database of one log. The caller sees to it that there is one, and one thread in it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        self._broken = False

    @classmethod
    def create(cls, folder: Path, origin: str, key: str) -> Store:
        """A new log without entries. Raises LogRefused `not_a_log` when there is a database already."""
        path = folder / _NAME
        if path.exists() or path.is_symlink():
            raise LogRefused(f"there is a log at {path} already", code="not_a_log")
        new = folder / f"{_NAME}.new"  # in place whole or not at all, should this process be killed
        try:
            for left in folder.glob(f"{new.name}*"):
                left.unlink()
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            connection = _connect(new)
            with connection:
                connection.execute(_SCHEMA)
                values = (VERSION, origin, key, Edge().root)
                connection.execute("INSERT INTO log VALUES (1, ?, ?, ?, 0, ?)", values)
            connection.close()
            new.rename(path)
            sync_folder(folder)
        except apsw.Error as error:
            raise LogRefused(f"{path} could not be made: {error}", code="state_unwritable") from error
        except OSError as error:
            raise unwritable(path, error) from error
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """The log that is there. Raises LogRefused `not_a_log` or `damaged`."""
        path = folder / _NAME
        if not path.is_file() or path.is_symlink():
            raise LogRefused(f"there is no log in {folder}", code="not_a_log")
        try:
            store = cls(_connect(path))
        except apsw.Error as error:
            raise LogRefused(f"{path} is not the database of a log: {error}", code="damaged") from error
        if store._ask("SELECT version FROM log") != [(VERSION,)]:
            store.close()
            raise LogRefused(f"{path} is of another version of this program", code="not_a_log")
        return store

    def close(self) -> None:
        """Fold the journal into the file and close."""
        self._db.close(True)

    @property
    def head(self) -> Head:
        """The head as the database has it."""
        rows = self._ask("SELECT origin, key, size, root FROM log")
        return Head(*rows[0])

    def edge(self) -> Edge:
        """The right edge of the tree, compared with the head and the newest entries.

        Raises LogRefused `damaged` when they do not belong together.
        """
        head = self.head
        tails: list[Sequence[bytes]] = []
        for level in range(LEVELS):
            n, width = divmod(head.size >> (8 * level), WIDTH)
            tails.append(hashes_of(self.tile(Tile(level, n, width)), width) if width else ())
        edge = Edge(head.size, tails)
        newest = self._ask("SELECT i, data FROM entry ORDER BY i DESC LIMIT ?", (len(tails[0]) + 1,))[::-1]
        leaves = [leaf_hash(data) for _, data in newest[-len(tails[0]) :]] if tails[0] else []
        last = newest[-1][0] if newest else -1
        if edge.root != head.root or last != head.size - 1 or leaves != list(tails[0]):
            raise LogRefused(
                "entries, tiles and head of the log's database do not belong together",
                code="damaged",
                fix="keep the files; build the log again from its public tiles and entries",
            )
        return edge

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a tile or bundle of that width. Raises LogRefused `damaged` when they are not there."""
        if tile.level is None:
            return self.bundle(tile)
        found = self._ask("SELECT data FROM tile WHERE level = ? AND n = ?", (tile.level, tile.n))
        data: bytes = found[0][0][: tile.width * HASH_BYTES] if found else b""
        if len(data) != tile.width * HASH_BYTES:
            raise LogRefused(f"{tile.path} is not in the log's database", code="damaged")
        return data

    def bundle(self, tile: Tile) -> bytes:
        """The bytes of an entry bundle."""
        entries = self.entries(tile.n * WIDTH, tile.n * WIDTH + tile.width)
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)

    def entries(self, low: int, high: int) -> list[bytes]:
        """The entries from index low up to, not including, high. Raises LogRefused `damaged`."""
        rows = self._ask("SELECT data FROM entry WHERE i >= ? AND i < ? ORDER BY i", (low, high))
        found: list[bytes] = [data for (data,) in rows]
        if len(found) != high - low:
            raise LogRefused(f"entries {low} to {high} are not all in the log's database", code="damaged")
        return found

    def find(self, entries: Sequence[tuple[bytes, bytes]]) -> dict[bytes, int]:
        """The lowest index of each of these entries (data and leaf hash) that the log has."""
        found: dict[bytes, int] = {}
        for at in range(0, len(entries), _ASKED):
            asked = {_key(leaf): data for data, leaf in entries[at : at + _ASKED]}
            marks = ",".join("?" * len(asked))
            rows = self._ask(
                f"SELECT key, i FROM seen WHERE key IN ({marks}) ORDER BY i",  # noqa: S608 - marks alone
                tuple(asked),
            )
            wanted = {data for data, _ in entries[at : at + _ASKED]} if rows else set()
            for _, i in rows:
                data = self.entries(i, i + 1)[0]
                if data in wanted:
                    found.setdefault(data, i)
        return found

    def _ask(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise LogRefused(f"the log's database could not be read: {error}", code="damaged") from error

    def add(
        self,
        first: int,
        entries: Sequence[tuple[bytes, bytes]],
        tiles: Mapping[tuple[int, int], bytes],
        root: bytes,
    ) -> None:
        """Store entries (data and leaf hash) from index first on, the tiles that changed, and the new root.

        Returns when all of it is on the disk. Raises LogRefused, and then nothing of it is in the log:
        `disk_full`, or `damaged` after which only a new start may write.
        """
        self._change(
            (
                ("INSERT INTO entry VALUES (?, ?)", [(first + at, e[0]) for at, e in enumerate(entries)]),
                (
                    "INSERT INTO seen VALUES (?, ?)",
                    [(_key(e[1]), first + at) for at, e in enumerate(entries)],
                ),
                ("INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", [(*at, data) for at, data in tiles.items()]),
                ("UPDATE log SET size = ?, root = ?", [(first + len(entries), root)]),
            )
        )

    def _change(self, work: Iterable[tuple[str, Sequence[tuple[object, ...]]]]) -> None:
        if self._broken:
            raise LogRefused("the log's database failed before; start the log again", code="damaged")
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for sql, rows in work:
                self._db.executemany(sql, rows)
            self._db.execute("COMMIT")
        except apsw.Error as error:
            # After a failed write nobody knows what is on the disk, save where SQLite itself says it is full.
            self._broken = not isinstance(error, apsw.FullError)
            try:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            except apsw.Error:
                self._broken = True
            if isinstance(error, apsw.FullError):
                raise LogRefused(
                    "the disk of the log is full; nothing was added", code="disk_full"
                ) from error
            raise LogRefused(f"the log's database could not be written: {error}", code="damaged") from error
        except BaseException:
            self._broken = True
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _connect(path: Path) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW
    connection = apsw.Connection(str(path), flags)
    connection.set_busy_timeout(0)
    if connection.pragma("journal_mode", "wal") != "wal":
        raise LogRefused(f"{path} cannot be written ahead; is it on a network disk?", code="damaged")
    connection.pragma("synchronous", "full")
    connection.wal_autocheckpoint(_WRITTEN_AHEAD)
    connection.pragma("cell_size_check", 1)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    return connection


def _key(leaf: bytes) -> int:
    # Eight bytes of the hash find the entry; the entry itself is then compared, so a collision is harmless.
    return int.from_bytes(leaf[:8], "big", signed=True)

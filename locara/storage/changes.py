"""Which rows of which tables changed: what a copy outside SQLite has to look at again.

SQLite tells of each row it writes in an ordinary table, the shadow tables of virtual ones among them, and of no value:
whoever keeps a copy reads the row again, so a change told twice, or one that was rolled back, costs a look and nothing
else. Changes of a transaction count from its commit on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final, Protocol, TypeAlias

_MOST_ROWS: Final = 100_000

# Row numbers, or None for every row.
Rows: TypeAlias = "set[int] | None"


class Change(Protocol):
    """What SQLite tells of one row."""

    table_name: str
    rowid: int
    rowid_new: int


class Changes:
    """The changed rows of the tables in `watch`. Safe for one writer and one reader at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, Rows] = {}
        self._done: dict[str, Rows] = {}

    def watch(self, tables: Iterable[str]) -> None:
        """Tell of these tables (lower case) from now on."""
        with self._lock:
            for table in tables:
                self._done.setdefault(table, set())

    def row(self, change: Change) -> None:
        """SQLite's call before it writes a row."""
        table = change.table_name.lower()
        if table in self._done:
            self._add(self._pending, table, {change.rowid, change.rowid_new})

    def whole(self, tables: Iterable[str]) -> None:
        """Any row of these tables may have changed in a way that SQLite does not tell."""
        for table in tables:
            if table.lower() in self._done:
                self._pending[table.lower()] = None

    def commit(self) -> None:
        """What changed since the last call counts."""
        with self._lock:
            for table, rows in self._pending.items():
                if table in self._done:
                    self._add(self._done, table, rows)
        self._pending = {}

    def rollback(self) -> None:
        """What changed since the last commit did not happen."""
        self._pending = {}

    def take(self, table: str) -> Rows:
        """The rows that changed since the last call; the caller reads them after this returns."""
        with self._lock:
            rows = self._done.get(table, set())
            if table in self._done:
                self._done[table] = set()
        return rows

    @staticmethod
    def _add(where: dict[str, Rows], table: str, rows: Rows) -> None:
        known = where.get(table, set())
        if known is None or rows is None or len(known) + len(rows) > _MOST_ROWS:
            where[table] = None
        else:
            known |= rows
            where[table] = known

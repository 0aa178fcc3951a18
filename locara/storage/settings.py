"""Settings of an app: JSON values by key and scope, in the runtime's own table.

Scopes: ``user`` (the default), ``profile:<name>`` and ``system``, which only the runtime writes. A key may
have one value per scope. The app's SQL cannot see or change the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

import apsw

from locara.errors import StorageError
from locara.records import dataclass
from locara.storage.connection import Session
from locara.storage.faults import translate
from locara.storage.values import JSON

MAX_VALUE_BYTES: Final = 65_536
MAX_KEYS: Final = 10_000
_KEY: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_SCOPE: Final = re.compile(r"user|system|profile:[A-Za-z0-9._-]{1,64}")

TABLE: Final = """CREATE TABLE IF NOT EXISTS __locara_settings(
  key TEXT NOT NULL, value TEXT NOT NULL, updated INTEGER NOT NULL, scope TEXT NOT NULL DEFAULT 'user',
  PRIMARY KEY(key, scope)) WITHOUT ROWID"""


def _checked(key: str | None, scope: str, *, writing: bool = False, by_runtime: bool = False) -> None:
    if key is not None and (not isinstance(key, str) or _KEY.fullmatch(key) is None):
        raise StorageError("a key is 1 to 128 characters without control characters", code="bad_value")
    if not isinstance(scope, str) or _SCOPE.fullmatch(scope) is None:
        raise StorageError("a scope is user, system or profile:<name>", code="bad_value")
    if writing and scope == "system" and not by_runtime:
        raise StorageError(
            "the scope system is written by the runtime", code="sql_denied", fix="use the scope user"
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that was written or removed; ``value`` is its JSON text, ``None`` when it was removed."""

    scope: str
    key: str
    value: str | None


Listener = Callable[[Change], None]


class Kept(Protocol):
    """What settings need of a store: the runtime's own connection and a clock of unix milliseconds."""

    @property
    def keeper(self) -> Session:
        """The connection that only the runtime uses."""
        ...

    @property
    def clock(self) -> Callable[[], int]:
        """Unix milliseconds."""
        ...


class Settings:
    """The settings of one store. Every method may be called from any thread and raises `StorageError`."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._listeners: dict[object, Listener] = {}

    def watch(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` of every change from now on, in the order of the writes and after each is on disk.

        It is called on the writer's thread and must neither wait nor raise. Returns what ends it.
        """
        token = object()
        self._listeners[token] = listener
        return partial(self._forget, token)

    @staticmethod
    def check_scope(scope: str) -> None:
        """Raises `StorageError` for a text that names no scope."""
        _checked(None, scope)

    def _forget(self, token: object) -> None:
        self._listeners.pop(token, None)

    def _tell(self, change: Change) -> None:
        for listener in tuple(self._listeners.values()):
            listener(change)

    def get(self, key: str, scope: str = "user") -> tuple[bool, JSON]:
        """``(found, value)``; ``(False, None)`` when the key has no value in the scope."""
        _checked(key, scope)
        with self._own() as (connection, _):
            sql = "SELECT value FROM __locara_settings WHERE key = ? AND scope = ?"
            row = connection.execute(sql, (key, scope)).fetchone()
        return (False, None) if row is None else (True, json.loads(str(row[0])))

    def set(self, key: str, value: JSON, scope: str = "user", *, by_runtime: bool = False) -> None:
        """Keep a JSON value of at most 64 KiB under the key; the write is on disk when this returns."""
        _checked(key, scope, writing=True, by_runtime=by_runtime)
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            size = len(text.encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise StorageError("a setting is a JSON value", code="bad_value") from error
        if size > MAX_VALUE_BYTES:
            raise StorageError(
                f"a setting is at most {MAX_VALUE_BYTES} bytes",
                code="limit_exceeded",
                fix="keep it in a table",
            )
        with self._own(transaction=True) as (connection, written):
            count = connection.execute("SELECT count(*) FROM __locara_settings").get
            sql = "SELECT 1 FROM __locara_settings WHERE key = ? AND scope = ?"
            if int(count) >= MAX_KEYS and connection.execute(sql, (key, scope)).fetchone() is None:
                raise StorageError(f"an app has at most {MAX_KEYS} settings", code="limit_exceeded")
            connection.execute(
                "INSERT INTO __locara_settings(key, value, updated, scope) VALUES(?, ?, ?, ?)"
                " ON CONFLICT(key, scope) DO UPDATE SET value = excluded.value, updated = excluded.updated",
                (key, text, self._kept.clock(), scope),
            )
            written.append(Change(scope, key, text))

    def get_all(self, scope: str = "user") -> dict[str, JSON]:
        """All values of the scope by key, sorted by key."""
        _checked(None, scope)
        with self._own() as (connection, _):
            sql = "SELECT key, value FROM __locara_settings WHERE scope = ? ORDER BY key"
            return {str(key): json.loads(str(value)) for key, value in connection.execute(sql, (scope,))}

    def delete(self, key: str, scope: str = "user", *, by_runtime: bool = False) -> bool:
        """Remove the value; False when there was none."""
        _checked(key, scope, writing=True, by_runtime=by_runtime)
        with self._own(transaction=True) as (connection, written):
            connection.execute("DELETE FROM __locara_settings WHERE key = ? AND scope = ?", (key, scope))
            if connection.changes() == 0:
                return False
            written.append(Change(scope, key, None))
            return True

    @contextmanager
    def _own(self, *, transaction: bool = False) -> Iterator[tuple[apsw.Connection, list[Change]]]:
        """The runtime's connection, and a list for what is written: told, in order, once it is on disk."""
        session, written = self._kept.keeper, list[Change]()
        try:
            with session.held(), session.budget():
                if not transaction:
                    with session.policy.own_statements():
                        yield session.connection, written
                    return
                with session.transaction(), session.policy.own_statements():
                    yield session.connection, written
                for change in written:  # still held, so that nobody's later write is told earlier
                    self._tell(change)
        except (apsw.Error, MemoryError) as error:
            raise translate(error, None) from error

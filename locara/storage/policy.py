"""The authorizer: SQLite asks about every action of a statement while it compiles it; what is not listed is
refused.

The policy is an allow-list over all action codes. Each code has one rule; a code without a rule (a newer
SQLite), an unexpected database name or any exception inside a rule is a denial. The last denial is kept
with its reason, because SQLite itself only says "not authorized".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final, TypeAlias

import apsw

from locara.records import dataclass
from locara.storage.allowed import (
    FUNCTIONS,
    INTERNAL_PREFIX,
    MODULES,
    PEEKING_TABLES,
    PRAGMAS,
    SYSTEM_TABLES,
)


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a statement was refused and what to do instead."""

    action: str
    because: str
    fix: str | None = None


ALLOW: Final[int] = apsw.SQLITE_OK
DENY: Final[int] = apsw.SQLITE_DENY

Rule: TypeAlias = Callable[[str, str, str], Denial | None]


def _never(because: str, fix: str | None = None) -> Rule:
    def rule(first: str, _second: str, _db: str) -> Denial:
        return Denial(first, because, fix)

    return rule


def _always(_first: str, _second: str, _db: str) -> None:
    return None


def _table(name: str, _second: str, db: str) -> Denial | None:
    lowered = name.lower()
    if db == "temp" and lowered in SYSTEM_TABLES:
        return None  # ALTER TABLE looks for temporary views; there are none, since they cannot be created
    because = fix = None
    if db not in {"main", ""}:
        because, fix = f"the database {db!r} is not the app's own", "use tables of the app's database"
    elif lowered.startswith(INTERNAL_PREFIX):
        because, fix = f"{name} belongs to the runtime", "use settings.get and settings.set"
    elif lowered.startswith("sqlite_") and lowered not in SYSTEM_TABLES:
        because = f"{name} is an internal table of SQLite"
    elif lowered.startswith("pragma_") and lowered.removeprefix("pragma_") not in PRAGMAS:
        because = f"{name} is not one of the read-only pragmas an app may ask"
    elif lowered in PEEKING_TABLES:
        because = f"{name} looks inside SQLite or outside the app's tables"
    return Denial(name, because, fix) if because else None


def reserved(name: str) -> Denial | None:
    """Why an app's table, index, view or trigger may not bear this name; None when it may."""
    if name.lower().startswith("sqlite_"):
        return None  # SQLite reserves these itself and makes some of its own
    return _table(name, "", "main")


def _pair(first: str, second: str, db: str) -> Denial | None:
    """Objects that hang on a table: an index or trigger (name, table)."""
    if first.lower().startswith("sqlite_autoindex_"):
        return _table(second, "", db)
    return _table(first, "", db) or _table(second, "", db)


def _alter(database: str, table: str, _db: str) -> Denial | None:
    return _table(table, "", database)


def _module(name: str, module: str, db: str) -> Denial | None:
    if module.lower() not in MODULES:
        return Denial(
            module, f"the module {module} is not available", "use fts5 for text and vec0 for vectors"
        )
    return _table(name, "", db)


def _function(_none: str, name: str, _db: str) -> Denial | None:
    if name.lower() in FUNCTIONS:
        return None
    return Denial(name, f"the function {name}() is not available to an app")


def _pragma(name: str, argument: str, db: str) -> Denial | None:
    takes_argument = PRAGMAS.get(name.lower())
    if takes_argument is None:
        return Denial(
            name, f"PRAGMA {name} is not available", "the runtime sets the database up; remove the PRAGMA"
        )
    if argument and not takes_argument:
        return Denial(name, f"PRAGMA {name} may be read, not set", "the runtime keeps this value")
    return _table("x", "", db)


VACUUM: Final = Denial(
    "VACUUM", "ATTACH and VACUUM open another database file", "keep everything in the app's own database"
)
_IN_BATCH = "send the statements together with db.batch: they succeed or fail as one"
_TEMPORARY = _never("temporary tables, views and triggers are not available", "use an ordinary table")
_TRANSACTION = _never("transactions are opened by the runtime", _IN_BATCH)

RULES: Final[Mapping[int, Rule]] = {
    apsw.SQLITE_SELECT: _always,
    apsw.SQLITE_RECURSIVE: _always,  # bounded by time, memory and rows
    apsw.SQLITE_READ: _table,
    apsw.SQLITE_INSERT: _table,
    apsw.SQLITE_UPDATE: _table,
    apsw.SQLITE_DELETE: _table,
    apsw.SQLITE_CREATE_TABLE: _table,
    apsw.SQLITE_DROP_TABLE: _table,
    apsw.SQLITE_CREATE_VIEW: _table,
    apsw.SQLITE_DROP_VIEW: _table,
    apsw.SQLITE_CREATE_INDEX: _pair,
    apsw.SQLITE_DROP_INDEX: _pair,
    apsw.SQLITE_CREATE_TRIGGER: _pair,
    apsw.SQLITE_DROP_TRIGGER: _pair,
    apsw.SQLITE_ALTER_TABLE: _alter,
    apsw.SQLITE_REINDEX: _pair,  # also part of CREATE INDEX
    apsw.SQLITE_CREATE_VTABLE: _module,
    apsw.SQLITE_DROP_VTABLE: _module,
    apsw.SQLITE_FUNCTION: _function,
    apsw.SQLITE_PRAGMA: _pragma,
    apsw.SQLITE_CREATE_TEMP_TABLE: _TEMPORARY,
    apsw.SQLITE_CREATE_TEMP_VIEW: _TEMPORARY,
    apsw.SQLITE_CREATE_TEMP_TRIGGER: _TEMPORARY,
    apsw.SQLITE_CREATE_TEMP_INDEX: _TEMPORARY,
    apsw.SQLITE_DROP_TEMP_TABLE: _TEMPORARY,
    apsw.SQLITE_DROP_TEMP_VIEW: _TEMPORARY,
    apsw.SQLITE_DROP_TEMP_TRIGGER: _TEMPORARY,
    apsw.SQLITE_DROP_TEMP_INDEX: _TEMPORARY,
    apsw.SQLITE_TRANSACTION: _TRANSACTION,
    apsw.SQLITE_SAVEPOINT: _TRANSACTION,
    # VACUUM and VACUUM INTO arrive here too: they attach a second file.
    apsw.SQLITE_ATTACH: _never(VACUUM.because, VACUUM.fix),
    apsw.SQLITE_DETACH: _never("there are no attached databases"),
    apsw.SQLITE_ANALYZE: _never("the statistics of the query planner belong to the runtime"),
    apsw.SQLITE_COPY: _never("COPY reads files"),
}


_WRITES: Final = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})


class _Owning:
    """`Policy.own_statements`, without the price of a generator: it is opened twice for each statement."""

    __slots__ = ("_policy",)

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def __enter__(self) -> None:
        self._policy._own = True

    def __exit__(self, *_: object) -> None:
        self._policy._own = False


class Policy:
    """The authorizer of one connection. Call it as SQLite does; it returns ``SQLITE_OK`` or ``SQLITE_DENY``.

    `denial` holds the reason of the last refusal since `reset`. Not thread-safe: a connection runs one
    statement at a time.
    """

    __slots__ = ("_own", "_owning", "denial", "updated", "written")

    def __init__(self) -> None:
        self.denial: Denial | None = None
        self.updated: set[str] = set()
        self.written: set[str] = set()
        self._own = False
        self._owning = _Owning(self)

    def reset(self) -> None:
        """Forget the last denial and which tables were to be updated; called before each statement."""
        self.denial = None
        self.updated.clear()
        self.written.clear()

    def own_statements(self) -> AbstractContextManager[None]:
        """While open, statements of the runtime itself pass. Never held while SQL of an app is compiled."""
        return self._owning

    def __call__(
        self, action: int, first: str | None, second: str | None, db: str | None, _inside: str | None
    ) -> int:
        """Judge one action as SQLite reports it: ``SQLITE_OK`` or ``SQLITE_DENY``."""
        if self._own:
            return ALLOW
        try:
            rule = RULES.get(action)
            if rule is None:
                denial: Denial | None = Denial(
                    str(action), "this kind of statement is not known to the runtime"
                )
            else:
                denial = rule(first or "", second or "", db or "")
        except Exception:
            denial = Denial(str(action), "the statement could not be judged")
        if denial is None:
            if action == apsw.SQLITE_UPDATE:
                self.updated.add(first or "")
            if action in _WRITES:
                self.written.add((first or "").lower())
            return ALLOW
        if self.denial is None:
            self.denial = denial
        return DENY

"""What SQLite's errors mean for an app: one closed list of codes, each with a way out.

``CODES`` maps every code of a `StorageError` of this package to the error code of an IPC reply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import apsw

from locara.errors import StorageError
from locara.storage.policy import Denial

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sql_denied": "storage_error",  # the statement asks for something an app may never do
        "sql_failed": "storage_error",  # SQLite did not accept it: syntax, unknown table, wrong type
        "constraint": "storage_error",  # UNIQUE, NOT NULL, CHECK, FOREIGN KEY
        "bad_value": "bad_request",  # a parameter or argument is not a value of a database
        "bad_statement": "bad_request",  # none or more than one statement, or a write in db.query
        "limit_exceeded": "limit_exceeded",  # time, memory, rows, bytes, or a size of the statement
        "quota_exceeded": "quota_exceeded",  # the database is as large as storage.quota_mb allows
        "corrupt": "storage_error",  # the file is damaged
        "busy": "busy",  # another writer held the database too long
        "io_error": "io_error",  # the disk failed
        "closed": "storage_error",  # the store is closed
        "migration_failed": "storage_error",  # a step failed; nothing of it was kept
        "migration_changed": "storage_error",  # an applied step is missing, reordered or was edited
        "unsupported": "storage_error",  # the vector extension could not be loaded
    }
)

_TOO_MUCH: Final = re.compile(
    r"too many|too large|too deep|too big|too long|overflow|maximum depth|too complex|limit", re.IGNORECASE
)
_LIMIT_FIX: Final = "read less at once: add WHERE and LIMIT, or split the work into several calls"


def ipc_code(error: StorageError) -> str:
    """The code of the IPC reply for this error."""
    return CODES.get(error.code, "storage_error")


def denied(denial: Denial) -> StorageError:
    """The refusal of the authorizer as an error of the app's call."""
    return StorageError(f"not allowed: {denial.because}", code="sql_denied", fix=denial.fix)


def busy() -> StorageError:
    """Every connection is at work for longer than a call should wait."""
    return StorageError("the database is busy", code="busy", fix="try again")


def damaged(backup: str | None) -> StorageError:
    """The file is not a sound database; ``backup`` names its newest copy, relative to its directory."""
    if backup is None:
        way = "there is no backup yet; move the file away to start with an empty database"
    else:
        way = f"put the newest backup, {backup}, in its place, or move the file away to start empty"
    return StorageError("the app's database is damaged; it was left as it is", code="corrupt", fix=way)


# The first entry whose types fit: code, text instead of SQLite's own, what to do.
_MEANING: Final[tuple[tuple[tuple[type[BaseException], ...], str, str | None, str | None], ...]] = (
    ((apsw.AuthError, apsw.ReadOnlyError, apsw.PermissionsError), "sql_denied", None, None),
    ((apsw.InterruptError,), "limit_exceeded", "the statement took too long", _LIMIT_FIX),
    ((apsw.NoMemError, MemoryError), "limit_exceeded", "the statement needs too much memory", _LIMIT_FIX),
    ((apsw.TooBigError,), "limit_exceeded", None, _LIMIT_FIX),
    (
        (apsw.FullError,),
        "quota_exceeded",
        "the database is full",
        "delete data, free space on the disk, or raise storage.quota_mb in locara.json",
    ),
    ((apsw.ConstraintError,), "constraint", None, None),
    ((apsw.BusyError, apsw.LockedError), "busy", "the database is busy", "try again"),
    ((apsw.IOError, apsw.CantOpenError), "io_error", "the database file could not be read or written", None),
    ((apsw.ConnectionClosedError, apsw.CursorClosedError), "closed", "the store is closed", None),
    (
        (UnicodeError,),
        "bad_value",
        "the result holds text that is not UTF-8",
        "read it as a blob: CAST(column AS BLOB)",
    ),
    ((KeyError,), "bad_value", "a named parameter is missing", None),
    ((apsw.BindingsError,), "bad_value", None, None),
)


def translate(error: BaseException, denial: Denial | None) -> StorageError:
    """The `StorageError` for anything apsw raised while a statement ran."""
    if isinstance(error, StorageError):
        return error
    if denial is not None:
        return denied(denial)
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return damaged(None)
    text = str(error)[:500]
    for types, code, instead, fix in _MEANING:
        if isinstance(error, types):
            return StorageError(instead or text, code=code, fix=fix)
    limited = isinstance(error, apsw.SQLError) and _TOO_MUCH.search(text) is not None
    return StorageError(text, code="limit_exceeded" if limited else "sql_failed")

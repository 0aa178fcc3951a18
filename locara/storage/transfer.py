"""An app's database in one file, to keep or to move, and back again.

An export is one SQLite database: every table of the app, its settings, the record of its migrations, and one
table ``__locara_export`` that says what it is. It is a copy of one moment. An import is checked as a whole in
a folder of its own and then takes the place of the database in one rename: a process killed at any point
leaves the old database or the new one. The files of the app are not part of it.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import apsw

from locara.durable import sync_file, sync_folder
from locara.errors import LocaraError, StorageError
from locara.records import dataclass
from locara.storage import settings
from locara.storage.backups import make_backup
from locara.storage.connection import load_vectors
from locara.storage.faults import translate
from locara.storage.limits import MIB
from locara.storage.migrations import LEDGER, read_steps
from locara.storage.schema_diff import differences, live_schema, scratch_schema
from locara.storage.schema_text import tokens
from locara.storage.store import Store

FORMAT: Final = "locara-export/1"
_MARK: Final = 0x4C6F6361
_MAGIC: Final = b"SQLite format 3\0"
_TABLE: Final = "CREATE TABLE __locara_export(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"
_OWN: Final = {
    "__locara_export": _TABLE, "__locara_migrations": LEDGER, "__locara_settings": settings.TABLE
}  # fmt: skip
_FACTS: Final = ("format", "app", "version", "exported")


class TransferError(LocaraError):
    """An export or import that cannot be. Codes: `exists`, `unreadable` (no export), `other_app`, `damaged`,
    `schema_differs`, `too_large`, `io_error`."""

    code = "unreadable"


@dataclass(frozen=True, slots=True)
class Export:
    """What an export says of itself: the app, its version, and when it was made (UTC, ISO 8601)."""

    app: str
    version: str
    exported: str


def export_database(database: Path, target: Path, about: Export, *, replace: bool = False) -> int:
    """Write the export of a database and return its bytes. The file appears complete or not at all.

    Raises TransferError (`exists` unless replace, `io_error`) and StorageError.
    """
    if target.exists() and not replace:
        raise TransferError(
            f"{target} is there already", code="exists", fix="name another file, or --replace"
        )
    try:
        fd, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(fd)
        partial = Path(name)
        try:
            _copy(database, partial)
            _describe(partial, about)
            sync_file(partial)
            size = partial.stat().st_size
            if replace:
                partial.replace(target)
            else:
                os.link(partial, target)
            sync_folder(target.parent)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
    except FileExistsError as error:
        raise TransferError(f"{target} is there already", code="exists", fix="name another file") from error
    except OSError as error:
        raise TransferError(f"{target} cannot be written: {error.strerror}", code="io_error") from error
    except apsw.Error as error:
        raise translate(error, None) from error
    return size


def _copy(source: Path, target: Path) -> None:
    """The pages of one moment of a database, as one file that needs no other beside it."""
    with (
        closing(_open(source, apsw.SQLITE_OPEN_READWRITE)) as old,
        closing(_open(target, apsw.SQLITE_OPEN_READWRITE)) as new,
    ):
        with new.backup("main", old, "main") as copying:
            while not copying.done:
                copying.step(1_000)
        new.pragma("journal_mode", "delete")


def _describe(path: Path, about: Export) -> None:
    values = dict(zip(_FACTS, (FORMAT, about.app, about.version, about.exported), strict=True))
    with closing(_open(path, apsw.SQLITE_OPEN_READWRITE)) as connection, connection:
        connection.execute(_TABLE)
        connection.executemany("INSERT INTO __locara_export VALUES(?, ?)", list(values.items()))
        connection.pragma("application_id", _MARK)


def _open(path: Path, flags: int) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags | apsw.SQLITE_OPEN_NOFOLLOW)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0)
    connection.pragma("cell_size_check", 1)
    return connection


@dataclass(frozen=True, slots=True)
class Import:
    """What an import did: what was read, the names of objects that the app's schema files do not make, and
    the copy of the database that was replaced."""

    about: Export
    extra: tuple[str, ...]
    backup: Path | None


def import_database(
    source: Path, database: Path, *, app: str, schema_dir: Path | None, quota_mb: int, now: int
) -> Import:
    """Check an export and put it in the place of a database, which nothing may have open; ``now`` is in unix
    milliseconds. What was there is copied to ``backups/`` first.

    Raises TransferError, and StorageError when its migrations are not those of this app; then nothing has
    changed.
    """
    _check_file(source, quota_mb)
    folder = database.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".import-", dir=folder) as name:
            staged = Path(name, database.name)
            staged.touch(0o600)
            _copy_in(source, staged)
            about = _checked(staged, app)
            Store.open(staged, schema_dir=schema_dir, quota_mb=quota_mb).close()
            extra = _checked_schema(staged, schema_dir)
            backup = _keep(database, now)
            for beside in ("-wal", "-shm"):
                if database.with_name(database.name + beside).exists():
                    raise StorageError("the database is open in another program", code="busy")
            sync_file(staged)
            staged.replace(database)
            sync_folder(folder)
    except OSError as error:
        raise TransferError(f"{folder} cannot be written: {error.strerror}", code="io_error") from error
    except apsw.Error as error:
        raise translate(error, None) from error
    return Import(about, extra, backup)


def _check_file(source: Path, quota_mb: int) -> None:
    try:
        with source.open("rb") as file:
            begin, size = file.read(len(_MAGIC)), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise TransferError(f"{source} cannot be read: {error.strerror}") from error
    if begin != _MAGIC:
        raise TransferError(f"{source} is not an export of `locara db export`")
    if size > quota_mb * MIB:
        raise TransferError(
            f"{source} is larger than the app's storage.quota_mb ({quota_mb} MiB)", code="too_large"
        )


def _copy_in(source: Path, staged: Path) -> None:
    try:
        with (
            closing(_open(source.resolve(), apsw.SQLITE_OPEN_READONLY)) as old,
            closing(_open(staged, apsw.SQLITE_OPEN_READWRITE)) as new,
        ):
            with new.backup("main", old, "main") as copying:
                while not copying.done:
                    copying.step(1_000)
            new.pragma("journal_mode", "delete")
    except apsw.Error as error:
        raise TransferError(f"{source} is damaged", code="damaged", fix="use another copy") from error


def _checked(staged: Path, app: str) -> Export:
    """What the export says, once it is whole, of this app, and holds nothing of the runtime's but its own."""
    try:
        with closing(_open(staged, apsw.SQLITE_OPEN_READWRITE)) as connection:
            load_vectors(connection)  # the check of a vector table needs its module
            about = _about(connection)
            if about.app != app:
                raise TransferError(
                    f"this is an export of {about.app}, not of {app}",
                    code="other_app",
                    fix="name the app that it was exported from",
                )
            if connection.pragma("integrity_check", 1) != "ok":
                raise TransferError("the export is damaged", code="damaged", fix="use another copy")
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
            if broken is not None:
                raise TransferError(f"rows of {broken[0]} refer to rows that do not exist", code="damaged")
            connection.execute("DROP TABLE __locara_export")
            connection.pragma("application_id", 0)
    except apsw.Error as error:
        raise TransferError("the export is damaged", code="damaged", fix="use another copy") from error
    return about


def _about(connection: apsw.Connection) -> Export:
    """The facts of an export, whose internal tables are exactly what this runtime makes."""
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name LIKE '\\_\\_locara\\_%' ESCAPE '\\' "
        "OR (tbl_name LIKE '\\_\\_locara\\_%' ESCAPE '\\' AND sql IS NOT NULL)"
    ).fetchall()
    if not any(row[1] == "__locara_export" for row in rows):
        raise TransferError("this database is not an export of `locara db export`")
    for kind, name, table, sql in rows:
        known = kind == "table" and name in _OWN and name == table
        if not known or not _same(str(sql), _OWN[str(name)]):
            raise TransferError(f"the export holds {name!r}, which no app can have", code="damaged")
    found = connection.execute("SELECT key, value FROM __locara_export").fetchall()
    facts = {row[0]: row[1] for row in found}
    if facts.get("format") != FORMAT or not all(isinstance(facts.get(key), str) for key in _FACTS):
        raise TransferError("the export is of a format that this version does not know")
    return Export(str(facts["app"]), str(facts["version"]), str(facts["exported"]))


def _same(sql: str, expected: str) -> bool:
    """The same statement; SQLite keeps it without IF NOT EXISTS."""
    wanted = [token for token, _ in tokens(expected)]
    if wanted[2:5] == ["if", "not", "exists"]:
        del wanted[2:5]
    return [token for token, _ in tokens(sql)] == wanted


def _checked_schema(staged: Path, schema_dir: Path | None) -> tuple[str, ...]:
    """Objects beyond what the app's schema files make. TransferError when one of those is missing or other."""
    steps = read_steps(schema_dir) if schema_dir is not None and schema_dir.is_dir() else ()
    found = differences(scratch_schema(steps), live_schema(staged)[0])
    wrong = [one for one in found if one.change != "added" or one.what == "column"]
    if wrong:
        raise TransferError(
            f"{wrong[0].what} {wrong[0].name} is not what this app's schema files make",
            code="schema_differs",
            fix="import it with the version of the app that it was exported from",
        )
    return tuple(f"{one.what} {one.name}" for one in found)


def _keep(database: Path, now: int) -> Path | None:
    """A copy of the database that is about to be replaced."""
    if not database.exists():
        return None
    applied = live_schema(database)[1]
    with closing(_open(database, apsw.SQLITE_OPEN_READWRITE)) as connection:
        return make_backup(database, connection, applied[-1].number if applied else 0, now)

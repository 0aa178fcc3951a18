"""The app's schema: ``schema.sql`` first, then ``migrations/NNNN_name.sql`` in order, each exactly once.

Step 0 is ``schema.sql``, the schema of the first release; migration numbers start at 1 and have no gaps.
All pending steps run in one transaction together with the ledger ``__locara_migrations`` and
``user_version``: a process killed at any point leaves the old schema or the new one. Before a database that
already has a schema is changed, it is copied to ``backups/``. A step that was applied must stay as it is:
an edited, missing or reordered file is refused. Steps run under the authorizer of the app, with foreign
keys checked at the end, so tables can be rebuilt; full-text searches and texts are bounded as in a call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from locara.core.digest import Digest
from locara.errors import StorageError
from locara.plain_files import NotPlainError, open_plain
from locara.records import dataclass
from locara.storage import settings
from locara.storage.backups import make_backup
from locara.storage.connection import Session
from locara.storage.faults import translate
from locara.storage.limits import MIB, MIGRATION
from locara.storage.watchdog import Watchdog

_NAME: Final = re.compile(r"(\d{4})_([a-z0-9][a-z0-9_-]{0,62})\.sql")
_MAX_BYTES: Final = 4 * MIB
_MAX_STEPS: Final = 10_000
LEDGER: Final = """CREATE TABLE IF NOT EXISTS __locara_migrations(
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, applied INTEGER NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Step:
    """One file of the schema: its number (0 is ``schema.sql``), name, SQL text and digest of its bytes."""

    number: int
    name: str
    sql: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Applied:
    """One step the database has: number, file name, digest of the file, unix milliseconds."""

    number: int
    name: str
    digest: str
    applied: int


def _refuse(message: str, fix: str) -> StorageError:
    return StorageError(message, code="migration_changed", fix=fix)


def _read(path: Path, number: int) -> Step:
    try:
        with open_plain(path) as file:
            data = file.read(_MAX_BYTES + 1)
    except NotPlainError as error:
        raise StorageError(f"db/{path.name} is not a regular file", code="migration_failed") from error
    except OSError as error:
        raise StorageError(f"db/{path.name} could not be read", code="migration_failed") from error
    if len(data) > _MAX_BYTES:
        raise StorageError(f"{path.name} is larger than {_MAX_BYTES // MIB} MiB", code="migration_failed")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StorageError(f"{path.name} is not UTF-8 text", code="migration_failed") from error
    if "\0" in text or text.startswith("\ufeff"):
        raise StorageError(f"{path.name} holds a NUL or a byte order mark", code="migration_failed")
    return Step(number, path.name, text, Digest.of(data))


def read_steps(schema_dir: Path) -> tuple[Step, ...]:
    """The steps of an app's ``db`` directory in order. `StorageError` for a file that does not belong."""
    steps: list[Step] = []
    schema = schema_dir / "schema.sql"
    if schema.exists():
        steps.append(_read(schema, 0))
    directory = schema_dir / "migrations"
    names = sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []
    if len(names) > _MAX_STEPS:
        raise StorageError("there are too many migrations", code="migration_failed")
    for expected, name in enumerate(names, start=1):
        match = _NAME.fullmatch(name)
        if match is None:
            raise StorageError(
                f"db/migrations/{name} is not named NNNN_name.sql",
                code="migration_failed",
                fix="rename or remove it",
            )
        if int(match[1]) != expected:
            raise _refuse(
                f"db/migrations has no {expected:04d}_….sql before {name}",
                "number migrations 0001, 0002, … without gaps or repeats",
            )
        steps.append(_read(directory / name, expected))
    return tuple(steps)


def _compare(applied: tuple[Applied, ...], steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps still to run; refuses unless the applied ones are the beginning of ``steps``."""
    known = {step.number: step for step in steps}
    for old in applied:
        step = known.pop(old.number, None)
        if step is None:
            raise _refuse(
                f"{old.name} was applied to this database and is missing now", f"restore {old.name}"
            )
        if (step.name, str(step.digest)) != (old.name, old.digest):
            raise _refuse(
                f"{old.name} was changed after it was applied to this database",
                f"restore {old.name} and write the change as a new migration",
            )
    last = max((old.number for old in applied), default=-1)
    for number, step in known.items():
        if number < last:
            raise _refuse(
                f"{step.name} comes before steps that were already applied", "give it the next number"
            )
    return tuple(known[number] for number in sorted(known))


def _applied(connection: apsw.Connection) -> tuple[Applied, ...]:
    there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '__locara_migrations'").fetchone()
    if there is None:
        return ()
    rows = connection.execute("SELECT number, name, digest, applied FROM __locara_migrations ORDER BY number")
    return tuple(Applied(int(row[0]), str(row[1]), str(row[2]), int(row[3])) for row in rows)


def migrate(
    path: Path,
    schema_dir: Path | None,
    watchdog: Watchdog,
    *,
    quota_mb: int,
    vectors: bool,
    clock: Callable[[], int],
) -> tuple[Applied, ...]:
    """Bring the database up to date; every step it has. Raises `StorageError`: nothing has changed."""
    steps = read_steps(schema_dir) if schema_dir is not None and schema_dir.is_dir() else ()
    session = Session(path, "write", watchdog, MIGRATION, vectors=vectors)
    try:
        with session.lock, session.budget():
            with session.policy.own_statements():
                limit_size(session, quota_mb)
                session.connection.pragma("foreign_keys", 0)
                before = _applied(session.connection)
            pending = _compare(before, steps)
            if pending and before:
                make_backup(path, session.connection, before[-1].number, clock())
            with session.transaction():
                with session.policy.own_statements():
                    if _applied(session.connection) != before:
                        raise StorageError(
                            "another process is migrating this database", code="busy", fix="try again"
                        )
                    session.connection.execute(settings.TABLE)
                    session.connection.execute(LEDGER)
                for step in pending:
                    _run(session, step, clock())
            with session.policy.own_statements():
                return _applied(session.connection)
    except (apsw.Error, MemoryError) as error:
        raise translate(error, None) from error
    finally:
        session.close()


def limit_size(session: Session, quota_mb: int) -> None:
    """Set the largest size of the database file on this connection; callers hold `own_statements`."""
    page = int(session.connection.pragma("page_size"))
    session.connection.pragma("max_page_count", max(quota_mb * MIB // page, 16))
    session.connection.pragma("journal_size_limit", 4 * MIB)


@contextmanager
def _named(step: Step) -> Iterator[None]:
    """Errors inside say which step failed and that nothing of it was kept."""
    try:
        yield
    except StorageError as error:
        raise StorageError(
            f"{step.name}: {error.message}",
            code=error.code if error.code in {"quota_exceeded", "corrupt", "busy"} else "migration_failed",
            fix=error.fix or "correct the file; the database is unchanged",
        ) from error


def _run(session: Session, step: Step, now: int) -> None:
    with _named(step):
        session.policy.reset()
        try:
            session.script(step.sql)
            session.check_names()
            with session.policy.own_statements():
                broken = session.connection.execute("PRAGMA foreign_key_check", can_cache=False).fetchone()
                if broken is not None:
                    raise StorageError(
                        f"rows of {broken[0]} refer to rows that do not exist", code="constraint"
                    )
                session.connection.execute(
                    "INSERT INTO __locara_migrations VALUES(?, ?, ?, ?)",
                    (step.number, step.name, str(step.digest), now),
                    can_cache=False,
                )
                session.connection.execute(f"PRAGMA user_version = {step.number}", can_cache=False)
        except (apsw.Error, UnicodeError, MemoryError) as error:
            raise translate(error, session.policy.denial) from error

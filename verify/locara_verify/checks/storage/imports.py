"""LC230 where a database comes from a file: what is taken is whole, of this size, and what this app's schema makes.

The real import is given exports of an app that ships a schema, each with one thing changed by an ordinary program, and
one honest export, which is taken. What is refused leaves the database as it was, byte for byte.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from locara.errors import LocaraError
from locara_verify.tally import Tally

RULE: Final = "LC230"
APP: Final = "acme/imported"
_QUOTA_MB: Final = 1
_NOTE: Final = (
    "CREATE TABLE note(id INTEGER PRIMARY KEY, up REFERENCES note(id), a TEXT CHECK(length(a) < 9), b)"
)
_LOG: Final = "CREATE TRIGGER logs AFTER INSERT ON note BEGIN INSERT INTO log VALUES(new.a); END"
_SCHEMA: Final = (
    _NOTE,
    "CREATE TABLE log(a TEXT) STRICT",
    "CREATE INDEX by_a ON note(a)",
    "CREATE VIEW shown AS SELECT a FROM note",
    _LOG,
)
_STEPS: Final = (
    "number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, applied INTEGER NOT NULL"
)
_VALUES: Final = (
    "key TEXT NOT NULL, value TEXT NOT NULL, updated INTEGER NOT NULL, scope TEXT NOT NULL DEFAULT 'user'"
)
# The tables of the runtime, with more or less in their definition and the same rows.
_ANEW: Final = (
    "CREATE TABLE kept AS SELECT * FROM {0}; DROP TABLE {0}; CREATE TABLE {0}({1}){2};"
    " INSERT INTO {0} SELECT * FROM kept; DROP TABLE kept"
)
_KEPT_OTHERWISE: Final = tuple(
    (f"{name} of {columns[-30:]}", _ANEW.format(name, columns, after))
    for name, columns, after in (
        ("__locara_migrations", f"{_STEPS}, CHECK(number < 1)", ""),
        ("__locara_migrations", f"{_STEPS}, a AS (1)", ""),
        ("__locara_migrations", _STEPS.replace(" NOT NULL", ""), ""),
        (
            "__locara_settings",
            f"{_VALUES}, CHECK(length(value) < 9), PRIMARY KEY(key, scope)",
            " WITHOUT ROWID",
        ),
    )
)
# What is changed, and the statements that change it.
_CHANGES: Final = (
    ("a rule of a column is gone", f"{{away}}; {_NOTE.replace(' CHECK(length(a) < 9)', '')}; {{back}}"),
    ("a table takes any kind of value", "DROP TABLE log; CREATE TABLE log(a TEXT)"),
    ("a view shows more", "DROP VIEW shown; CREATE VIEW shown AS SELECT a, b FROM note"),
    ("a trigger does other things", f"DROP TRIGGER logs; {_LOG.replace('new.a', 'new.b')}"),
    ("a row refers to none", "INSERT INTO note VALUES(7, 99, 'x', 1)"),
    (
        "an index contradicts its rows",
        "DROP INDEX by_a; CREATE INDEX by_a ON note(b); PRAGMA writable_schema = 1;"
        " UPDATE sqlite_schema SET sql = 'CREATE INDEX by_a ON note(a)' WHERE name = 'by_a'",
    ),
    ("it is larger than the app's room", "UPDATE note SET b = zeroblob(1200000)"),
    ("an applied step is another", "UPDATE __locara_migrations SET digest = 'sha256:00'"),
    *((f"what the runtime keeps is kept otherwise: {what}", script) for what, script in _KEPT_OTHERWISE),
    ("a step is applied that is not there", "INSERT INTO __locara_migrations VALUES(1, '0001_more.sql', 'x', 1)"),
)  # fmt: skip
_AWAY: Final = "DROP VIEW shown; DROP TRIGGER logs; ALTER TABLE note RENAME TO old"
_BACK: Final = "; ".join(("INSERT INTO note SELECT * FROM old", "DROP TABLE old", *_SCHEMA[2:]))


def imports(tally: Tally, folder: Path) -> None:
    """An honest export, each changed one in its place, and an honest one over a database that is in use."""
    bench = Bench(folder)
    for turn in ("where there is none", "over another"):
        code, _ = bench.take(bench.honest)
        tally.twin(RULE, code == "ok", f"an honest export is taken {turn} ({code})")
    for what, script in _CHANGES:
        code, kept = bench.take(bench.changed(script.format(away=_AWAY, back=_BACK)))
        told = f"{what}: {code}, the database is {'as it was' if kept else 'another one'}"
        tally.judge(RULE, code != "ok" and kept, "an import is not what the app's schema makes", told)
    _in_use(tally, bench)


def _in_use(tally: Tally, bench: Bench) -> None:
    """Another program has the database open, with a change that is in its log alone."""
    import apsw  # noqa: PLC0415 - two libraries of SQLite in one process do not see the locks of each other

    with closing(apsw.Connection(str(bench.database))) as other:
        other.execute("PRAGMA journal_mode = wal; UPDATE note SET b = 'in the log'")
        code, kept = bench.take(bench.honest)
    told = f"{code}, the database is {'as it was' if kept else 'another one'}"
    tally.judge(RULE, code != "ok" and kept, "an import replaced a database that another program uses", told)


class Bench:
    """An app with a schema, an export of its database, and the database that exports are taken into."""

    def __init__(self, folder: Path) -> None:
        from locara.storage.store import Store  # noqa: PLC0415 - loads SQLite
        from locara.storage.transfer import Export, export_database  # noqa: PLC0415 - as above

        self._schema, self._forged = folder / "schema", folder / "forged.sqlite3"
        self.honest, self.database = folder / "honest.sqlite3", folder / "app/app.sqlite3"
        self._schema.mkdir()
        self.database.parent.mkdir()
        (self._schema / "schema.sql").write_text(";\n".join((*_SCHEMA, "")), "utf-8")
        source = folder / "source/app.sqlite3"
        with Store.open(source, schema_dir=self._schema, quota_mb=8) as store:
            store.exec("INSERT INTO note VALUES(1, NULL, 'kept', 2)")
        export_database(source, self.honest, Export(APP, "1.0.0", "2026-01-01T00:00:00Z"))

    def changed(self, script: str) -> Path:
        """The honest export after a script."""
        shutil.copyfile(self.honest, self._forged)
        with closing(sqlite3.connect(self._forged)) as other:
            other.executescript(script)
        return self._forged

    def take(self, source: Path) -> tuple[str, bool]:
        """The code of an import ("ok" when it was taken), and whether the database is as it was."""
        from locara.storage.transfer import import_database  # noqa: PLC0415 - as above

        before = self.database.read_bytes() if self.database.exists() else b""
        code = "ok"
        try:
            import_database(
                source, self.database, app=APP, schema_dir=self._schema, quota_mb=_QUOTA_MB, now=1
            )
        except LocaraError as error:
            code = error.code
        return code, self.database.read_bytes() == before

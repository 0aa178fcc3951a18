"""LC226 and LC230 where a database comes from a file: an export brings no object of the runtime but those that it makes
itself.

What an app's SQL may never make, somebody may write into an export with any program and ask a person to import it: a
trigger on the runtime's tables would run with each setting, as the runtime. The real import is given such files; each
differs in one object from an honest one, which is taken.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from locara.errors import LocaraError
from locara_verify.check import CheckResult, check
from locara_verify.checks.storage.imports import RULE as STEPS
from locara_verify.checks.storage.imports import imports
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC226"
NAME: Final = "storage-exports"
APP: Final = "acme/exported"
_SETTINGS: Final = "__locara_settings"
_TABLES: Final = (_SETTINGS, "__locara_migrations", "__locara_export")
_HANGS: Final = (
    "CREATE TRIGGER {name} AFTER INSERT ON {table} BEGIN INSERT INTO note VALUES('seen'); END",
    "CREATE TRIGGER {name} BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END",
    "CREATE TRIGGER {name} AFTER UPDATE ON {table} BEGIN DELETE FROM note; END",
    "CREATE UNIQUE INDEX {name} ON {table}({column})",
)
_COLUMNS: Final = ("key, value, updated, scope", "number, name, digest, applied", "key, value")
# Something of another kind under the name of a table.
_INSTEAD: Final = (
    "CREATE TABLE was AS SELECT * FROM {table}; DROP TABLE {table};"
    " CREATE VIEW {table}({columns}) AS SELECT * FROM was",
    "CREATE TABLE was AS SELECT * FROM {table}; DROP TABLE {table};"
    " CREATE VIRTUAL TABLE {table} USING fts5({columns}); INSERT INTO {table} SELECT * FROM was",
)
_COLUMN: Final = dict(zip(_TABLES, ("updated", "applied", "value"), strict=True))
_NAMES: Final = ("hangs", "__locara_hangs", "sqlite")
_STRANGE: Final = (
    "CREATE TABLE __locara_more(a)",
    "CREATE VIEW __locara_seen AS SELECT * FROM __locara_settings",
    "CREATE TABLE __LOCARA_other(a)",
    "CREATE INDEX __locara_index ON note(a)",
    f"ALTER TABLE {_SETTINGS} ADD COLUMN more TEXT",
    f"DROP TABLE {_SETTINGS}; CREATE TABLE {_SETTINGS}(key TEXT, value TEXT, updated INTEGER, scope TEXT)",
    "UPDATE __locara_export SET value = 'acme/other' WHERE key = 'app'",
    "DELETE FROM __locara_export WHERE key = 'app'",
    "UPDATE __locara_export SET value = 'locara-export/9' WHERE key = 'format'",
)


@check(NAME, rules=(RULE, STEPS))
def run(ctx: Context) -> CheckResult:
    """An honest export, and each dishonest one in its place."""
    tally, folder = Tally(), ctx.fresh_dir("exports")
    honest = _export(folder)
    code, _ = _import(folder / "honest", honest)
    tally.twin(RULE, code == "ok", f"an honest export is taken ({code})")
    forged, app = folder / "forged.sqlite3", folder / "app"
    _import(app, honest)
    for script in _scripts(ctx.rng(NAME)):
        shutil.copyfile(honest, forged)
        with closing(sqlite3.connect(forged)) as other:
            other.executescript(script)
        code, kept = _import(app, forged)
        tally.judge(
            RULE,
            code != "ok" and kept,
            "an import brought an object of the runtime's that it did not make",
            f"{script[:120]}: {code}, the database is {'as it was' if kept else 'another one'}",
        )
    imports(tally, ctx.fresh_dir("imports"))
    return tally.result()


def _scripts(rng: random.Random) -> tuple[str, ...]:
    hung = (
        hang.format(name=rng.choice(_NAMES), table=table, column=_COLUMN[table])
        for hang in _HANGS
        for table in _TABLES
    )
    instead = (
        one.format(table=table, columns=columns)
        for one in _INSTEAD
        for table, columns in zip(_TABLES, _COLUMNS, strict=True)
    )
    return (*hung, *instead, *_STRANGE)


def _export(folder: Path) -> Path:
    """What the product exports of a small database."""
    from locara.storage.store import Store  # noqa: PLC0415 - loads SQLite
    from locara.storage.transfer import Export, export_database  # noqa: PLC0415 - as above

    database, target = folder / "source/app.sqlite3", folder / "honest.sqlite3"
    with Store.open(database, schema_dir=None, quota_mb=4) as store:
        store.exec("CREATE TABLE note(a)")
        store.settings.set("kept", "from the export")
    export_database(database, target, Export(APP, "1.0.0", "2026-01-01T00:00:00Z"))
    return target


def _import(folder: Path, source: Path) -> tuple[str, bool]:
    """The code of an import into an app's database ("ok" when it was taken), and whether that is as it was."""
    from locara.storage.store import Store  # noqa: PLC0415 - as above
    from locara.storage.transfer import import_database  # noqa: PLC0415 - as above

    database = folder / "app.sqlite3"
    if not database.exists():
        with Store.open(database, schema_dir=None, quota_mb=4) as store:
            store.settings.set("kept", "before")
    code, before = "ok", database.read_bytes()
    try:
        import_database(source, database, app=APP, schema_dir=None, quota_mb=4, now=1)
    except LocaraError as error:
        code = error.code
    return code, database.read_bytes() == before

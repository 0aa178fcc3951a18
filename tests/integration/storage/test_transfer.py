"""Export and import of a real database: everything comes back, and nothing unsound gets in."""

from __future__ import annotations

import os
from pathlib import Path

import apsw
import pytest

from locara.errors import LocaraError
from locara.storage.store import Store
from locara.storage.transfer import Export, TransferError, export_database, import_database

SCHEMA = "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL);"
SET = "UPDATE __locara_export SET value="
ABOUT = Export("acme/probe", "1.0.0", "2026-01-01T00:00:00Z")


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "db"
    folder.mkdir()
    (folder / "schema.sql").write_text(SCHEMA)
    return folder


@pytest.fixture
def database(tmp_path: Path, schema: Path) -> Path:
    path = tmp_path / "data/app.sqlite3"
    with Store.open(path, schema_dir=schema, quota_mb=16) as store:
        store.exec("INSERT INTO notes(body) VALUES('first')")
        store.settings.set("theme", "dark", "user")
        store.exec("CREATE VIRTUAL TABLE vectors USING vec0(embedding float[2])")
        store.exec("INSERT INTO vectors(rowid, embedding) VALUES(1, ?)", [[0.5, 1.0]])
    return path


@pytest.fixture
def file(tmp_path: Path, database: Path) -> Path:
    export_database(database, tmp_path / "kept", ABOUT)
    return tmp_path / "kept"


def bring(file: Path, database: Path, schema: Path, quota_mb: int = 16):
    return import_database(
        file, database, app="acme/probe", schema_dir=schema, quota_mb=quota_mb, now=1_700_000_000_000
    )


def test_everything_comes_back_and_what_was_there_is_kept(file, database, schema) -> None:
    with Store.open(database, schema_dir=schema, quota_mb=16) as store:
        store.exec("DELETE FROM notes")
    done = bring(file, database, schema)
    assert (done.about, done.extra) == (ABOUT, ("virtual table vectors",))
    assert done.backup is not None
    with Store.open(database, schema_dir=schema, quota_mb=16) as store:
        assert store.query("SELECT body FROM notes").rows == (("first",),)
        assert store.query("SELECT count(*) FROM vectors").rows == ((1,),)
        assert store.settings.get("theme", "user") == (True, "dark")
    assert sorted(one.name for one in database.parent.iterdir()) == ["app.sqlite3", "backups"]


def test_into_an_empty_folder(file, tmp_path, schema) -> None:
    folder = tmp_path / "fresh"
    folder.mkdir()
    assert bring(file, folder / "app.sqlite3", schema).backup is None
    assert (folder / "app.sqlite3").stat().st_mode & 0o777 == 0o600


def test_an_export_larger_than_the_quota_is_refused(file, database, schema) -> None:
    with file.open("ab") as longer:
        longer.truncate(2 << 20)
    with pytest.raises(TransferError) as caught:
        bring(file, database, schema, quota_mb=1)
    assert caught.value.code == "too_large"


def test_an_export_is_never_written_over_by_chance(file, database) -> None:
    before = file.read_bytes()
    with pytest.raises(TransferError) as caught:
        export_database(database, file, ABOUT)
    assert caught.value.code == "exists"
    assert file.read_bytes() == before
    assert export_database(database, file, ABOUT, replace=True) == file.stat().st_size


def changed(file: Path, *statements: str) -> None:
    with apsw.Connection(str(file)) as connection:
        for statement in statements:
            connection.execute(statement)


def cut(file: Path) -> None:
    os.truncate(file, 5_000)


def scribble(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:4160] = b"\xff" * 64
    file.write_bytes(data)


HOSTILE = {
    "another app's": (
        lambda file: changed(file, "UPDATE __locara_export SET value='a/b' WHERE key='app'"),
        "other_app",
    ),
    "no export": (lambda file: changed(file, "DROP TABLE __locara_export"), "unreadable"),
    "no database": (lambda file: file.write_bytes(b"hello" * 100), "unreadable"),
    "cut": (cut, "damaged"),
    "scribbled": (scribble, "damaged"),
    "a trigger on settings": (
        lambda file: changed(
            file, "CREATE TRIGGER t AFTER UPDATE ON __locara_settings BEGIN DELETE FROM notes; END"
        ),
        "damaged",
    ),
    "a record of steps that takes no more": (
        lambda file: changed(
            file,
            "ALTER TABLE __locara_migrations RENAME TO old",
            "CREATE TABLE __locara_migrations(number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, "
            "applied INTEGER NOT NULL, CHECK(number < 1))",
            "INSERT INTO __locara_migrations SELECT * FROM old",
            "DROP TABLE old",
        ),
        "damaged",
    ),
    "an internal table more": (lambda file: changed(file, "CREATE TABLE __locara_more(x)"), "damaged"),
    "a declared table gone": (lambda file: changed(file, "DROP TABLE notes"), "schema_differs"),
    "a declared table other": (
        lambda file: changed(file, "ALTER TABLE notes ADD COLUMN evil TEXT"),
        "schema_differs",
    ),
    "a later migration": (
        lambda file: changed(file, "INSERT INTO __locara_migrations VALUES(9, '0009_x.sql', 'sha256:0', 1)"),
        "migration_changed",
    ),
    "a future format": (
        lambda file: changed(file, f"{SET}'locara-export/2' WHERE key='format'"),
        "unreadable",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_import_that_is_not_sound_changes_nothing(name, file, database, schema) -> None:
    spoil, code = HOSTILE[name]
    spoil(file)
    before = database.read_bytes()
    with pytest.raises(LocaraError) as caught:
        bring(file, database, schema)
    assert caught.value.code == code
    assert database.read_bytes() == before
    assert [one.name for one in database.parent.iterdir()] == ["app.sqlite3"]

"""Migrations on real files: order, digests, backups, and processes killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from locara.errors import StorageError
from locara.storage.store import Store

SCHEMA = """
CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE VIRTUAL TABLE note_words USING fts5(body, content='note', content_rowid='id');
CREATE TRIGGER note_added AFTER INSERT ON note BEGIN
  INSERT INTO note_words(rowid, body) VALUES (new.id, new.body);
END;
"""
SECOND = """
ALTER TABLE note ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
CREATE TABLE tag(note INTEGER NOT NULL REFERENCES note(id), name TEXT NOT NULL);
INSERT INTO tag SELECT id, 'old' FROM note;
CREATE VIRTUAL TABLE note_vectors USING vec0(embedding float[4]);
INSERT INTO note_vectors(rowid, embedding) SELECT id, vec_f32('[1,2,3,4]') FROM note;
"""
THIRD = "CREATE INDEX tag_name ON tag(name); UPDATE note SET pinned = 1;"


class App:
    """An app's ``db`` directory and its database."""

    def __init__(self, root: Path) -> None:
        self.schema, self.path = root / "app/db", root / "data/app.sqlite3"
        (self.schema / "migrations").mkdir(parents=True)
        self.write("schema.sql", SCHEMA)

    def write(self, name: str, sql: str | bytes) -> None:
        (self.schema / name).write_bytes(sql if isinstance(sql, bytes) else sql.encode())

    def open(self) -> Store:
        return Store.open(self.path, schema_dir=self.schema, quota_mb=64, clock=lambda: 1_700_000_000_000)

    def refused(self, code: str, words: str) -> None:
        with pytest.raises(StorageError) as caught:
            self.open()
        assert caught.value.code == code, caught.value.diagnostics()
        assert words in caught.value.diagnostics()
        assert str(self.path.parent) not in caught.value.diagnostics()


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


def filled(app: App, rows: int = 200) -> None:
    with app.open() as store:
        store.batch([("INSERT INTO note(body) VALUES(?)", [f"note {n}"]) for n in range(rows)])


def read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows by a plain connection (not the standard library's: a second SQLite in a process loses locks)."""
    connection = apsw.Connection(str(path))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def tables(path: Path) -> set[str]:
    return {row[0] for row in read(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_steps_run_once_and_in_order(app: App) -> None:
    app.write("migrations/0001_second.sql", SECOND)
    with app.open() as store:
        assert [(step.number, step.name) for step in store.migrations] == [
            (0, "schema.sql"),
            (1, "0001_second.sql"),
        ]
        assert store.query("PRAGMA user_version").rows == ((1,),)
    app.write("migrations/0002_third.sql", THIRD)
    for _ in range(2):
        with app.open() as store:
            assert [step.number for step in store.migrations] == [0, 1, 2]
            assert store.query("PRAGMA user_version").rows == ((2,),)
    assert len(list((app.path.parent / "backups").iterdir())) == 1


def test_the_backup_is_the_database_before(app: App) -> None:
    filled(app)
    app.write("migrations/0001_second.sql", SECOND)
    with app.open() as store:
        assert store.query("SELECT count(*) FROM note_vectors").rows == ((200,),)
    (copy,) = (app.path.parent / "backups").iterdir()
    assert copy.name == "app-001700000000000-v0000.sqlite"
    assert "tag" not in tables(copy)
    assert "tag" in tables(app.path)
    assert read(copy, "SELECT count(*) FROM note") == [(200,)]
    assert read(copy, "PRAGMA quick_check") == [("ok",)]


def test_only_the_newest_backups_are_kept(app: App) -> None:
    filled(app, 1)
    for number in range(1, 6):
        app.write(f"migrations/{number:04d}_step.sql", f"CREATE TABLE t{number}(a);")
        app.open().close()
    names = sorted(path.name for path in (app.path.parent / "backups").iterdir())
    assert [name[-12:] for name in names] == ["v0002.sqlite", "v0003.sqlite", "v0004.sqlite"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("CREATE TABLE x(a); SELECT a FROM nowhere;", "no such table"),
        ("CREATE TABLE x(a); INSERT INTO note(body) VALUES (NULL);", "NOT NULL"),
        ("CREATE TABLE x(a); ATTACH '/tmp/other' AS o;", "not allowed"),
        ("CREATE TABLE x(a); PRAGMA journal_mode = DELETE;", "not allowed"),
        ("CREATE TABLE x(a); COMMIT; CREATE TABLE y(a);", "not allowed"),
        ("CREATE TABLE x(a); DROP TABLE __locara_migrations;", "belongs to the runtime"),
        ("CREATE TABLE x(a); ALTER TABLE x RENAME TO __locara_x;", "belongs to the runtime"),
        ("CREATE TABLE x(a REFERENCES note(id)); INSERT INTO x VALUES (999999);", "do not exist"),
        ("CREATE TABLE x(a); SELECT load_extension('x');", "load_extension"),
        ("CREATE TABLE x(a); syntax error", "syntax"),
        (b"CREATE TABLE x(a); -- \xff", "UTF-8"),
        ("CREATE TABLE x(a);\0", "NUL"),
        ("\ufeffCREATE TABLE x(a);", "byte order mark"),
    ],
)
def test_a_step_that_fails_leaves_nothing(app: App, step: str | bytes, words: str) -> None:
    filled(app, 3)
    app.write("migrations/0001_good.sql", "CREATE TABLE good(a);")
    app.write("migrations/0002_bad.sql", step)
    app.refused("migration_failed", words)
    assert not {"x", "good", "__locara_x"} & tables(app.path)
    app.write("migrations/0002_bad.sql", "CREATE TABLE x(a);")
    with app.open() as store:
        assert store.query("SELECT count(*) FROM note").rows == ((3,),)
        assert {"x", "good"} <= tables(app.path)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda app: app.write("schema.sql", SCHEMA + " "), "migration_changed", "schema.sql was changed"),
        (
            lambda app: app.write("migrations/0001_a.sql", "SELECT 2;"),
            "migration_changed",
            "write the change as a new",
        ),
        (lambda app: (app.schema / "migrations/0002_b.sql").unlink(), "migration_changed", "is missing now"),
        (lambda app: (app.schema / "migrations/0001_a.sql").unlink(), "migration_changed", "has no 0001"),
        (lambda app: (app.schema / "schema.sql").unlink(), "migration_changed", "schema.sql was applied"),
        (lambda app: app.write("migrations/0004_d.sql", "SELECT 1;"), "migration_changed", "has no 0003"),
        (
            lambda app: app.write("migrations/0002_c.sql", "SELECT 1;"),
            "migration_changed",
            "without gaps or repeats",
        ),
        (
            lambda app: app.write("migrations/extra.sql", "SELECT 1;"),
            "migration_failed",
            "not named NNNN_name.sql",
        ),
        (
            lambda app: app.write("migrations/0003_Bad.sql", "SELECT 1;"),
            "migration_failed",
            "not named NNNN_name.sql",
        ),
    ],
)
def test_applied_steps_must_stay_as_they_are(
    app: App, change: Callable[[App], object], code: str, words: str
) -> None:
    app.write("migrations/0001_a.sql", "CREATE TABLE a(a);")
    app.write("migrations/0002_b.sql", "CREATE TABLE b(a);")
    app.open().close()
    app.open().close()
    change(app)
    app.refused(code, words)


def test_a_schema_that_comes_later_is_refused(app: App) -> None:
    (app.schema / "schema.sql").unlink()
    app.write("migrations/0001_a.sql", "CREATE TABLE a(a);")
    app.open().close()
    app.write("schema.sql", SCHEMA)
    app.refused("migration_changed", "comes before")


def test_links_and_pipes_are_not_migrations(app: App, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.sql").write_text("CREATE TABLE stolen(a);")
    (app.schema / "migrations/0001_link.sql").symlink_to(tmp_path / "elsewhere.sql")
    app.refused("migration_failed", "could not be read")
    (app.schema / "migrations/0001_link.sql").unlink()
    os.mkfifo(app.schema / "migrations/0001_pipe.sql")
    app.refused("migration_failed", "not a regular file")


# The child counts its calls of storage code and of SQLite, and kills itself with SIGKILL at the chosen one.
CHILD = """
import os, signal, sys
from pathlib import Path
from locara.storage.store import Store
import locara.storage.migrations, locara.storage.search
limit, seen = int(sys.argv[3]), 0
def count(frame, event, argument):
    global seen
    name = frame.f_code.co_filename
    if event in ("call", "c_call") and "/locara/storage/" in name:
        seen += 1
        if seen == limit:
            os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(count)
Store.open(Path(sys.argv[1]), schema_dir=Path(sys.argv[2]), quota_mb=64).close()
sys.setprofile(None)
print(seen)
"""


def run_child(app: App, limit: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD, str(app.path), str(app.schema), str(limit)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_killed_at_any_point_nothing_is_lost(tmp_path: Path) -> None:
    counting = App(tmp_path / "count")
    filled(counting)
    counting.write("migrations/0001_second.sql", SECOND)
    counting.write("migrations/0002_third.sql", THIRD)
    total = int(run_child(counting, 0).stdout)
    points = sorted({max(1, total * part // 16) for part in range(1, 16)} | {total - 40, total - 5})
    seen = set()
    for point in points:
        app = App(tmp_path / f"killed-{point}")
        filled(app)
        app.write("migrations/0001_second.sql", SECOND)
        app.write("migrations/0002_third.sql", THIRD)
        killed = run_child(app, point)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        ((version,),) = read(app.path, "PRAGMA user_version")
        names = {row[0] for row in read(app.path, "SELECT name FROM sqlite_schema")}
        # All of it or none of it, never one step of two.
        assert (version, "tag" in names, "tag_name" in names) in {(0, False, False), (2, True, True)}
        seen.add(version)
        with app.open() as store:
            assert store.query("SELECT count(*), sum(pinned) FROM note").rows == ((200, 200),)
            assert store.query("SELECT count(*) FROM tag").rows == ((200,),)
            assert store.query("SELECT count(*) FROM note_words WHERE note_words MATCH 'note'").rows == (
                (200,),
            )
            assert store.query("SELECT count(*) FROM note_vectors").rows == ((200,),)
        assert not list((app.path.parent / "backups").glob("*.partial*"))
        for copy in (app.path.parent / "backups").iterdir():
            assert read(copy, "SELECT count(*) FROM note") == [(200,)]
    assert seen == {0, 2}  # both before and after the commit were hit


WORDS_64, WORDS_65 = (" ".join(["note"] * count) for count in (64, 65))


@pytest.mark.parametrize(
    ("allowed", "refused", "words"),
    [
        (
            f"CREATE TABLE hits AS SELECT rowid FROM note_words WHERE note_words MATCH '{WORDS_64}';",
            f"CREATE TABLE hits AS SELECT rowid FROM note_words WHERE note_words MATCH '{WORDS_65}';",
            "at most 64 words",
        ),
        (
            "DELETE FROM note WHERE id IN (SELECT rowid FROM note_words WHERE note_words MATCH 'note');",
            "DELETE FROM note WHERE id IN (SELECT rowid FROM note_words WHERE note_words MATCH lower('note'));",
            "takes a text or a parameter",
        ),
        (
            "INSERT INTO note_words(rowid, body) SELECT 1000, hex(zeroblob(500000));",
            "INSERT INTO note_words(rowid, body) SELECT 1000, hex(zeroblob(600000));",
            "too big",
        ),
        (
            "INSERT INTO note(body) SELECT hex(zeroblob(500000));",  # the trigger writes it to the full-text table
            "INSERT INTO note(body) SELECT hex(zeroblob(600000));",
            "too big",
        ),
        (
            f"INSERT INTO note_words(rowid, body) VALUES(1000, '{'a ' * 500_000}');",
            f"INSERT INTO note_words(rowid, body) VALUES(1000, '{'a ' * 600_000}');",
            "too big",
        ),
    ],
    ids=["words", "computed", "document", "document by trigger", "document in the file"],
)
def test_full_text_in_a_migration_has_the_bounds_of_a_call(
    app: App, allowed: str, refused: str, words: str
) -> None:
    filled(app, 5)
    app.write("migrations/0001_full_text.sql", f"SELECT 1; /* before */ {refused} SELECT 2;")
    before = read(app.path, "SELECT count(*), max(length(body)) FROM note")
    app.refused("migration_failed", words)
    assert read(app.path, "SELECT count(*), max(length(body)) FROM note") == before
    app.write("migrations/0001_full_text.sql", f"SELECT 1; /* before */ {allowed} SELECT 2;")
    app.open().close()


def test_what_is_no_full_text_may_be_longer_also_after_it(app: App) -> None:
    filled(app, 5)
    app.write(
        "migrations/0001_blobs.sql",
        """INSERT INTO note_words(note_words) VALUES('rebuild');
        CREATE TABLE picture(bytes BLOB);
        INSERT INTO picture SELECT zeroblob(3000000);""",
    )
    app.open().close()
    assert read(app.path, "SELECT length(bytes) FROM picture") == [(3_000_000,)]


def test_a_migration_has_no_parameters(app: App) -> None:
    filled(app, 5)
    for mark in ("?", "?1", ":word", "@word", "$word"):
        app.write("migrations/0001_marks.sql", f"DELETE FROM note WHERE body = {mark};")
        app.refused("migration_failed", "")

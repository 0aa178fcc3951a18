"""Two schemas compared: what is the same, what is generated and works, and what is left to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import StorageError
from locara.storage.migrations import Step
from locara.storage.schema_diff import differences, scratch_schema, script
from locara.storage.schema_text import table_text
from locara.storage.store import Store

BASE = """
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL DEFAULT '', "check" TEXT);
CREATE INDEX notes_body ON notes(body);
CREATE VIEW latest AS SELECT * FROM notes;
CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT;
"""


def step(sql: str, number: int = 0) -> Step:
    name = "schema.sql" if number == 0 else f"{number:04d}_step.sql"
    return Step(number, name, sql, Digest.of(sql.encode()))


def changes(old: str, new: str) -> list[tuple[str, str, str, bool]]:
    found = differences(scratch_schema([step(old)]), scratch_schema([step(new)]))
    return [(one.change, one.what, one.name, one.why is None) for one in found]


def test_spaces_comments_case_and_needless_quotes_are_no_difference() -> None:
    other = """
    create table "notes" ( id integer primary key, -- the key
      BODY text NOT NULL default '', [check] TEXT );
    CREATE INDEX notes_body ON `notes`(body); CREATE VIEW latest AS SELECT * FROM notes;
    CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT;
    """
    assert changes(BASE, other) == []


def test_the_text_in_quotes_is_a_difference() -> None:
    assert changes(BASE, BASE.replace("DEFAULT ''", "DEFAULT 'A'")) == [
        ("changed", "column", "notes.body", False)
    ]


SAFE = {
    "a table": "CREATE TABLE more(id INTEGER PRIMARY KEY);",
    "full text": "CREATE VIRTUAL TABLE words USING fts5(body);",
    "vectors": "CREATE VIRTUAL TABLE vectors USING vec0(embedding float[4]);",
    "an index": "CREATE UNIQUE INDEX one ON notes(id, body);",
    "a view": "CREATE VIEW names AS SELECT name FROM tags;",
    "a trigger": "CREATE TRIGGER fill AFTER INSERT ON tags BEGIN INSERT INTO notes(body) VALUES(new.name); END;",
}


@pytest.mark.parametrize("sql", SAFE.values(), ids=SAFE.keys())
def test_what_is_new_is_generated_and_leads_there(sql: str) -> None:
    base, target = scratch_schema([step(BASE)]), scratch_schema([step(BASE + sql)])
    text = script(differences(base, target))
    assert "TO WRITE" not in text
    assert differences(scratch_schema([step(BASE), step(text, 1)]), target) == ()


COLUMNS = [
    "due INTEGER",
    "due INTEGER NOT NULL DEFAULT 0",
    "due TEXT DEFAULT 'a, (b)'",
    "due TEXT COLLATE NOCASE",
    "tag INTEGER REFERENCES tags(id) ON DELETE SET NULL",
    '"odd ""name""" TEXT',
    "twice INTEGER AS (id * 2) VIRTUAL",
]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_new_column_is_added_to_a_table_with_rows(column: str, tmp_path: Path) -> None:
    new = BASE.replace('"check" TEXT', f'"check" TEXT, {column}')
    target = scratch_schema([step(new)])
    text = script(differences(scratch_schema([step(BASE)]), target))
    assert "TO WRITE" not in text
    folder = tmp_path / "db"
    (folder / "migrations").mkdir(parents=True)
    (folder / "schema.sql").write_text(BASE)
    with Store.open(tmp_path / "app.sqlite3", schema_dir=folder, quota_mb=64) as store:
        store.exec("INSERT INTO notes(body) VALUES('kept')")
    (folder / "migrations/0001_column.sql").write_text(text)
    with Store.open(tmp_path / "app.sqlite3", schema_dir=folder, quota_mb=64) as store:
        assert store.query("SELECT body FROM notes").rows == (("kept",),)
    assert differences(scratch_schema([step(BASE), step(text, 1)]), target) == ()


BY_HAND = {
    "due TEXT UNIQUE": "UNIQUE",
    "due TEXT NOT NULL": "DEFAULT",
    "due TEXT NOT NULL DEFAULT NULL": "DEFAULT",
    "due TEXT DEFAULT CURRENT_TIMESTAMP": "computed",
    "due TEXT DEFAULT (1 + 1)": "computed",
    "due INTEGER AS (id * 2) STORED": "stored",
    "due INTEGER CHECK(due <> 1)": "CHECK",
    "tag INTEGER DEFAULT 1 REFERENCES tags(id)": "REFERENCES",
}


@pytest.mark.parametrize(("column", "words"), BY_HAND.items())
def test_a_column_that_cannot_be_added_is_named_with_the_reason(column: str, words: str) -> None:
    new = BASE.replace('"check" TEXT', f'"check" TEXT, {column}')
    found = differences(scratch_schema([step(BASE)]), scratch_schema([step(new)]))
    assert [(one.change, one.what, one.statements) for one in found] == [("added", "column", ())]
    assert words in (found[0].why or "")
    assert script(found).startswith("-- TO WRITE")


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (BASE.replace("body TEXT", "body BLOB"), ("changed", "column", "notes.body", False)),
        (BASE.replace(', "check" TEXT', ""), ("removed", "column", "notes.check", False)),
        (BASE.replace("UNIQUE) STRICT", "UNIQUE)"), ("changed", "table options", "tags", False)),
        (
            BASE.replace("name TEXT UNIQUE", "name TEXT UNIQUE, CHECK(id > 0)"),
            ("changed", "table rules", "tags", False),
        ),
        (
            BASE.replace("CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT;", ""),
            ("removed", "table", "tags", False),
        ),
        (
            BASE.replace("CREATE INDEX notes_body ON notes(body);", ""),
            ("removed", "index", "notes_body", True),
        ),
        (BASE.replace("notes(body)", "notes(body DESC)"), ("changed", "index", "notes_body", True)),
        (BASE.replace("SELECT * FROM", "SELECT id FROM"), ("changed", "view", "latest", True)),
    ],
)
def test_what_loses_rows_is_left_to_a_person_and_what_holds_none_is_not(new: str, expected: tuple) -> None:
    assert changes(BASE, new) == [expected]


def test_a_view_that_changed_is_replaced() -> None:
    target = scratch_schema([step(BASE.replace("SELECT * FROM", "SELECT id FROM"))])
    text = script(differences(scratch_schema([step(BASE)]), target))
    assert differences(scratch_schema([step(BASE), step(text, 1)]), target) == ()


def test_the_inner_tables_of_virtual_tables_are_not_the_apps() -> None:
    names = {name for _, name in scratch_schema([step(SAFE["vectors"] + SAFE["full text"])])}
    assert names == {"vectors", "words"}


def test_sql_that_an_app_may_not_run_is_refused_in_the_scratch_database() -> None:
    with pytest.raises(StorageError) as caught:
        scratch_schema([step("ATTACH 'x' AS y")])
    assert caught.value.code == "migration_failed"


def test_a_quoted_keyword_is_a_column_and_a_rule_is_not() -> None:
    parts = table_text('CREATE TABLE t("primary" TEXT, b, PRIMARY KEY(b), CHECK (b IN (1, 2)))')
    assert list(parts.columns) == ["primary", "b"]
    assert len(parts.rules) == 2

"""`locara db` on the database of an app that really ran in its sandbox."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

SCHEMA = "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL);\n"


def frames(*calls: dict[str, object]) -> bytes:
    encoded = [json.dumps({"id": number, **call}).encode() for number, call in enumerate(calls, 1)]
    return b"".join(struct.pack(">I", len(one)) + one for one in encoded)


def say(sql: str) -> dict[str, object]:
    return {"cmd": "db.exec", "args": {"sql": sql}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def use(locara, app, data):
    """Run the app and send it calls; the replies."""

    def send(*calls: dict[str, object]) -> list[dict[str, object]]:
        done = locara(
            "run", "--headless", "--accept-consent", app, "--data", data, input=frames(*calls), text=False
        )
        assert done.returncode == 0, done.stderr
        replies, rest = [], done.stdout
        while rest:
            size = struct.unpack(">I", rest[:4])[0]
            replies.append(json.loads(rest[4 : 4 + size]))
            rest = rest[4 + size :]
        return sorted(replies, key=lambda one: one["id"])

    return send


@pytest.fixture
def notes(app, use) -> Path:
    """The app with a schema and one note."""
    (app / "db/migrations").mkdir(parents=True)
    (app / "db/schema.sql").write_text(SCHEMA)
    replies = use(
        say("INSERT INTO notes(body) VALUES('first')"),
        {"cmd": "settings.set", "args": {"key": "theme", "value": "dark"}},
    )
    assert [one["ok"] for one in replies] == [True, True]
    return app


def bodies(use) -> list[object]:
    return use({"cmd": "db.query", "args": {"sql": "SELECT body FROM notes"}})[0]["result"]["rows"]


def test_diff_of_a_database_that_is_up_to_date(locara, notes, data) -> None:
    done = locara("db", "diff", notes, "--data", data)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "  the same")


def test_a_migration_is_written_shown_as_pending_applied_and_used(locara, notes, data, use, tmp_path) -> None:
    wanted = tmp_path / "next.sql"
    wanted.write_text(SCHEMA.replace("body TEXT NOT NULL", "body TEXT NOT NULL, due INTEGER"))
    shown = locara("db", "diff", notes, "--to", wanted)
    assert (shown.returncode, "+ column notes.due" in shown.stdout) == (1, True)
    assert list((notes / "db/migrations").iterdir()) == []
    written = locara("db", "diff", notes, "--to", wanted, "--write", "add_due")
    assert written.returncode == 0, written.stderr
    text = (notes / "db/migrations/0001_add_due.sql").read_text()
    assert text == 'ALTER TABLE "notes" ADD COLUMN due INTEGER;\n'
    assert locara("db", "diff", notes, "--to", wanted).returncode == 0
    pending = json.loads(locara("db", "diff", notes, "--data", data, "--json").stdout)
    assert (pending["pending"], pending["differences"]) == (["0001_add_due.sql"], [])
    applied = json.loads(locara("db", "migrate", notes, "--data", data, "--json").stdout)
    assert applied["applied"] == ["0001_add_due.sql"]
    assert Path(applied["backup"]).is_file()
    assert locara("db", "migrate", notes, "--data", data).stdout == "nothing is pending\n"
    assert locara("db", "diff", notes, "--data", data).returncode == 0
    assert use(say("UPDATE notes SET due = 7"))[0]["result"]["changes"] == 1


def test_what_cannot_be_generated_is_said_and_stands_in_the_file(locara, notes, tmp_path) -> None:
    wanted = tmp_path / "next.sql"
    wanted.write_text(SCHEMA.replace("body TEXT", "body BLOB") + "CREATE INDEX by_body ON notes(body);")
    done = locara("db", "diff", notes, "--to", wanted, "--write", "change")
    assert done.returncode == 1
    assert "to write by hand: SQLite cannot change a column in place" in done.stdout
    lines = (notes / "db/migrations/0001_change.sql").read_text().splitlines()
    assert lines[0] == "CREATE INDEX by_body ON notes(body);"
    assert lines[1].startswith("-- TO WRITE: column notes.body was changed.")


def test_an_edited_schema_is_named_and_becomes_a_migration(locara, notes, data, use) -> None:
    edited = SCHEMA.replace("NOT NULL", "NOT NULL, tag TEXT")
    (notes / "db/schema.sql").write_text(edited)
    shown = locara("db", "diff", notes, "--data", data)
    assert shown.returncode == 1
    assert "edited or missing after it was applied: schema.sql" in shown.stdout
    done = locara("db", "diff", notes, "--data", data, "--write", "tags")
    assert (done.returncode, "restore db/schema.sql" in done.stdout) == (0, True)
    (notes / "db/schema.sql").write_text(SCHEMA)
    assert locara("db", "migrate", notes, "--data", data).returncode == 0
    assert bodies(use) == [["first"]]


def test_an_object_that_the_app_made_itself_is_shown(locara, notes, data, use) -> None:
    use(say("CREATE TABLE extra(x)"))
    done = locara("db", "diff", notes, "--data", data)
    assert (done.returncode, "+ table extra" in done.stdout) == (1, True)


def test_export_and_import_bring_back_every_row_and_setting(locara, notes, data, use, tmp_path) -> None:
    file = tmp_path / "notes.locara-db"
    assert locara("db", "export", notes, file, "--data", data).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    use(say("DELETE FROM notes"), {"cmd": "settings.set", "args": {"key": "theme", "value": "light"}})
    kept = locara("db", "import", notes, file, "--data", data)
    assert (kept.returncode, "--replace" in kept.stderr) == (1, True)
    assert bodies(use) == []
    done = json.loads(locara("db", "import", notes, file, "--data", data, "--replace", "--json").stdout)
    assert (done["app"], done["extra"]) == ("acme/probe", [])
    assert Path(done["backup"]).is_file()
    assert bodies(use) == [["first"]]
    assert use({"cmd": "settings.get", "args": {"key": "theme"}})[0]["result"]["value"] == "dark"
    assert not list((data / "acme.probe/db").glob(".import-*"))


def test_import_into_a_machine_where_the_app_never_ran(locara, notes, data, use, tmp_path) -> None:
    file = tmp_path / "notes.locara-db"
    locara("db", "export", notes, file, "--data", data)
    data.rename(tmp_path / "other")
    assert locara("db", "import", notes, file, "--data", data).returncode == 0
    assert bodies(use) == [["first"]]


def test_an_import_of_an_older_version_is_migrated(locara, notes, data, use, tmp_path) -> None:
    file = tmp_path / "notes.locara-db"
    locara("db", "export", notes, file, "--data", data)
    (notes / "db/migrations/0001_due.sql").write_text("ALTER TABLE notes ADD COLUMN due INTEGER;")
    assert locara("db", "import", notes, file, "--data", data, "--replace").returncode == 0
    assert use(say("UPDATE notes SET due = 7"))[0]["result"]["changes"] == 1


def test_an_export_is_never_written_over_by_chance(locara, notes, data, tmp_path) -> None:
    file = tmp_path / "kept"
    file.write_text("mine")
    assert locara("db", "export", notes, file, "--data", data).returncode == 1
    assert file.read_text() == "mine"
    assert locara("db", "export", notes, file, "--data", data, "--replace").returncode == 0
    assert file.read_bytes().startswith(b"SQLite format 3")
    assert locara("db", "export", notes, tmp_path / "no/where", "--data", data).returncode == 1


def test_while_the_app_runs_every_action_refuses(environment, locara, notes, data, tmp_path) -> None:
    command = [sys.executable, "-m", "locara", "run", "--headless", "--accept-consent", str(notes)]
    with subprocess.Popen(
        [*command, "--data", str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as running:
        running.stdin.write(frames({"cmd": "app.info", "args": {}}))
        running.stdin.flush()
        assert running.stdout.read(4)
        for action in (["diff"], ["migrate"], ["export", tmp_path / "x"], ["import", tmp_path / "x"]):
            done = locara("db", action[0], notes, *action[1:], "--data", data)
            assert (done.returncode, "is running" in done.stderr) == (1, True)
        running.stdin.close()
        running.stdout.read()


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["diff"], 4, "no data"),
        (["migrate"], 4, "no data"),
        (["export", "out"], 4, "no data"),
        (["export"], 2, "one FILE"),
        (["diff", "out"], 2, "no FILE"),
        (["migrate", "--write", "x"], 2, "belong to `locara db diff`"),
        (["diff", "--replace"], 2, "belongs to export and import"),
        (["diff", "--write", "Bad Name"], 2, "not a name"),
        (["diff", "--to", "absent.sql"], 2, "cannot be read"),
        (["import", "absent"], 4, "cannot be read"),
    ],
)
def test_mistakes(args, code, words, locara, app, data) -> None:
    done = locara("db", args[0], app, *args[1:], "--data", data)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr

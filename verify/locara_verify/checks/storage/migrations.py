"""LC230: a database has the steps that its app ships, in their order, each as it was when it ran, or it is left alone.

The real store is opened with one release of a schema after the other. What a release must not do to the database is
judged by an ordinary connection, which looks at every table, row and recorded step.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from locara.errors import StorageError
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC230"
FIRST: Final = "schema.sql"
COPIES: Final = 3
CHANGED: Final = frozenset({"migration_changed"})
FAILED: Final = frozenset({"migration_failed"})

_INDEXED: Final = "CREATE VIRTUAL TABLE words USING fts5(a);"
_MANY: Final = " OR ".join(f"w{number}" for number in range(99))
_SEARCH: Final = f"SELECT rowid FROM words WHERE words MATCH '{_MANY}'"  # noqa: S608 - our own
_COMPUTED: Final = "SELECT rowid FROM words WHERE words MATCH lower('W')"

Release = Mapping[str, str]
"""The files of an app's ``db`` folder: ``schema.sql``, and the others in ``migrations``."""


@check("storage-migrations", rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """One release is installed, then every changed one is tried on a copy of its database."""
    tally, rng = Tally(), ctx.rng("storage-migrations")
    bench = Bench(ctx.fresh_dir("migrations"))
    release = drawn(rng)
    code = bench.open("kept", release)
    tally.twin(RULE, code == "ok", f"the first release makes its database ({code})")
    whole = bench.state("kept")
    for name, other, due in changes(rng, release):
        bench.copy("kept", name)
        code = bench.open(name, other)
        same = bench.state(name) == whole
        tally.judge(
            RULE,
            code in due and same,
            "a release whose applied steps are not those of the database was not refused"
            if due is CHANGED
            else "a step that must fail did not, or was kept in part",
            f"{name}: the store answered {code}, and the database is {'as it was' if same else 'another one'}",
        )
    late(tally, bench, release)
    odd_files(tally, bench, release)
    no_copy(tally, bench, release)
    too_large(tally, bench, release)
    later(tally, bench, release)
    return tally.result()


class Bench:
    """Databases by name, opened by the real store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(
        self,
        name: str,
        release: Release,
        *,
        quota_mb: int = 16,
        exchange: Callable[[Path], object] = lambda _source: None,
    ) -> str:
        """Open a database as an app of this release does, after an exchange in its files: "ok" or the code."""
        from locara.storage.store import Store  # noqa: PLC0415 - loads SQLite

        source, place = self._folder / f"{name}.release", self._folder / name
        shutil.rmtree(source, ignore_errors=True)
        (source / "migrations").mkdir(parents=True)
        for file, text in release.items():
            (source / file if file == FIRST else source / "migrations" / file).write_text(text, "utf-8")
        exchange(source)
        place.mkdir(exist_ok=True)
        try:
            Store.open(
                place / "app.sqlite3", schema_dir=source, quota_mb=quota_mb, vec_extension=False
            ).close()
        except StorageError as error:
            return error.code
        return "ok"

    def copy(self, name: str, other: str) -> None:
        """The database under another name."""
        shutil.copytree(self._folder / name, self._folder / other)

    def place(self, name: str) -> Path:
        """Where a database, or something beside them, lies."""
        return self._folder / name

    def copies(self, name: str) -> list[str]:
        """The copies that were made of a database, oldest first, each as a name."""
        folder = self._folder / name / "backups"
        return [str(path) for path in sorted(folder.glob("*.sqlite"))] if folder.is_dir() else []

    def state(self, name: str) -> list[object]:
        """Every object, the rows of the tables, and what is recorded, the times left out."""
        import apsw  # noqa: PLC0415 - as above

        path = self._folder / name
        connection = apsw.Connection(str(path if path.is_file() else path / "app.sqlite3"))
        try:
            objects = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY 1").fetchall()
            found: list[object] = list(objects)
            for (table,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            ).fetchall():
                columns = "number, name, digest" if table == "__locara_migrations" else "*"
                rows = connection.execute(f'SELECT {columns} FROM "{table}"').fetchall()  # noqa: S608 - our own
                found.append((table, rows))
            return found
        finally:
            connection.close()


def drawn(rng: random.Random) -> dict[str, str]:
    """A release of a schema and some steps, each of which counts itself."""
    files = {FIRST: "CREATE TABLE ran(step TEXT);\nINSERT INTO ran VALUES('schema');\n"}
    for number in range(1, rng.randint(3, 5)):
        name = "".join(rng.choice("abcdefgh") for _ in range(6))
        files[f"{number:04d}_{name}.sql"] = (
            f"CREATE TABLE {name}_{number}(a);\nINSERT INTO ran VALUES('{name}');\n"
        )
    return files


def changes(rng: random.Random, release: Release) -> Iterator[tuple[str, Release, frozenset[str]]]:
    """Releases that are not what the database has, and what must be said of each."""
    steps = [file for file in release if file != FIRST]
    for file in release:
        text = release[file]
        edits = (
            ("edited", text.replace("(a)", "(a, b)").replace("schema", "another")),
            ("in other letters", text.lower()),
            ("with a blank", f"{text} "),
            ("with a comment", f"-- {rng.randrange(10**6)}\n{text}"),
            ("emptied", ""),
        )
        for what, other in rng.sample(edits, 3):
            yield f"{file} {what}", {**release, file: other}, CHANGED
        yield f"{file} left out", {name: one for name, one in release.items() if name != file}, CHANGED
    for file in steps:
        renamed = {f"{name[:5]}another.sql" if name == file else name: one for name, one in release.items()}
        yield f"{file} under another name", renamed, CHANGED
    left, right = rng.sample(steps, 2)
    yield "two in the other order", {**release, left: release[right], right: release[left]}, CHANGED
    exchanged = {left: f"{left[:5]}{right[5:]}", right: f"{right[:5]}{left[5:]}"}
    texts = {left: right, right: left}
    yield (
        "two in the other order with their names",
        {exchanged.get(name, name): release[texts.get(name, name)] for name in release},
        CHANGED,
    )
    moved = {f"{number:04d}{name[4:]}": release[name] for number, name in enumerate(steps, 2)}
    early = {FIRST: release[FIRST], "0001_early.sql": "CREATE TABLE early(a);", **moved}
    yield "one before all others", early, CHANGED
    yield "fewer, without the last ones", {FIRST: release[FIRST]}, CHANGED
    yield "none at all", {}, CHANGED
    after = len(steps) + 1
    later_step = {f"{after:04d}_later.sql": "CREATE TABLE later(a);"}
    yield "one edited and one more", {**release, steps[0]: release[steps[0]] + " ", **later_step}, CHANGED
    yield "a number left out", {**release, f"{after + 1:04d}_later.sql": "CREATE TABLE later(a);"}, CHANGED
    yield "a number twice", {**release, f"{after - 1:04d}_zz.sql": "CREATE TABLE later(a);"}, CHANGED
    broken = {f"{after + 1:04d}_broken.sql": "CREATE TABLE half(a); INSERT INTO nowhere VALUES(1);"}
    yield "a step that fails after one that does not", {**release, **later_step, **broken}, FAILED
    name = rng.choice(("__locara_mine", "__LOCARA_settings2", "dbstat"))
    for what, sql in (
        ("names a table of the runtime", f"CREATE TABLE {name}(a);"),
        ("renames one to such a name", f"CREATE TABLE mine(a); ALTER TABLE mine RENAME TO {name};"),
        ("attaches a database", "ATTACH ':memory:' AS other;"),
        ("ends the transaction", "COMMIT;"),
        ("writes down what ran", "INSERT INTO __locara_migrations VALUES(99, 'x', 'x', 0);"),
        ("changes how the database works", "PRAGMA user_version = 7;"),
        (
            "leaves rows that refer to none",
            "CREATE TABLE up(a REFERENCES top); INSERT INTO up VALUES(9); CREATE TABLE top(id INTEGER PRIMARY KEY);",
        ),
        ("indexes a text of any length", f"{_INDEXED} INSERT INTO words SELECT hex(zeroblob(530000));"),
        ("searches for any number of words", f"{_INDEXED} CREATE TABLE found AS {_SEARCH};"),
        ("searches for what a function gives", f"{_INDEXED} CREATE TABLE found AS {_COMPUTED};"),
    ):
        yield f"a step that {what}", {**release, f"{after:04d}_odd.sql": sql}, FAILED


def late(tally: Tally, bench: Bench, release: Release) -> None:
    """An app that began without a schema.sql ships one: it would run after the steps that should follow it."""
    bare = {sorted(release)[0]: "CREATE TABLE bare(a);"}
    code = bench.open("bare", bare)
    tally.twin(RULE, code == "ok", f"an app may begin without {FIRST} ({code})")
    before = bench.state("bare")
    code = bench.open("bare", {**bare, FIRST: "CREATE TABLE late(a);"})
    held = code in CHANGED and bench.state("bare") == before
    message = "a step ran after those that it comes before"
    tally.judge(RULE, held, message, f"{FIRST} was added later, and the store answered {code}")


def odd_files(tally: Tally, bench: Bench, release: Release) -> None:
    """A step of the app that is no file of its own: what it holds could be another's word, or come to no end."""
    outside = bench.place("outside")
    outside.write_text("CREATE TABLE brought(a);", "utf-8")
    last = f"{len(release):04d}_odd.sql"
    ways: dict[str, Callable[[Path], object]] = {
        "a link": lambda place: place.symlink_to(outside),
        "a link to nothing": lambda place: place.symlink_to(outside / "nothing"),
        "a pipe": os.mkfifo,
        "a folder": Path.mkdir,
    }
    for file in (f"migrations/{last}", FIRST):
        for what, make in ways.items():
            name = f"{what} for {Path(file).name}"
            if file == FIRST and what == "a link to nothing":
                continue  # it is not there

            def exchange(source: Path, file: str = file, make: Callable[[Path], object] = make) -> None:
                (source / file).unlink(missing_ok=True)
                make(source / file)

            code = bench.open(name, release, exchange=exchange)
            made = bench.state(name)
            kept = not any(isinstance(one, tuple) and one[0] == "brought" for one in made)
            tally.judge(
                RULE, code in FAILED and kept, "a step was read from what is no file of the app", name
            )


def no_copy(tally: Tally, bench: Bench, release: Release) -> None:
    """Where no copy can be made, the database is not changed: its folder is taken by something else."""
    bench.copy("kept", "no copy")
    taken = bench.place("no copy") / "backups"
    taken.write_bytes(b"")
    before = bench.state("no copy")
    wider = {**release, f"{len(release):04d}_more.sql": "CREATE TABLE more(a);"}
    code = bench.open("no copy", wider)
    same = bench.state("no copy") == before
    told = f"the store answered {code}, and the database is {'as it was' if same else 'another'}"
    tally.judge(RULE, code != "ok" and same, "a database was changed, and no copy of it could be made", told)
    taken.unlink()
    code = bench.open("no copy", wider)
    tally.twin(RULE, code == "ok", f"the step runs where a copy can be made ({code})")


def too_large(tally: Tally, bench: Bench, release: Release) -> None:
    """A step that needs more room than the app has, and one that needs less."""
    for blob, due in ((1_200_000, "quota_exceeded"), (200_000, "ok")):
        name = f"a step of {blob} bytes"
        bench.copy("kept", name)
        before = bench.state(name)
        step = f"CREATE TABLE large AS SELECT zeroblob({blob}) AS a;"
        code = bench.open(name, {**release, f"{len(release):04d}_large.sql": step}, quota_mb=1)
        if due == "ok":
            tally.twin(RULE, code == "ok", f"{name} runs ({code})")
            continue
        same = bench.state(name) == before
        told = f"{name}: {code}, the database is {'as it was' if same else 'another'}"
        tally.judge(RULE, code == due and same, "a step of the schema took more room than the app has", told)


def copied(tally: Tally, bench: Bench, release: Release) -> None:
    """Before each release that changes a database there is a copy of what it was, and only the newest three stay."""
    for turn in range(COPIES + 1):
        before = bench.state("kept")
        release = {**release, f"{len(release):04d}_turn{turn}.sql": f"CREATE TABLE turn{turn}(a);"}
        code = bench.open("kept", release)
        copies = bench.copies("kept")
        tally.twin(RULE, code == "ok", f"one more step runs ({code})")
        held = bool(copies) and bench.state(copies[-1]) == before
        shown = [
            name for name in copies if (Path(name).stat().st_mode | Path(name).parent.stat().st_mode) & 0o077
        ]
        tally.judge(
            RULE, not shown, "others of this machine can read a copy of a database", f"{len(shown)} copies"
        )
        message = "a database was changed, and there is no copy of what it was"
        tally.judge(RULE, held, message, f"{len(copies)} copies after {turn + 1} more releases")
        tally.judge(
            RULE, len(copies) <= COPIES, "copies of a database pile up", f"{len(copies)}, at most {COPIES}"
        )


def later(tally: Tally, bench: Bench, release: Release) -> None:
    """The next release: its new step runs once, and those before it not again."""
    again = bench.open("kept", release)
    tally.twin(RULE, again == "ok", f"the same release opens its database again ({again})")
    last = f"{len(release):04d}_last.sql"
    wider = {**release, last: "INSERT INTO ran VALUES('last');"}
    codes = [bench.open("kept", wider) for _ in range(2)]
    tally.twin(RULE, codes == ["ok", "ok"], f"a release with one more step opens the database ({codes})")
    ran = [
        rows for one in bench.state("kept") if isinstance(one, tuple) and one[0] == "ran" for rows in one[1]
    ]
    ordered = [str(row[0]) for row in ran if isinstance(row, tuple)]
    due = ["schema", *(name[5:-4] for name in wider if name != FIRST)]
    tally.judge(RULE, ordered == due, "steps did not run once each, in their order", f"{ordered}, not {due}")
    copied(tally, bench, wider)
    dropped = bench.open("kept", release)
    tally.judge(RULE, dropped in CHANGED, "an older release opens a newer database", f"it answered {dropped}")

"""LC221 to LC226 behind the authorizer: without the list of what SQL may do SQLite itself refuses.

A statement is judged twice, by the list and by how its connection was made, so no statement shows that either is gone.
Here the list is set aside on a real connection, or all clocks but one, and each attempt is made on an ordinary
connection first, which allows it.
"""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from locara.errors import StorageError
from locara_verify.check import CheckResult, check
from locara_verify.checks.storage.as_it_is import as_it_is
from locara_verify.checks.storage.listed import PRAGMAS, listed
from locara_verify.context import Context
from locara_verify.tally import Tally

if TYPE_CHECKING:
    import apsw
    from apsw import SQLiteValue

    from locara.storage.connection import Session

FILES, CODE, EXHAUSTION, STATEMENTS, INTERNAL = "LC221", "LC222", "LC224", "LC225", "LC226"
ENDLESS: Final = "WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q) SELECT max(x) FROM q"
_SECONDS: Final = 0.05
_LATE_SECONDS: Final = 4.0
_MIB: Final = 1 << 20
# What SQLite says of itself, where no attempt shows it: a sort that becomes a file is gone at once.
_WORDS: Final = (
    ("temp_store", (2,), FILES, "temporary results become files"),
    ("mmap_size", (0,), EXHAUSTION, "the database is mapped, so that a file that others cut ends the process"),
    ("secure_delete", (1, 2), FILES, "deleted rows stay in the file"),
    ("cell_size_check", (1,), EXHAUSTION, "a damaged page is believed"),
)  # fmt: skip

# What SQLite asks about a statement, and what it tells: {n} is a name that the statement chose.
_ASKED: Final = {
    "READ": "{n} a", "INSERT": "{n} -", "UPDATE": "{n} a", "DELETE": "{n} -", "CREATE_TABLE": "{n} -",
    "DROP_TABLE": "{n} -", "CREATE_VIEW": "{n} -", "DROP_VIEW": "{n} -", "CREATE_INDEX": "{n} {n}",
    "DROP_INDEX": "{n} {n}", "CREATE_TRIGGER": "{n} {n}", "DROP_TRIGGER": "{n} {n}",
    "ALTER_TABLE": "main {n}", "CREATE_VTABLE": "{n} fts5",
    "DROP_VTABLE": "{n} vec0",
}  # fmt: skip
_OWN: Final = (
    "__locara_settings",
    "__locara_migrations",
    "__LOCARA_Settings",
    "__locara_x",
    "dbstat",
    "DBSTAT",
    "sqlite_x",
)


@check("storage-layers", rules=(FILES, CODE, PRAGMAS, EXHAUSTION, STATEMENTS, INTERNAL))
def run(ctx: Context) -> CheckResult:
    """Connections as an app's store makes them, one after the other."""
    tally, place = Tally(), ctx.fresh_dir("layers")
    bench = Bench(tally, place)
    for part in (files, code, statements, sizes):
        bench.each(part)
    clocks(bench)
    names(tally)
    listed(tally)
    as_it_is(tally, ctx.fresh_dir("as-it-is"))
    return tally.result()


class Bench:
    """A database, connections of the product to it, and an ordinary one as the control."""

    def __init__(self, tally: Tally, place: Path) -> None:
        import apsw  # noqa: PLC0415 - only checks of the store load it

        self.tally, self.place = tally, place
        self.path = place / "app.sqlite3"
        self.plain = apsw.Connection(str(self.path))
        self.plain.execute("CREATE TABLE note(id INTEGER PRIMARY KEY, up REFERENCES note(id))")
        self.plain.execute("INSERT INTO note VALUES(1, NULL)")
        self.plain.create_scalar_function("canary", _canary, 0)
        self.plain.execute("CREATE VIEW calls AS SELECT canary()")

    def session(
        self, mode: Literal["read", "write"] = "write", *, seconds: float = 5.0, watched: bool = True
    ) -> Session:
        """A connection as the store makes it; without the second clock unless ``watched``."""
        from locara.storage.connection import Session  # noqa: PLC0415 - as above
        from locara.storage.limits import APP  # noqa: PLC0415
        from locara.storage.watchdog import Watchdog  # noqa: PLC0415

        class Asleep(Watchdog):
            """Interrupts nobody."""

            def arm(self, connection: apsw.Connection, deadline: float) -> None:
                """Forget it."""

        watchdog = Watchdog() if watched else Asleep()
        return Session(self.path, mode, watchdog, replace(APP, seconds=seconds), vectors=True)

    def each(self, part: Callable[[Bench, Session], None]) -> None:
        """One part on a connection of its own, with the list set aside."""
        session = self.session()
        try:
            with session.lock, session.budget(), session.policy.own_statements():
                part(self, session)
        finally:
            session.close()

    def refused(  # noqa: PLR0917 - an attempt, where it is made, and what it means
        self,
        rule: str,
        what: str,
        on: apsw.Connection,
        sql: str,
        values: Sequence[Any] = (),
        made: Path | None = None,
    ) -> None:
        """An attempt that an ordinary connection allows is refused on this one, and leaves no file."""
        self.tally.twin(rule, _works(self.plain, sql, values), f"without protection this works: {what}")
        if made is not None:
            made.unlink(missing_ok=True)
        held = not _works(on, sql, values) and (made is None or not made.exists())
        self.tally.judge(
            rule, held, f"only the list of what SQL may do stands against this: {what}", sql[:120]
        )


def _canary(*_arguments: SQLiteValue) -> int:
    return 1


def _works(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> bool:
    """Whether all statements run. What they attach is let go again."""
    import apsw  # noqa: PLC0415 - as above

    try:
        connection.execute(sql, tuple(values), can_cache=False).fetchall()
    except apsw.Error:
        return False
    finally:
        for name in ("other", "fresh"):
            with suppress(apsw.Error):
                connection.execute(f"DETACH {name}")
    return True


def files(bench: Bench, session: Session) -> None:
    """Other databases: none at all; were there room for one, none is made and none is written."""
    import apsw  # noqa: PLC0415 - as above

    on, other, fresh = session.connection, bench.place / "other.sqlite3", bench.place / "fresh.sqlite3"
    apsw.Connection(str(other)).execute("CREATE TABLE IF NOT EXISTS kept(a)").close()
    bench.refused(FILES, "attaching a database", on, "ATTACH ':memory:' AS other")
    on.limit(apsw.SQLITE_LIMIT_ATTACHED, 1)
    attach = "ATTACH ? AS other; INSERT INTO other.kept VALUES(1)"
    bench.refused(FILES, "writing to a database that exists", on, attach, (str(other),))
    attach = "ATTACH ? AS fresh; CREATE TABLE fresh.made(a)"
    bench.refused(FILES, "making a new database", on, attach, (str(fresh),), fresh)
    for name, due, rule, what in _WORDS:
        found = on.pragma(name)
        bench.tally.judge(
            rule,
            found in due,
            f"a connection was not set up: {what}",
            f"{name} is {found}, not {' or '.join(map(str, due))}",
        )


def code(bench: Bench, session: Session) -> None:
    """Loading code, by SQL and by SQLite's own interface, and functions that the schema calls."""
    import apsw  # noqa: PLC0415 - as above

    found = importlib.util.find_spec("sqlite_vec")
    library = str(Path(str(found and found.origin)).with_name("vec0"))
    bench.plain.enable_load_extension(True)
    on = session.connection
    bench.refused(CODE, "loading code by SQL", on, "SELECT load_extension(?)", (library,))
    for name, connection, due in (("the control", bench.plain, True), ("the store", on, False)):
        loaded = True
        try:
            connection.load_extension(library)
        except apsw.Error:
            loaded = False
        if due:
            bench.tally.twin(CODE, loaded, f"code is loaded by {name}")
        else:
            message = "the door for code stays open after the vector module was loaded"
            bench.tally.judge(CODE, not loaded, message, "a library was loaded by the interface of C")
    on.create_scalar_function("canary", _canary, 0)
    bench.tally.twin(CODE, _works(on, "SELECT canary()"), "a function is called by a statement")
    bench.refused(CODE, "the schema calls any function", on, "SELECT * FROM calls")


def statements(bench: Bench, session: Session) -> None:
    """Misspelled names, references to nothing, and the connections that read."""
    on = session.connection
    bench.refused(STATEMENTS, "a name in double quotes is a text", on, 'SELECT "misspelled"')
    bench.refused(STATEMENTS, "the same in the schema", on, 'CREATE INDEX odd ON note("misspelled")')
    bench.refused(STATEMENTS, "a row refers to none", on, "INSERT INTO note(up) VALUES(99)")
    reader = bench.session("read")
    try:
        with reader.lock, reader.budget(), reader.policy.own_statements():
            # Each of the two means with the other set aside: a temporary table is no matter of the file.
            on = reader.connection
            bench.refused(STATEMENTS, "a reader writes", on, "CREATE TEMP TABLE t1(a)")
            on.pragma("query_only", 0)
            bench.refused(STATEMENTS, "a reader writes to the file", on, "INSERT INTO note(up) VALUES(1)")
            bench.tally.twin(STATEMENTS, _works(on, "SELECT * FROM note"), "a reader reads")
    finally:
        reader.close()


def sizes(bench: Bench, session: Session) -> None:
    """What SQLite bounds, beyond the store's own count: the last that is taken, and what is not."""
    on = session.connection

    def comment(size: int) -> str:
        return "SELECT 1 -- ".ljust(size, "x")

    def listed(size: int) -> str:
        return f"SELECT 1 IN ({'1,' * size}1)"

    def nested(depth: int) -> str:
        return f"SELECT {'(' * depth}1{')' * depth}"

    for what, fine, beyond in (
        ("bytes of a value", "SELECT length(zeroblob(8388608))", "SELECT length(zeroblob(8388609))"),
        ("bytes of a statement", comment(262_144), comment(262_144 + 64)),
        ("steps of a compiled statement", listed(40_000), listed(120_000)),
        ("levels of the parser", nested(60), nested(600)),
    ):
        bench.tally.twin(EXHAUSTION, _works(on, fine), f"{what}: what is within the bound")
        bench.refused(EXHAUSTION, f"any number of {what}", on, beyond)


def clocks(bench: Bench) -> None:
    """Three things end a statement, each alone: the clock it looks at, the one that looks at it, and nobody's wish."""
    for what, watched, looks, unwanted in (
        ("the clock that a statement looks at", False, True, False),
        ("the clock that looks at a statement", True, False, False),
        ("that nobody wants the result", False, True, True),
    ):
        session = bench.session("read", seconds=60.0 if unwanted else _SECONDS, watched=watched)
        guard = threading.Timer(_LATE_SECONDS, session.connection.interrupt)
        try:
            if not looks:
                session.untimed()
            began = time.monotonic()
            guard.start()
            code = "ok"
            with session.lock, session.budget():
                if unwanted:
                    session.end_when(lambda began=began: time.monotonic() - began > _SECONDS)  # type: ignore[misc]
                try:
                    session.run(ENDLESS, ())
                except StorageError as error:
                    code = error.code
            took = time.monotonic() - began
            bench.tally.judge(
                EXHAUSTION,
                took < _LATE_SECONDS,
                f"an endless statement was not ended by {what} alone",
                f"{code} after {took:.1f} s",
            )
        finally:
            guard.cancel()
            session.close()


def names(tally: Tally) -> None:
    """The list itself, asked as SQLite asks it: each name of each action is judged, whatever else would refuse it."""
    import apsw  # noqa: PLC0415 - as above

    from locara.storage.policy import Policy  # noqa: PLC0415 - as above

    policy = Policy()
    for action, told in _ASKED.items():
        code, places = getattr(apsw, f"SQLITE_{action}"), told.split()
        first, second = (place.replace("{n}", "note") for place in places)
        fine = policy(code, first, second, "main", None) == apsw.SQLITE_OK
        tally.twin(INTERNAL, fine, f"{action} of an ordinary name is allowed")
        for name in _OWN:
            asked = [(name, second)] if places[0] == "{n}" else []
            asked += [(first, name)] if places[1] == "{n}" else []
            for one, other in asked:
                held = policy(code, one, other, "main", None) == apsw.SQLITE_DENY
                shown = f"{action} {one} {other}"
                tally.judge(
                    INTERNAL, held, "the list of what SQL may do lets a name of the runtime pass", shown
                )

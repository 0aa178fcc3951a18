"""LC224, LC225 and LC227 at the store itself: what is counted over a whole call, what stays the runtime's inside one,
and what an index beside it knows.

A batch is one call of many statements, so that each bound is tried twice: by one statement that is just inside it, and
by several of that one which together are not. Its transaction is the runtime's: the very texts that open and end it
are sent as statements of the app, between two that must then happen both or not at all.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from locara.errors import CallError, StorageError
from locara.storage.limits import APP, Limits
from locara.storage.search import SearchRequest
from locara.storage.store import Store
from locara.storage.values import JSON
from locara_verify.check import CheckResult, check
from locara_verify.checks.storage.indexes import RULE as INDEXES
from locara_verify.checks.storage.indexes import indexes
from locara_verify.context import Context
from locara_verify.tally import Tally

EXHAUSTION: Final = "LC224"
STATEMENTS: Final = "LC225"
NAME: Final = "storage-calls"
CHARACTERS: Final = 1_024
"""The longest expression of a MATCH."""
_SECONDS: Final = 0.4
_NUMBERS: Final = f"[{'0,' * 8_000}0]"
_LATE: Final = 2 * _SECONDS
_MOST: Final = 960
_KINDS: Final = (False, True)  # without and with indexes beside the database
_OWN: Final = ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "SELECT 1")
_NEAR: Final = ("BEGIN", "END", "commit", "COMMIT;", " ROLLBACK", "COMMIT TRANSACTION", "SAVEPOINT a")
_INERT: Final = (
    *(
        "=1+1",
        "=cmd|'/c calc'!A0",
        "[1, 2]",
        "{'a': 1}",
        '{"a": 1}',
        "(1, 2)",
        "null",
        "true",
        "1",
        "1e3",
        "0x10",
        "b'x'",
    ),
    *(
        "__import__('os').getcwd()",
        "eval('1')",
        "{{ 7 * 7 }}",
        "{0.__class__}",
        "${HOME}",
        "$(id)",
        "`id`",
        "%s",
        "~",
    ),
    *(
        "gASVBgAAAAAAAABLKi4=",
        "!!python/object:x",
        "<script>1</script>",
        "'; DROP TABLE kept; --",
        "\ufeff1",
        " 1 ",
    ),
)
"""Code, values, templates, pickles and statements, as texts."""
_LOOP: Final = (
    "WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q LIMIT {}) SELECT count(x) FROM q"
)


@check(NAME, rules=(EXHAUSTION, STATEMENTS, INDEXES))
def run(ctx: Context) -> CheckResult:
    """Stores with small bounds, with and without vector indexes."""
    tally = Tally()
    for indexed in _KINDS:
        folder = ctx.fresh_dir("calls")
        with _store(folder, indexed=indexed) as store:
            store.exec("CREATE TABLE t(a)")
            transactions(tally, store)
        if not indexed:
            with _store(folder, indexed=indexed, limits=replace(APP, seconds=_SECONDS)) as store:
                times(tally, store)
        with _store(folder, indexed=indexed, limits=replace(APP, rows=100, result_bytes=20_000)) as store:
            results(tally, store)
        with _store(folder, indexed=indexed, limits=replace(APP, seconds=60.0)) as store:
            unwanted(tally, store)
            expressions(tally, store)
            inert(tally, store)
    indexes(tally, ctx.fresh_dir("indexes"))
    return tally.result()


def inert(tally: Tally, store: Store) -> None:
    """Texts that look like something else, kept as rows and as settings: they come back as the texts that they are."""
    store.exec("CREATE TABLE kept(a)")
    for number, text in enumerate(_INERT):
        store.settings.set("kept", text)
        store.settings.set("inside", {"a": [text]})
        store.exec("INSERT INTO kept VALUES(?)", [text])
        rows = store.query("SELECT a FROM kept ORDER BY rowid DESC LIMIT 1").rows
        found = (rows[0][0], store.settings.get("kept")[1], store.settings.get_all().get("kept"))
        inner = store.settings.get("inside")[1]
        same = all(one == text and isinstance(one, str) for one in found) and inner == {"a": [text]}
        tally.judge(
            STATEMENTS, same, "a stored text comes back as something else", f"{number}: {text!a}: {found!a}"
        )


def _store(folder: Path, *, indexed: bool, limits: Limits = APP) -> Store:
    beside = folder / "vectors" if indexed else None
    return Store.open(folder / "app.sqlite3", schema_dir=None, quota_mb=64, limits=limits, zvec_folder=beside)


def _code(work: Callable[[], object]) -> str:
    """ "ok", or the code of the refusal."""
    try:
        work()
    except StorageError as error:
        return error.code
    return "ok"


def transactions(tally: Tally, store: Store) -> None:
    """Statements that end the transaction of a call, after the runtime has sent the same ones itself."""
    for text in (*_OWN, *_NEAR):
        store.exec("DELETE FROM t")
        _code(lambda: store.exec("no statement"))  # the runtime has begun, ended and taken back
        due = "ok" if text == "SELECT 1" else "sql_denied"
        for read in (store.query, store.exec):
            code = _code(partial(read, text))
            told = f"{text!r} by db.{read.__name__}: {code}"
            tally.judge(
                STATEMENTS, code in {due, "bad_statement"}, "a statement of the runtime is the app's", told
            )
        batch: list[tuple[str, JSON]] = [("INSERT INTO t VALUES(1)", None), (text, None), ("no", None)]
        _code(partial(store.batch, batch))
        rows = store.query("SELECT count(*) FROM t").rows
        tally.judge(STATEMENTS, rows == ((0,),), "a batch that failed happened in part", f"{text!r}: {rows}")
    done = _code(lambda: store.batch([("INSERT INTO t VALUES(1)", None), ("DELETE FROM t", None)]))
    tally.twin(STATEMENTS, done == "ok", f"a batch of ordinary statements happens ({done})")


def times(tally: Tally, store: Store) -> None:
    """One statement that takes a small part of the time of a call, and more and more of it in one batch."""
    turns, took = 1_000, 0.0
    while took < _SECONDS / 32:  # far less than the whole, however busy the machine is in between
        turns *= 2
        began = time.monotonic()
        code = _code(partial(store.query, _LOOP.format(turns)))
        took = time.monotonic() - began
        if code != "ok":
            break
    count, took = 24, 0.0
    while count < _MOST and took < _LATE and code == "ok":
        count = min(_MOST, 2 * count)
        batch: list[tuple[str, JSON]] = [(_LOOP.format(turns), None)] * count
        began = time.monotonic()
        code = _code(partial(store.batch, batch))
        took = time.monotonic() - began
    told = f"{code} after {took:.2f} s of {_SECONDS}, {count} statements"
    tally.twin(EXHAUSTION, code != "ok" or took > _LATE, f"a batch takes longer than it may ({told})")
    tally.judge(
        EXHAUSTION, code != "ok" or took < _LATE, "each statement of a call has time of its own", told
    )
    code = _code(lambda: store.batch([(_LOOP.format(10), None)] * 4))
    tally.twin(EXHAUSTION, code == "ok", f"a batch of quick statements is run ({code})")


def results(tally: Tally, store: Store) -> None:
    """Rows and bytes that are within a call's result, and several times that in one batch."""
    sizes: Sequence[tuple[str, str, JSON]] = (
        ("rows", _LOOP.replace("count(x)", "x").format(60), None),
        ("bytes of text", "SELECT ?", ["x" * 12_000]),
        ("bytes of a blob", "SELECT zeroblob(9000)", None),
        ("returned bytes", "INSERT INTO t VALUES(?) RETURNING a", ["x" * 12_000]),
    )
    for what, sql, values in sizes:
        once = _code(partial(store.batch, [(sql, values)]))
        tally.twin(EXHAUSTION, once == "ok", f"a result with some {what} is given ({once})")
        for count in (2, 5):
            code = _code(partial(store.batch, [(sql, values)] * count))
            tally.judge(
                EXHAUSTION,
                code == "limit_exceeded",
                "each statement of a call has a result of its own",
                f"{count} times the same {what}: {code}",
            )
    rows = store.query("SELECT count(*) FROM t").rows
    tally.judge(EXHAUSTION, rows == ((1,),), "a batch with too large a result happened", f"{rows}")


def unwanted(tally: Tally, store: Store) -> None:
    """Reading calls that nobody wants any more: each of them ends then, however long it may take."""
    store.exec("CREATE TABLE v(id INTEGER PRIMARY KEY, embedding BLOB)")
    store.exec("CREATE VIRTUAL TABLE w USING fts5(a)")
    store.exec("INSERT INTO v(embedding) SELECT vec_f32('[1, 2]') FROM json_each(?)", [_NUMBERS])
    store.exec("INSERT INTO w SELECT 'word' FROM json_each(?)", [_NUMBERS])
    words = SearchRequest("w", text="word")
    plain = SearchRequest("v", embedding=[1.0, 2.0])
    for what, read in (
        ("db.query", lambda gone: store.query(_LOOP.format(1_000_000_000), unwanted=gone)),
        ("db.search by text", lambda gone: store.search(words, unwanted=gone)),
        ("db.search by vector and text", lambda gone: store.search(_both(), unwanted=gone)),
    ):
        code = _code(partial(read, lambda: True))
        tally.judge(
            EXHAUSTION, code == "limit_exceeded", "a call goes on that nobody wants", f"{what}: {code}"
        )
    _commands(tally, store)
    found = _code(lambda: store.search(plain, unwanted=lambda: False))
    tally.twin(EXHAUSTION, found == "ok", f"a search that is wanted finds something ({found})")


def _commands(tally: Tally, store: Store) -> None:
    """The same as the app sends them: a command that reads ends when its call was cancelled."""
    from locara.runtime.arguments import Args  # noqa: PLC0415 - only this part needs the runtime
    from locara.runtime.call import Call  # noqa: PLC0415 - as above
    from locara.runtime.commands import db  # noqa: PLC0415 - as above

    session: Any = SimpleNamespace(store=store)
    ways: tuple[tuple[Callable[..., object], Args], ...] = (
        (db.query, db.StatementArgs(sql=_LOOP.format(100_000))),
        (db.search, db.SearchArgs(fts="w", text="word")),
    )
    for run, args in ways:
        for gone in (False, True):
            call, code = Call(1, "db.read", lambda _event: None), "ok"
            if gone:
                call.cancelled.set()
            try:
                run(session, call, args)
            except (CallError, StorageError) as error:
                code = error.code
            told = f"db.{run.__name__}: {code}"
            if gone:
                tally.judge(EXHAUSTION, code == "cancelled", "a command goes on that was cancelled", told)
            else:
                tally.twin(EXHAUSTION, code == "ok", f"a command that is wanted answers ({told})")


def _both() -> SearchRequest:
    return SearchRequest("v", embedding=[1.0, 2.0], text="word", fts="w")


def expressions(tally: Tally, store: Store) -> None:
    """A MATCH with too much in it, however it comes into its statement."""
    wide = " OR ".join(f"w{number}" for number in range(200))
    long = "w" * (CHARACTERS + 1)
    ways: tuple[tuple[str, Callable[[str], JSON]], ...] = (
        ("SELECT rowid FROM w WHERE w MATCH ?", lambda text: [text]),
        ("SELECT rowid FROM w WHERE w MATCH ?", lambda text: [_blob(text)]),
        ("SELECT rowid FROM w WHERE w MATCH ?2 AND ?1", lambda text: [1, text]),
        ("SELECT rowid FROM w WHERE w MATCH :said", lambda text: {"said": text}),
        ("SELECT rowid FROM w WHERE w MATCH @said", lambda text: {"said": _blob(text)}),
        ("SELECT rowid FROM w WHERE a MATCH $said", lambda text: {"$said": text}),
        ("SELECT rowid FROM w WHERE w = ?", lambda text: [text]),
        ("SELECT rowid FROM w(?)", lambda text: [text]),
        ("SELECT rowid FROM w WHERE rowid > 1 AND w MATCH ? ORDER BY rank", lambda text: [text]),
        ("DELETE FROM w WHERE w MATCH ?", lambda text: [text]),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM w WHERE w MATCH ?)", lambda text: [text]),
    )
    for sql, params in ways:
        few = _code(partial(store.exec, sql, params("absent")))
        many = _code(partial(store.exec, sql, params(wide)))
        tally.twin(EXHAUSTION, few == "ok", f"a search for one word works: {sql} ({few})")
        tally.judge(EXHAUSTION, many == "limit_exceeded", "a MATCH has any number of words", f"{sql}: {many}")
        one = _code(partial(store.exec, sql, params(long)))
        tally.judge(EXHAUSTION, one == "limit_exceeded", "a MATCH has any length", f"{sql}: {one}")
        fits = _code(partial(store.exec, sql, params(long[:CHARACTERS])))
        tally.twin(EXHAUSTION, fits == "ok", f"a search for the longest word works: {sql} ({fits})")


def _blob(text: str) -> JSON:
    return {"$blob": base64.b64encode(text.encode()).decode()}

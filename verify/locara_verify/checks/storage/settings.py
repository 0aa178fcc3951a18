"""LC224 at the store itself: settings count against the quota of an app and are bounded in number and size, batches in
their statements, full-text work in the length of documents and expressions, and functions refuse what would grow before
they build it.

Settings are kept by a connection of the runtime's own, which none of the bounds of the app's SQL reach by itself. The
real store is filled up in this process.
"""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from locara.errors import StorageError
from locara.storage.store import Store
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC224"
NAME: Final = "storage-bounds"
_MIB: Final = 1024 * 1024
_LARGE: Final = 60_000
_MOST: Final = 10_000
_SETTING: Final = 65_536
_CHARACTERS: Final = {"x": 1, "\u00e9": 2, "\u20ac": 3, "\U0001d11e": 4, '"': 2, "\x01": 6}
"""Characters and how many bytes each takes in a JSON text."""
_STATEMENTS: Final = 1_000
_FREE: Final = (
    "trigram", "TRIGRAM", "trigram case_sensitive 1", "unicode61 separators 'x'", "porter unicode61 Separators 'x'",
    "ascii separators 'x'", "unicode61 categories 'L* N* Co'", "unicode61 CATEGORIES 'L*'",
)  # fmt: skip
_FREE_CHARACTERS: Final = 128
_DOCUMENT: Final = 1_048_576
_GROWN: Final = 32 * _MIB


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """More bytes, keys, statements, words and characters than there may be."""
    tally = Tally()
    _bytes(tally, ctx.fresh_dir("settings-bytes") / "app.sqlite3")
    _keys(tally, ctx.fresh_dir("settings-keys") / "app.sqlite3")
    _batches(tally, ctx.fresh_dir("batches") / "app.sqlite3")
    with Store.open(ctx.fresh_dir("texts") / "app.sqlite3", schema_dir=None, quota_mb=64) as store:
        _texts(tally, store)
        _turned(tally, store)
        _characters(tally, store)
        _grows(tally, store)
    return tally.result()


def _refused(store: Store, keys: Iterator[str], value: str, scope: str = "user") -> int | None:
    """After how many of these settings the next was refused; None when none was."""
    for number, key in enumerate(keys):
        try:
            store.settings.set(key, value, scope)
        except StorageError:
            return number
    return None


def _bytes(tally: Tally, path: Path) -> None:
    with Store.open(path, schema_dir=None, quota_mb=1) as store:
        for size in (65_536, 8 * _MIB):
            one = _refused(store, iter(("large",)), "x" * size)
            tally.judge(RULE, one == 0, "a setting may be of any size", f"{size} bytes")
        for character, size in _CHARACTERS.items():
            for more in (0, 1):
                value = character * ((_SETTING - 2) // size) + "x" * ((_SETTING - 2) % size + more)
                kept = _refused(store, iter(("wide",)), value, "profile:w") is None
                told = f"{_SETTING + more} bytes of {character!a}"
                if more:
                    tally.judge(RULE, not kept, "a setting has more bytes than it may", told)
                else:
                    tally.twin(RULE, kept, f"a setting of as many bytes as may be is kept: {told}")
        store.settings.delete("wide", "profile:w")
        keys = (f"k{number}" for number in range(40))
        fitted = _refused(store, keys, "x" * _LARGE, "profile:a")
        tally.judge(
            RULE, fitted is not None, "settings grow beyond the app's quota", "1 MiB, and 40 times 60 kB"
        )
        tally.twin(RULE, bool(fitted), "a setting within the quota is kept")
        store.settings.delete("k0", "profile:a")
        tally.twin(
            RULE, _refused(store, iter(("k0",)), "x", "profile:a") is None, "what is removed makes room"
        )
    size = path.stat().st_size
    tally.judge(RULE, size <= _MIB, "the database is larger than its quota", f"{size} bytes")


def _keys(tally: Tally, path: Path) -> None:
    Store.open(path, schema_dir=None, quota_mb=16).close()
    with closing(sqlite3.connect(path)) as other, other:
        rows = ((f"k{number}", "1", 1, f"profile:p{number % 5}") for number in range(_MOST - 1))
        other.executemany("INSERT INTO __locara_settings VALUES(?, ?, ?, ?)", rows)
    with Store.open(path, schema_dir=None, quota_mb=16) as store:
        last = _refused(store, iter(("last", "one more")), "1")
        tally.judge(
            RULE, last is not None, "an app keeps any number of settings", f"{_MOST + 1} in six scopes"
        )
        tally.twin(RULE, last == 1, f"{_MOST} settings can be kept")
        tally.twin(
            RULE, _refused(store, iter(("last",)), "2") is None, "a setting that is there can be changed"
        )


def _batches(tally: Tally, path: Path) -> None:
    """Batches of more statements than there may be, counted before the first of them runs."""
    with Store.open(path, schema_dir=None, quota_mb=1) as store:
        store.exec("CREATE TABLE t(a)")
        for count in (_STATEMENTS, _STATEMENTS + 1, 4 * _STATEMENTS):
            done = True
            try:
                store.batch([("INSERT INTO t VALUES(1)", None)] * count)
            except StorageError:
                done = False
            if count == _STATEMENTS:
                tally.twin(RULE, done, f"a batch of {count} statements is run")
            else:
                tally.judge(RULE, not done, "a batch has any number of statements", f"{count}")
        rows = store.query("SELECT count(*) FROM t").rows
        tally.judge(RULE, rows == ((_STATEMENTS,),), "a refused batch left something", f"{rows}")


def _does(store: Store, sql: str, *values: str) -> bool:
    """Whether a statement is run to its end."""
    try:
        if sql.startswith("SELECT"):
            store.query(sql, list(values))
        else:
            store.exec(sql, list(values))
    except StorageError:
        return False
    return True


def _texts(tally: Tally, store: Store) -> None:
    """Texts that are too long for a full-text table, by every way into one, and searches with too much in them."""
    store.exec("CREATE VIRTUAL TABLE f USING fts5(a)")
    store.exec("CREATE TABLE plain(a)")
    store.exec("CREATE TRIGGER copy AFTER INSERT ON plain BEGIN INSERT INTO f VALUES(new.a); END")
    long, fits = "x" * (_DOCUMENT + 1), "a b c"
    ways = (
        "INSERT INTO f VALUES(?)",
        "INSERT INTO plain VALUES(?)",
        "INSERT INTO f SELECT ?",
        "UPDATE f SET a = ?",
        "INSERT INTO f VALUES('b' || ?)",
        "REPLACE INTO f(rowid, a) VALUES(1, ?)",
    )
    for way in ways:
        tally.twin(RULE, _does(store, way, fits), f"a short text is kept: {way}")
        tally.judge(RULE, not _does(store, way, long), "a text of any length is indexed", way)
    for words in (17, 40, 64):
        near = f"NEAR({' '.join(f'w{number}' for number in range(words))}, 5)"
        done = _does(store, "SELECT rowid FROM f WHERE f MATCH ?", near)
        tally.judge(RULE, not done, "NEAR takes as many words as an app likes", f"{words}")
    tally.twin(
        RULE, _does(store, "SELECT rowid FROM f WHERE f MATCH ?", "NEAR(a b c, 5)"), "NEAR of three words"
    )


def _turned(tally: Tally, store: Store) -> None:
    """The very statement that was run when its table was an ordinary one, and when nothing copied from it."""
    long = "x" * (_DOCUMENT + 1)
    into, copy = "INSERT INTO turned VALUES(?)", "INSERT INTO copied VALUES(?)"
    store.exec("CREATE TABLE turned(a)")
    store.exec("CREATE TABLE copied(a)")
    for way in (into, copy):
        tally.twin(RULE, _does(store, way, long), f"an ordinary table takes a long text: {way}")
    store.exec("DROP TABLE turned")
    store.exec("CREATE VIRTUAL TABLE turned USING fts5(a)")
    store.exec("CREATE TRIGGER turns AFTER INSERT ON copied BEGIN INSERT INTO turned VALUES(new.a); END")
    for way in (into, copy):
        done = _does(store, way, long)
        tally.judge(RULE, not done, "a text of any length is indexed, where it was an ordinary table", way)
        tally.twin(RULE, _does(store, way, "short"), f"a short text is kept: {way}")


def _characters(tally: Tally, store: Store) -> None:
    """Tokenizers that can make a term of every character: a search has few of them, whatever they are called."""
    find, word = "SELECT rowid FROM f WHERE f MATCH ?", "a" * (_FREE_CHARACTERS + 1)
    tally.twin(RULE, _does(store, find, word), "a long word is searched where words are whole")
    for tokenizer in _FREE:
        escaped = tokenizer.replace("'", "''")
        store.exec(f"CREATE VIRTUAL TABLE free USING fts5(a, tokenize='{escaped}')")
        done = _does(store, find.replace(" f ", " free "), word)
        tally.judge(RULE, not done, "a search has any number of terms of one character", tokenizer)
        tally.twin(RULE, _does(store, find, word[1:]), f"{_FREE_CHARACTERS} characters with {tokenizer}")
        store.exec("DROP TABLE free")


def _grows(tally: Tally, store: Store) -> None:
    """Functions whose result is many times what they are given: refused before it is built."""
    store.exec("INSERT INTO f VALUES(?)", ["grow " * 5_000])
    marks = "m" * 16_000
    for name, sql, values in (
        ("replace", "SELECT length(replace(?, 'x', ?))", ("x" * 5_000, marks)),
        ("highlight", "SELECT length(highlight(f, 0, ?, '')) FROM f WHERE f MATCH 'grow'", (marks,)),
        ("highlight", "SELECT length(highlight(f, 0, '', ?)) FROM f WHERE f MATCH 'grow'", (marks,)),
        ("snippet", "SELECT length(snippet(f, 0, ?, '', '', 64)) FROM f WHERE f MATCH 'grow'", (marks * 64,)),
    ):
        tracemalloc.start()
        done = _does(store, sql, *values)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        held = not done and peak < _GROWN
        tally.judge(
            RULE,
            held,
            f"{name} builds a text of any length",
            f"{peak // _MIB} MiB, {'done' if done else 'refused'}",
        )
    short = ("SELECT highlight(f, 0, '<', '>') FROM f WHERE f MATCH 'a'", "SELECT replace('xx', 'x', 'yy')")
    tally.twin(RULE, all(_does(store, sql) for sql in short), "short texts are replaced and highlighted")

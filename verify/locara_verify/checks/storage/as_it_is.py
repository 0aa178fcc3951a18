"""LC224 and LC226: a store answers from the database as it is now, from none that SQLite finds damaged, and in time.

Pages are changed from outside in every field of their head, and SQLite itself says which of those are damage. What a
store was asked before is asked again after each kind of change.
"""

from __future__ import annotations

import contextlib
import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from locara.errors import StorageError
from locara_verify.tally import Tally

DAMAGE: Final = "LC224"
KEPT: Final = "LC226"
_PAGE: Final = 4_096
_LETTERS: Final = 30_000
_SECONDS: Final = 0.4  # of a processor; twentyfold what it takes
_HEAD: Final = (
    (0, b"\x07"),
    (1, b"\xff\xff"),
    (3, b"\x00\x00"),
    (3, b"\xff\xff"),
    (5, b"\x00\x01"),
    (8, b"\xff\xf0"),
)
"""Where a page's head is changed and to what: its kind, its free space, how many cells, where they begin."""
_COUNT: Final = "SELECT count(*), max(body) FROM note"
_CHANGES: Final = (
    ("INSERT INTO note VALUES(1, 'a')", (1, "a")),
    ("UPDATE note SET body = 'b'", (1, "b")),
    ("DELETE FROM note", (0, None)),
    ("INSERT INTO note VALUES(1, 'c')", (1, "c")),
    ("DROP TABLE note", None),
    ("CREATE TABLE note(id INTEGER PRIMARY KEY, body)", (0, None)),
    ("ALTER TABLE note RENAME TO other", None),
    ("CREATE VIEW note AS SELECT 7 AS id, 'd' AS body", (1, "d")),
)


def as_it_is(tally: Tally, folder: Path) -> None:
    """All of it."""
    _letters(tally, folder / "letters.sqlite3")
    _asked_again(tally, folder / "again.sqlite3")
    _damaged(tally, folder)


def _open(path: Path) -> Any:  # noqa: ANN401 - the framework is loaded late
    from locara.storage.store import Store  # noqa: PLC0415 - loads SQLite

    return Store.open(path, schema_dir=None, quota_mb=16)


def _letters(tally: Tally, path: Path) -> None:
    """Functions that take two texts, given two of as many different letters: what no clock can end inside of one."""
    many = "".join(map(chr, range(0x20000, 0x20000 + _LETTERS)))
    with _open(path) as store:
        began = time.thread_time()
        with contextlib.suppress(StorageError):
            store.query("SELECT unhex(?, ?), trim(?, 'x')", [many, many, many])
        took = time.thread_time() - began
        told = f"{_LETTERS:,} letters: {took:.2f} s"
        tally.judge(DAMAGE, took < _SECONDS, "a function of two texts costs more than their lengths", told)


def _asked_again(tally: Tally, path: Path) -> None:
    with _open(path) as store:
        store.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body)")
        for sql, due in ((None, (0, None)), *_CHANGES):
            if sql is not None:
                store.exec(sql)
            try:
                found = store.query(_COUNT).rows[0]
            except StorageError as error:
                found = None if error.code == "sql_failed" else error.code
            told = f"after {sql or 'nothing'}: {found}, not {due}"
            tally.judge(KEPT, found == due, "an answer is of a database that is no more", told)
        drawn = {str(store.query("SELECT random()").rows) for _ in range(3)}
        tally.judge(KEPT, len(drawn) == 3, "an answer is given a second time", "random()")


def _damaged(tally: Tally, folder: Path) -> None:
    right = folder / "right.sqlite3"
    with _open(right) as store:
        store.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body)")
        store.exec("INSERT INTO note VALUES(1, ?), (2, ?)", ["x" * 900, "y" * 900])
    refused = 0
    for what, data in _changed(right.read_bytes()):
        place = folder / "damaged.sqlite3"
        place.write_bytes(data)
        if _is_sound(place):
            continue
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            try:
                _open(place).close()
                code = "opened"
            except StorageError as error:
                code = error.code
        refused += code == "corrupt"
        told = f"{what}: {code}, {said.getvalue()[:80]!r} on the stream of frames"
        tally.judge(DAMAGE, code == "corrupt" and not said.getvalue(), "a damaged database is opened", told)
        for beside in folder.glob("damaged.sqlite3*"):
            beside.unlink()
    tally.twin(DAMAGE, refused > 3, f"some of these are damage by SQLite's own word ({refused})")


def _changed(data: bytes) -> Iterator[tuple[str, bytes]]:
    for page in range(1, len(data) // _PAGE):
        for at, put in _HEAD:
            where = page * _PAGE + at
            yield f"byte {at} of page {page + 1}", data[:where] + put + data[where + len(put) :]


def _is_sound(place: Path) -> bool:
    """By SQLite's own check, made apart from the product."""
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True)) as other:
            return bool(other.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError:
        return False

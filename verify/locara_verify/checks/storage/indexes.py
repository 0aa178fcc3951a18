"""LC227 at the index itself: it is trusted over the very database that it was closed with, follows every change of a
schema, and what was replaced is in none of its files.

The store runs in this process with its index beside it. Between two runs an ordinary program changes the database, and
size and time stay what they were. What is nearest is known, and the bytes of what was replaced are looked for on disk.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.storage.limits import Limits
    from locara.storage.store import Store

RULE: Final = "LC227"
_PLAIN: Final = "CREATE TABLE plain(id INTEGER PRIMARY KEY, embedding BLOB)"
_VECTORS: Final = "CREATE VIRTUAL TABLE vectors USING vec0(embedding float[4] distance_metric=cosine)"
_TABLES: Final = {"plain": _PLAIN, "vectors": _VECTORS}
_KEYS: Final = {"plain": "id", "vectors": "rowid"}
_FAR: Final = (9.0, 1.0, 0.0, 0.0)
_NEAR: Final = (0.0, 1.0, 9.0, 0.0)
# What is more than a word behind a quotation mark that was not doubled: another count of rows, or no statement at all.
_NAMES: Final = ('plain" WHERE 0 UNION ALL SELECT 1000000000000 --', '"a', '""')
_LOST: Final = (0.5, -0.5, -0.5, 0.5)  # of length one, however it is kept


def indexes(tally: Tally, folder: Path) -> None:
    """One database, whose store is closed in order each time: behind its back, over what was kept, and anew."""
    with _open(folder) as store:
        for made in _TABLES.values():
            store.exec(made)
        for table in _TABLES:
            _fill(store, table, _NEAR, _FAR, _LOST)
            first = _found(store, table)
            tally.twin(RULE, first == [1], f"the nearest row of {table} is found ({first})")
    _trusted(tally, folder)
    _replaced(tally, folder)
    with _open(folder) as store:
        _schemas(tally, store)
        _named(tally, store, folder)
    _in_time(tally, folder / "slow")


def _open(folder: Path, limits: Limits | None = None) -> Store:
    from locara.storage.limits import APP  # noqa: PLC0415 - loads SQLite
    from locara.storage.store import Store  # noqa: PLC0415

    database, vectors = folder / "app.sqlite3", folder / "vectors"
    return Store.open(database, schema_dir=None, quota_mb=16, zvec_folder=vectors, limits=limits or APP)


def _found(store: Store, table: str) -> list[int | str]:
    from locara.storage.search import SearchRequest  # noqa: PLC0415 - as above

    return [hit.id for hit in store.search(SearchRequest(table, k=1, embedding=list(_NEAR)))]


def _fill(store: Store, table: str, *vectors: Sequence[float], first: int = 1) -> None:
    for number, vector in enumerate(vectors, first):
        store.exec(f"INSERT INTO {table}({_KEYS[table]}, embedding) VALUES(?, ?)", [number, list(vector)])


def _trusted(tally: Tally, folder: Path) -> None:
    """Another program exchanges two rows; size and time of the file stay what they were."""
    database = folder / "app.sqlite3"
    tally.twin(RULE, _indexes(folder) == len(_TABLES), "an index outlives its process")
    seen = database.stat()
    with closing(sqlite3.connect(database)) as other, other:
        for number, vector in ((1, _FAR), (2, _NEAR)):
            data = struct.pack("<4f", *vector)
            other.execute("UPDATE plain SET embedding = ? WHERE id = ?", (data, number))
    os.utime(database, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    with _open(folder) as store:
        again = [_found(store, table) for table in _TABLES]
    told = f"{database.stat().st_size - seen.st_size} more bytes: {again}"
    tally.judge(RULE, again == [[2], [1]], "an index was trusted over a database that others changed", told)


def _replaced(tally: Tally, folder: Path) -> None:
    """The last thing that happened: a vector was replaced, and what was there is in no file of an index."""
    lost = struct.pack("<4f", *_LOST)
    tally.twin(RULE, bool(_holding(folder, lost)), "a vector is in a file of its index")
    with _open(folder) as store:
        for table, key in _KEYS.items():
            store.exec(f"UPDATE {table} SET embedding = ? WHERE {key} = 3", [list(_FAR)])  # noqa: S608 - our own
            _found(store, table)
    left = _holding(folder, lost)
    tally.judge(RULE, not left, "a vector that was replaced stays in the files of its index", str(left))


def _schemas(tally: Tally, store: Store) -> None:
    """A table that goes, and another that comes under its name, while the index is open."""
    first = _found(store, "vectors")
    store.exec("DROP TABLE vectors")
    store.exec(_VECTORS)
    _fill(store, "vectors", _FAR, first=7)
    found = _found(store, "vectors")
    told = f"{first} before, {found} after"
    tally.judge(RULE, found == [7], "rows of a table that is gone are found", told)


def _named(tally: Tally, store: Store, folder: Path) -> None:
    """Tables whose names are more than words: each has an index, and what is nearest in it is its own row."""
    from locara.storage.search import SearchRequest  # noqa: PLC0415 - as above

    for name in _NAMES:
        quoted, before = '"' + name.replace('"', '""') + '"', _indexes(folder)
        store.exec(f"CREATE VIRTUAL TABLE {quoted} USING vec0(embedding float[4])")
        store.exec(f"INSERT INTO {quoted}(rowid, embedding) VALUES(7, ?)", [list(_NEAR)])
        found = [hit.id for hit in store.search(SearchRequest(name, k=2, embedding=list(_NEAR)))]
        told = f"{name!a}: {found}, {_indexes(folder) - before} more indexes"
        held = found == [7] and _indexes(folder) == before + 1
        tally.judge(RULE, held, "the name of a table is more than a name for its index", told)
        store.exec(f"DROP TABLE {quoted}")


def _in_time(tally: Tally, folder: Path) -> None:
    """A column that takes longer than a statement may, for each of its rows: no index comes of it."""
    from dataclasses import replace  # noqa: PLC0415

    from locara.errors import StorageError  # noqa: PLC0415 - as above
    from locara.storage.limits import APP  # noqa: PLC0415
    from locara.storage.search import SearchRequest  # noqa: PLC0415

    cost = " + ".join(["length(hex(zeroblob(3900000 + id)))"] * 3)
    made = f"(CASE WHEN {cost} > 0 THEN x'{'0000803f' * 4}' END)"
    request = SearchRequest("slow", k=1, embedding=list(_NEAR))
    folder.mkdir()
    with closing(sqlite3.connect(folder / "app.sqlite3")) as other, other:
        other.execute("CREATE TABLE slow(id INTEGER PRIMARY KEY)")
        other.execute("INSERT INTO slow VALUES(1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12)")
        other.execute(f"ALTER TABLE slow ADD COLUMN embedding BLOB GENERATED ALWAYS AS {made} VIRTUAL")
    with _open(folder, replace(APP, seconds=0.02)) as store:
        try:
            said = str(len(store.search(request)))
        except StorageError as error:
            said = error.code
        left = sum(path.is_dir() for path in (folder / "vectors").glob("*"))
    told = f"{said}, {left} indexes"
    tally.judge(
        RULE, said == "limit_exceeded" and not left, "an index is made for longer than a statement runs", told
    )


def _indexes(folder: Path) -> int:
    return sum(path.is_dir() for path in (folder / "vectors").iterdir())


def _holding(folder: Path, data: bytes) -> list[str]:
    """The files of indexes with these bytes in them."""
    files = sorted(path for path in (folder / "vectors").rglob("*") if path.is_file())
    return [path.name for path in files if data in path.read_bytes()]

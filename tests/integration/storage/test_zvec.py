"""Vector search by zvec beside SQLite: the same answers, whatever happens to rows, files and processes."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from locara.errors import StorageError
from locara.storage import zvec_index
from locara.storage.limits import APP
from locara.storage.search import SearchRequest
from locara.storage.store import Store

DIMENSIONS = 8
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, tag INTEGER, embedding BLOB)",
    f"CREATE VIRTUAL TABLE IF NOT EXISTS near USING vec0(embedding float[{DIMENSIONS}] distance_metric=cosine)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(body)",
)


def numbers(rng: random.Random) -> list[float]:
    return [rng.gauss(0, 1) for _ in range(DIMENSIONS)]


@contextmanager
def opened(folder: Path, *, engine: str = "zvec", quota_mb: int = 64) -> Iterator[Store]:
    vectors = folder / "vectors" if engine == "zvec" else None
    with Store.open(folder / "app.sqlite3", schema_dir=None, quota_mb=quota_mb, zvec_folder=vectors) as store:
        for statement in SCHEMA:
            store.exec(statement)
        yield store


def fill(store: Store, rng: random.Random, count: int, first: int = 1) -> None:
    for start in range(first, first + count, 300):
        rows = [(number, numbers(rng)) for number in range(start, min(start + 300, first + count))]
        store.batch(
            [("INSERT INTO note VALUES(?, ?, ?)", [n, n % 5, v]) for n, v in rows]
            + [("INSERT INTO near(rowid, embedding) VALUES(?, ?)", [n, v]) for n, v in rows]
        )


def agree(store: Store, folder: Path, rng: random.Random, *, used: bool = True) -> None:
    """Both tables, several requests: what zvec answers is what the exact scan of SQLite answers."""
    for table, more in (
        ("note", {}),
        ("note", {"metric": "l2"}),
        ("near", {}),
        ("note", {"filter": {"tag": 3}}),
    ):
        request = SearchRequest(table, k=7, embedding=numbers(rng), **more)  # type: ignore[arg-type]
        found = store.search(request)
        kept, store._indexes = store._indexes, None
        exact = store.search(request)
        store._indexes = kept
        assert [hit.id for hit in found] == [hit.id for hit in exact]
        assert [hit.distance for hit in found] == pytest.approx([hit.distance for hit in exact], abs=1e-5)
    if used:
        assert list((folder / "vectors").iterdir()), "the index was not used at all"


def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each question to an index was answered by it."""
    answers: list[bool] = []
    real = zvec_index.ZvecIndexes.nearest

    def nearest(self: zvec_index.ZvecIndexes, *arguments: object) -> object:
        found = real(self, *arguments)  # type: ignore[arg-type]
        answers.append(found is not None)
        return found

    monkeypatch.setattr(zvec_index.ZvecIndexes, "nearest", nearest)
    return answers


def test_answers_are_those_of_sqlite_through_every_kind_of_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, answers = random.Random(5), asked(monkeypatch)
    with opened(tmp_path) as store:
        fill(store, rng, 400)
        agree(store, tmp_path, rng)
        change: tuple[Callable[[], object], ...] = (
            lambda: store.exec("DELETE FROM note WHERE id % 7 = 0"),
            lambda: store.exec("DELETE FROM near WHERE rowid = 11"),
            lambda: store.exec("UPDATE note SET embedding = ? WHERE id = 5", [numbers(rng)]),
            lambda: store.exec("UPDATE near SET embedding = ? WHERE rowid = 5", [numbers(rng)]),
            lambda: store.exec("UPDATE near SET embedding = ? WHERE rowid = 5", [numbers(rng)]),
            lambda: store.exec("UPDATE note SET id = 9000 WHERE id = 6"),
            lambda: store.exec("INSERT OR REPLACE INTO note VALUES(8, 3, ?)", [numbers(rng)]),
            lambda: store.exec("UPDATE note SET embedding = NULL WHERE id = 9"),
            lambda: fill(store, rng, 50, first=600),
            lambda: store.exec("DELETE FROM note"),
            lambda: fill(store, rng, 30, first=700),
            lambda: store.batch([("DROP TABLE note", None), (SCHEMA[0], None)]),
            lambda: store.batch([("DROP TABLE near", None), (SCHEMA[1], None)]),
            lambda: fill(store, rng, 40, first=800),
        )
        for step in change:
            step()
            agree(store, tmp_path, rng)
    assert answers.count(True) > 40


def test_a_transaction_that_fails_changes_nothing(tmp_path: Path) -> None:
    rng = random.Random(6)
    with opened(tmp_path) as store:
        fill(store, rng, 100)
        agree(store, tmp_path, rng)
        with pytest.raises(StorageError):
            store.batch([("DELETE FROM note WHERE id < 50", None), ("INSERT INTO absent VALUES(1)", None)])
        agree(store, tmp_path, rng)


def test_words_and_vectors_together(tmp_path: Path) -> None:
    rng = random.Random(7)
    with opened(tmp_path) as store:
        fill(store, rng, 60)
        store.exec("INSERT INTO words(rowid, body) VALUES(3, 'the quiet harbour')")
        target = store.query("SELECT vec_to_json(embedding) FROM note WHERE id = 3").rows[0][0]
        assert isinstance(target, str)
        vector = [float(part) for part in target.strip("[]").split(",")]
        hits = store.search(SearchRequest("note", k=5, embedding=vector, text="harbour", fts="words"))
        assert hits[0].id == 3 and hits[0].vector_place == 1 and hits[0].text_place == 1


def test_a_well_closed_index_is_used_again_and_only_over_its_own_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(8)
    with opened(tmp_path) as store:
        fill(store, rng, 200)
        agree(store, tmp_path, rng)
        fill(store, rng, 20, first=500)  # not searched any more: brought in at the end
    stamp = tmp_path / "vectors" / "stamp.json"
    assert stamp.is_file()
    built: list[str] = []
    real = zvec_index.ZvecIndexes._build

    def build(self: zvec_index.ZvecIndexes, source: zvec_index.Source) -> object:
        built.append(source.key)
        return real(self, source)

    monkeypatch.setattr(zvec_index.ZvecIndexes, "_build", build)
    with opened(tmp_path) as store:
        assert not stamp.exists()
        store.exec("INSERT INTO note VALUES(900, 3, ?)", [numbers(rng)])
        agree(store, tmp_path, rng)
        assert built == []
    with opened(tmp_path, engine="sqlite-vec") as store:
        store.exec("UPDATE note SET embedding = ? WHERE id = 20", [numbers(rng)])
    with opened(tmp_path) as store:
        agree(store, tmp_path, rng)
        assert len(built) == 3


def test_a_deleted_vector_is_in_no_file_of_the_index_afterwards(tmp_path: Path) -> None:
    rng = random.Random(9)
    mark = [1234.5678] * DIMENSIONS
    with opened(tmp_path) as store:
        fill(store, rng, 50)
        store.exec("INSERT INTO note VALUES(999, 1, ?)", [mark])
        assert store.search(SearchRequest("note", k=1, embedding=mark, metric="l2"))[0].id == 999
        store.exec("DELETE FROM note WHERE id = 999")
        assert store.search(SearchRequest("note", k=1, embedding=mark, metric="l2"))[0].id != 999
    bytes_ = struct.pack("<f", mark[0]) * 2
    files = [path for path in (tmp_path / "vectors").rglob("*") if path.is_file()]
    assert not any(bytes_ in path.read_bytes() for path in files)


def test_damage_of_the_index_is_not_damage_of_the_answers(tmp_path: Path) -> None:
    rng = random.Random(10)
    with opened(tmp_path) as store:
        fill(store, rng, 100)
        agree(store, tmp_path, rng)
    for path in (tmp_path / "vectors").rglob("manifest*"):
        path.write_bytes(b"\0" * 7)
    with opened(tmp_path) as store:
        agree(store, tmp_path, rng, used=False)


def test_vectors_of_other_sizes_are_told_like_sqlite_tells_them(tmp_path: Path) -> None:
    with opened(tmp_path) as store, opened(tmp_path / "other", engine="sqlite-vec") as plain:
        for one in (store, plain):
            one.exec("INSERT INTO note VALUES(1, 1, ?), (2, 1, ?)", [[1.0] * DIMENSIONS, [1.0] * 3])
        errors = []
        for one in (store, plain):
            with pytest.raises(StorageError) as refused:
                one.search(SearchRequest("note", k=1, embedding=[1.0] * DIMENSIONS))
            errors.append((refused.value.code, refused.value.message))
        assert errors[0] == errors[1]


def test_an_index_beyond_the_quota_is_not_made(tmp_path: Path) -> None:
    rng = random.Random(11)
    wide = [0.5] * 4_096
    with opened(tmp_path, quota_mb=8) as store:
        store.batch([("INSERT INTO note VALUES(?, 1, ?)", [n, wide]) for n in range(450)])
        found = store.search(SearchRequest("note", k=3, embedding=wide))
        assert len(found) == 3
        assert store._indexes is not None
        store._indexes._most_bytes = 1 << 20
        store.exec("INSERT INTO note VALUES(9000, 1, ?)", [wide])
        store.exec("CREATE TABLE anything(a)")  # another schema: the index would be made again
        assert len(store.search(SearchRequest("note", k=3, embedding=wide))) == 3
        assert not [path for path in (tmp_path / "vectors").iterdir() if path.is_dir()]
    assert rng


NAMES = (
    'note" WHERE 0 UNION ALL SELECT max(x) FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) '
    "SELECT x FROM c) --",
    'a"b', '"', '"a', 'a"',
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["vec0", "table"])
def test_the_name_of_a_table_is_a_name_also_for_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    answers, quoted = asked(monkeypatch), '"' + name.replace('"', '""') + '"'
    made = {
        "vec0": f"CREATE VIRTUAL TABLE {quoted} USING vec0(embedding float[{DIMENSIONS}])",
        "table": f"CREATE TABLE {quoted}(embedding BLOB)",
    }
    with opened(tmp_path) as store:
        store.exec(made[kind])
        store.exec(f"INSERT INTO {quoted}(rowid, embedding) VALUES(7, ?)", [[1.0] * DIMENSIONS])
        hits = store.search(SearchRequest(name, k=2, embedding=[1.0] * DIMENSIONS))
        assert [hit.id for hit in hits] == [7]
        assert answers == [True]


def test_an_index_that_takes_longer_than_a_statement_is_not_waited_for(tmp_path: Path) -> None:
    """A generated column may cost what it likes, and each row is looked at."""
    costly = " + ".join(["length(hex(zeroblob(3900000 + id)))"] * 4)
    vector = "0000803f" * DIMENSIONS
    bounds = replace(APP, seconds=1.0)
    path, folder = tmp_path / "app.sqlite3", tmp_path / "vectors"
    with Store.open(path, schema_dir=None, quota_mb=64, zvec_folder=folder) as store:
        store.exec(
            "CREATE TABLE slow(id INTEGER PRIMARY KEY, embedding BLOB GENERATED ALWAYS AS "
            f"(CASE WHEN {costly} > 0 THEN x'{vector}' END) VIRTUAL)"
        )
        for number in range(40):
            store.exec("INSERT INTO slow(id) VALUES(?)", [number])
    with Store.open(path, schema_dir=None, quota_mb=64, zvec_folder=folder, limits=bounds) as store:
        began = time.monotonic()
        with pytest.raises(StorageError) as refused:
            store.search(SearchRequest("slow", k=1, embedding=[1.0] * DIMENSIONS))
        assert refused.value.code == "limit_exceeded"
        assert time.monotonic() - began < 2.5


def test_a_large_index_is_made_apart_while_sqlite_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zvec_index, "_INLINE", 100)
    rng, answers = random.Random(12), asked(monkeypatch)
    with opened(tmp_path) as store:
        fill(store, rng, 400)
        request = SearchRequest("note", k=5, embedding=numbers(rng))
        first = [hit.id for hit in store.search(request)]
        assert answers == [False]
        for _ in range(200):
            again = [hit.id for hit in store.search(request)]
            assert again == first
            if answers[-1]:
                break
            time.sleep(0.05)
        assert answers[-1]


WRITER = """
import random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.integration.storage.test_zvec import fill, numbers, opened, SearchRequest
rng = random.Random(int(sys.argv[3]))
with opened(Path(sys.argv[1])) as store:
    at = store.query("SELECT coalesce(max(id), 0) FROM note").rows[0][0] + 1
    print("ready", flush=True)
    while True:
        fill(store, rng, 20, first=at)
        store.search(SearchRequest("note", k=3, embedding=numbers(rng)))
        store.exec("DELETE FROM note WHERE id = ?", [rng.randrange(1, at + 20)])
        store.search(SearchRequest("near", k=3, embedding=numbers(rng)))
        store.exec("UPDATE note SET embedding = ? WHERE id = ?", [numbers(rng), at])
        at += 20
"""


def killed(folder: Path, rounds: int) -> None:
    """Kill a writer at any moment, again and again: the next start answers like SQLite, and trusts nothing old."""
    root, rng = str(Path(__file__).parents[3]), random.Random(13)
    for number in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), root, str(number)],
            stdout=subprocess.PIPE,
            env=os.environ,
        )
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        time.sleep(rng.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (folder / "vectors" / "stamp.json").exists()
        with opened(folder) as store:
            agree(store, folder, rng)
            store.exec("DELETE FROM note WHERE id % 2")
            agree(store, folder, rng)


def test_a_killed_writer_leaves_an_index_that_nobody_trusts(tmp_path: Path) -> None:
    killed(tmp_path, 4)


@pytest.mark.slow
def test_a_writer_that_is_killed_a_hundred_times(tmp_path: Path) -> None:
    killed(tmp_path, 100)

"""The store as the runtime uses it: damage, threads, kills, quota, files on disk."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest

from locara.errors import IPC_CODES, StorageError
from locara.storage.faults import CODES, ipc_code
from locara.storage.limits import MIB
from locara.storage.settings import Change
from locara.storage.store import Store


def new(path: Path, **changes: object) -> Store:
    return Store.open(path, **{"schema_dir": None, "quota_mb": 64, **changes})  # type: ignore[arg-type]


def filled(path: Path) -> None:
    with new(path) as store:
        store.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)")
        store.exec("CREATE INDEX note_body ON note(body)")
        store.batch([("INSERT INTO note(body) VALUES(?)", [f"note {n} " * 20]) for n in range(900)])


def test_the_files_belong_to_the_user_alone_and_no_log_is_left(tmp_path: Path) -> None:
    path = tmp_path / "db/app.sqlite3"
    with new(path) as store:
        store.exec("CREATE TABLE t(a)")
        names = {entry.name for entry in path.parent.iterdir()}
        assert names == {"app.sqlite3", "app.sqlite3-wal", "app.sqlite3-shm"}
        for entry in path.parent.iterdir():
            assert stat.S_IMODE(entry.stat().st_mode) & 0o077 == 0, entry.name
    assert [entry.name for entry in path.parent.iterdir()] == ["app.sqlite3"]


@pytest.mark.parametrize("damage", ["header", "schema", "middle", "short", "text", "pages"])
def test_a_damaged_database_is_reported_with_its_backup(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "db/app.sqlite3"
    filled(path)
    backups = path.parent / "backups"
    backups.mkdir()
    (backups / "app-001700000000000-v0003.sqlite").write_bytes(path.read_bytes())
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:16] = b"not a database!!"
    elif damage == "schema":
        data[100:108] = b"\xff" * 8
    elif damage == "middle":
        data[4096 * 20 : 4096 * 30] = bytes(4096 * 10)
    elif damage == "short":
        del data[4096 * 9 + 100 :]
    elif damage == "text":
        data[:] = b"hello, this is only text\n" * 400
    else:
        rng = random.Random(3)
        for page in range(3, len(data) // 4096):
            data[page * 4096 : page * 4096 + 64] = rng.randbytes(64)
    path.write_bytes(data)
    with pytest.raises(StorageError) as caught:
        new(path).query("SELECT count(*) FROM note WHERE body LIKE 'x%'")
    assert caught.value.code == "corrupt"
    assert "backups/app-001700000000000-v0003.sqlite" in caught.value.diagnostics()
    assert str(tmp_path) not in caught.value.diagnostics()
    assert path.read_bytes() == data  # left as it is
    path.write_bytes((backups / "app-001700000000000-v0003.sqlite").read_bytes())
    with new(path) as store:
        assert store.query("SELECT count(*) FROM note").rows == ((900,),)


def test_damage_found_later_is_the_same_error(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite3"
    filled(path)
    with new(path) as store:
        with path.open("r+b") as file:
            file.seek(4096 * 2)
            file.write(b"\xee" * (path.stat().st_size - 4096 * 2))
        with pytest.raises(StorageError) as caught:
            store.query("SELECT max(body) FROM note NOT INDEXED")
        assert caught.value.code == "corrupt"
        assert "no backup yet" in caught.value.diagnostics()


@pytest.mark.parametrize("kind", ["directory", "fifo", "link"])
def test_only_a_regular_file_is_a_database(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "app.sqlite3"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        filled(tmp_path / "other.sqlite3")
        path.symlink_to(tmp_path / "other.sqlite3")
    with pytest.raises(StorageError) as caught:
        new(path)
    assert caught.value.code == "io_error"
    assert ipc_code(caught.value) == "io_error"


def test_settings_count_against_the_quota(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite3"
    with new(path, quota_mb=1) as store:
        store.settings.set("small", 1)
        with pytest.raises(StorageError) as caught:
            for number in range(32):
                store.settings.set(f"k{number}", "x" * 60_000)
        assert caught.value.code == "quota_exceeded"
        assert store.settings.get("small") == (True, 1)
    assert path.stat().st_size <= MIB


def test_the_quota_bounds_the_file_and_space_can_be_won_back(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite3"
    with new(path, quota_mb=2) as store:
        store.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB)")
        store.exec("INSERT INTO t(b) VALUES(zeroblob(1000000))")
        with pytest.raises(StorageError) as caught:
            store.exec("INSERT INTO t(b) VALUES(zeroblob(1500000))")
        assert caught.value.code == "quota_exceeded"
        assert "quota_mb" in caught.value.diagnostics()
        with pytest.raises(StorageError) as caught:
            store.batch([("INSERT INTO t(b) VALUES(zeroblob(300000))", None)] * 9)
        assert caught.value.code == "quota_exceeded"
        assert store.query("SELECT count(*) FROM t").rows == ((1,),)
        store.exec("DELETE FROM t")
        store.exec("INSERT INTO t(b) VALUES(zeroblob(1200000))")
    assert path.stat().st_size <= 2 * MIB


def test_threads_share_a_store(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    told: list[Change] = []
    with new(tmp_path / "app.sqlite3") as store:
        store.exec("CREATE TABLE t(worker INTEGER, n INTEGER, UNIQUE(worker, n))")
        forget = store.settings.watch(told.append)

        def write(worker: int) -> None:
            try:
                for n in range(0, 40, 2):
                    store.batch([("INSERT INTO t VALUES(?, ?)", [worker, n + i]) for i in (0, 1)])
                    store.settings.set(f"worker {worker}", n)
            except BaseException as error:
                failures.append(error)

        def read() -> None:
            try:
                for _ in range(60):
                    (row,) = store.query("SELECT count(*), count(*) % 2 FROM t").rows
                    assert row[1] == 0  # never half a batch
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(w,)) for w in range(3)]
        threads += [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.query("SELECT count(*) FROM t").rows == ((120,),)
        assert store.settings.get_all() == {f"worker {w}": 38 for w in range(3)}
        for worker in range(3):
            heard = [change.value for change in told if change.key == f"worker {worker}"]
            assert heard == [str(n) for n in range(0, 40, 2)], "every write, once, in order"
        forget()
        store.settings.set("worker 0", 1)
        assert len(told) == 60


def test_a_setting_that_was_refused_is_told_to_nobody(tmp_path: Path) -> None:
    told: list[Change] = []
    with new(tmp_path / "app.sqlite3") as store:
        store.settings.watch(told.append)
        for value, scope in ((b"x", "user"), ("x" * 70_000, "user"), ("x", "system"), ("x", "nobody")):
            with pytest.raises(StorageError):
                store.settings.set("k", value, scope)  # type: ignore[arg-type]
        assert store.settings.delete("k") is False
        assert told == []
        store.settings.set("k", "x")
        assert store.settings.delete("k") is True
        assert told == [Change("user", "k", '"x"'), Change("user", "k", None)]


def test_closing_stops_what_runs(tmp_path: Path) -> None:
    store = new(tmp_path / "app.sqlite3")
    started, codes = threading.Event(), []
    endless = "WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q) SELECT max(x) FROM q"

    def run() -> None:
        started.set()
        try:
            store.query(endless)
        except StorageError as error:
            codes.append(error.code)

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    store.close()
    store.close()
    thread.join()
    assert codes and codes[0] in {"limit_exceeded", "closed"}
    for call in (
        lambda: store.query("SELECT 1"),
        lambda: store.exec("SELECT 1"),
        lambda: store.settings.get("a"),
    ):
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.code == "closed"


WRITER = """
import os, sys
from pathlib import Path
from locara.storage.store import Store
with Store.open(Path(sys.argv[1]), schema_dir=None, quota_mb=64) as store:
    store.exec("CREATE TABLE IF NOT EXISTS t(batch INTEGER, n INTEGER)")
    batch = 0
    while True:
        batch += 1
        store.batch([("INSERT INTO t VALUES(?, ?)", [batch, n]) for n in range(50)])
        sys.stdout.write(f"{batch}\\n")
        sys.stdout.flush()
"""


@pytest.mark.parametrize("after", [1, 7, 23])
def test_a_killed_writer_loses_no_finished_batch(tmp_path: Path, after: int) -> None:
    path = tmp_path / "app.sqlite3"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = 0
    while last < after:
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    confirmed = max([last, *(int(line) for line in process.stdout.read().split())])
    process.stdout.close()
    with new(path) as store:
        rows = store.query("SELECT batch, count(*) FROM t GROUP BY batch ORDER BY batch").rows
        assert len(rows) >= confirmed
        assert all(count == 50 for _, count in rows)


def test_two_processes_may_open_one_store(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite3"
    with new(path) as store:
        store.exec("CREATE TABLE t(a)")
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError) as caught:
            store.exec("INSERT INTO t VALUES(1)")
        assert caught.value.code == "busy"
        assert store.query("SELECT count(*) FROM t").rows == ((0,),)
        other.execute("ROLLBACK")
        other.close()
        store.exec("INSERT INTO t VALUES(1)")


def test_every_code_has_an_answer_for_ipc() -> None:
    assert set(CODES.values()) <= IPC_CODES
    assert ipc_code(StorageError("x", code="sql_denied")) == "storage_error"
    assert ipc_code(StorageError("x")) == "storage_error"

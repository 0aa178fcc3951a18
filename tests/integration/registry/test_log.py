"""The writer of the log on its real database: what it keeps, what it publishes, and when it refuses to start."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from locara.trust.checkpoint import Checkpoint
from locara.trust.kept_files import read_key, write_key
from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import leaf_hash, verify_consistency
from locara.trust.note import sign_note
from locara.trust.note_keys import COSIGNATURE, ED25519, SigningKey
from locara.trust.proof_file import ProofFile, check_proof
from locara.trust.tiles import Tile, tiles_of
from locara_registry.trust.log.log import Log
from locara_verify.oracle import log as oracle
from tests.integration.registry.small_log import KEY, POLICY, refused


def entries(low: int, high: int) -> list[bytes]:
    return [f"entry {number} ".encode() * (number % 7 + 1) for number in range(low, high)]


def served(folder: Path, size: int) -> dict[str, bytes]:
    return {tile.path: (folder / tile.path).read_bytes() for tile in tiles_of(size)}


def test_what_is_served_is_what_the_specification_says(tmp_path: Path, log: Log) -> None:
    all_entries = entries(0, 700)
    for low, high in ((0, 1), (1, 255), (255, 256), (256, 300), (300, 700)):
        assert log.append(all_entries[low:high]) == tuple(range(low, high))
        log.publish()
        seen = all_entries[:high]
        assert log.published.root == oracle.tree_hash(seen)
        for path, data in served(tmp_path / "public", high).items():
            tile = Tile.parse(path)
            whole = (
                oracle.bundle(seen, tile.n) if tile.level is None else oracle.tile(seen, tile.level, tile.n)
            )
            assert data == whole
    raw = (tmp_path / "public/checkpoint").read_bytes()
    assert raw.startswith(f"{KEY.name}\n700\n".encode())
    assert not list((tmp_path / "public").rglob(".*"))


def test_receipts_prove_entries_offline(log: Log) -> None:
    log.append(entries(0, 300))
    log.publish()
    log.append(entries(300, 320))
    for index in (0, 255, 256, 299):
        proof = ProofFile.parse(log.receipt(index).proof_file.raw)
        assert check_proof(proof, leaf_hash(entries(index, index + 1)[0]), POLICY, now=0).size == 300
    refused("proof_malformed", lambda: log.receipt(300))
    log.publish()
    assert log.receipt(300).size == 320
    verify_consistency(300, 320, log.root(300), log.root(), log.consistency(300))


def test_equal_entries_are_logged_once_unless_asked_otherwise(tmp_path: Path, log: Log) -> None:
    assert log.append([b"a", b"b", b"a"]) == (0, 1, 0)
    assert log.append([b"b", b"c"]) == (1, 2)
    assert (log.size, log.find(b"c"), log.find(b"d"), log.entry(2)) == (3, 2, None, b"c")
    log.publish()
    log.close()
    with Log.open(tmp_path / "log", tmp_path / "public", KEY, once=False) as again:
        assert again.append([b"a", b"a"]) == (3, 4)
        assert again.find(b"a") == 0


def test_an_entry_of_64_kib_is_refused_and_nothing_of_its_batch_is_added(log: Log) -> None:
    refused("entry_too_large", lambda: log.append([b"fine", bytes(65_536)]))
    assert log.size == 0
    assert log.append([bytes(65_535)]) == (0,)


def test_a_log_goes_on_where_it_stopped(tmp_path: Path, log: Log) -> None:
    log.append(entries(0, 513))
    log.publish()
    log.append(entries(513, 600))  # durable, not published
    log.close()
    with Log.open(tmp_path / "log", tmp_path / "public", KEY) as again:
        assert (again.size, again.published.size) == (600, 513)
        again.append(entries(600, 800))
        assert again.publish().root == oracle.tree_hash(entries(0, 800))
        served(tmp_path / "public", 800)


def test_a_second_writer_is_refused_while_the_first_is_there(tmp_path: Path, log: Log) -> None:
    code = (
        "import sys; from pathlib import Path; from locara_registry.trust.log.log import Log\n"
        "from locara.trust.note_keys import *; from locara.trust.log_refusal import LogRefused\n"
        f"key = SigningKey({KEY.name!r}, 1, bytes(range(32)))\n"
        "try: Log.open(Path(sys.argv[1]), Path(sys.argv[2]), key); print('open')\n"
        "except LogRefused as error: print(error.code)\n"
    )

    def other(folder: Path) -> str:
        command = [sys.executable, "-c", code, str(folder), str(tmp_path / "public")]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert other(tmp_path / "log") == "in_use"
    shutil.copytree(tmp_path / "log", tmp_path / "copy", copy_function=shutil.copy2)
    (tmp_path / "copy").chmod(0o700)
    assert other(tmp_path / "copy") == "in_use"  # the same public folder
    refused("in_use", lambda: Log.open(tmp_path / "log", tmp_path / "public", KEY))
    log.close()
    assert other(tmp_path / "log") == "open"


def backup(tmp_path: Path, name: str) -> Path:
    shutil.copytree(tmp_path / "log", tmp_path / name)
    return tmp_path / name


def test_a_database_restored_from_a_backup_is_refused(tmp_path: Path, log: Log) -> None:
    log.append(entries(0, 100))
    log.publish()
    log.close()
    saved = backup(tmp_path, "backup")
    with Log.open(tmp_path / "log", tmp_path / "public", KEY) as again:
        again.append(entries(100, 130))
        again.publish()
    error = refused("rollback", lambda: Log.open(saved, tmp_path / "public", KEY))
    assert "backup" in str(error) and "100 of 130" in str(error)
    Log.open(tmp_path / "log", tmp_path / "public", KEY).close()


def test_a_backup_that_grew_on_its_own_is_a_fork(tmp_path: Path, log: Log) -> None:
    log.append(entries(0, 100))
    log.publish()
    log.close()
    saved = backup(tmp_path, "backup")
    shutil.copytree(tmp_path / "public", tmp_path / "public-2")
    with Log.open(tmp_path / "log", tmp_path / "public", KEY) as again:
        again.append(entries(100, 110))
        again.publish()
    with Log.open(saved, tmp_path / "public-2", KEY) as fork:
        fork.append(entries(500, 530))
        fork.publish()
    refused("fork", lambda: Log.open(saved, tmp_path / "public", KEY))


def test_a_witness_remembers_what_both_restored_folders_forgot(tmp_path: Path, log: Log) -> None:
    log.append(entries(0, 100))
    log.publish()
    log.close()
    saved, public = backup(tmp_path, "backup"), tmp_path / "public-backup"
    shutil.copytree(tmp_path / "public", public)
    with Log.open(tmp_path / "log", tmp_path / "public", KEY) as again:
        again.append(entries(100, 110))
        anchor = again.publish().raw
    refused("rollback", lambda: Log.open(saved, public, KEY, anchors=[anchor]))
    Log.open(tmp_path / "log", tmp_path / "public", KEY, anchors=[anchor]).close()
    other = sign_note(Checkpoint(KEY.name, 50, bytes(32)).text, KEY).raw
    refused("fork", lambda: Log.open(tmp_path / "log", tmp_path / "public", KEY, anchors=[other]))
    stranger = SigningKey(KEY.name, ED25519, bytes(32))
    forged = sign_note(Checkpoint(KEY.name, 50, bytes(32)).text, stranger).raw
    refused("unsigned", lambda: Log.open(tmp_path / "log", tmp_path / "public", KEY, anchors=[forged]))


def test_a_lost_public_folder_or_database_is_refused(tmp_path: Path, log: Log) -> None:
    log.append(entries(0, 3))
    log.publish()
    log.close()
    refused("anchor_missing", lambda: Log.open(tmp_path / "log", tmp_path / "elsewhere", KEY))
    refused("not_a_log", lambda: Log.create(tmp_path / "new", tmp_path / "public", KEY))
    refused("not_a_log", lambda: Log.create(tmp_path / "log", tmp_path / "elsewhere", KEY))
    refused("not_a_log", lambda: Log.open(tmp_path / "new", tmp_path / "public", KEY))
    Log.open(tmp_path / "log", tmp_path / "public", KEY).close()


def test_a_log_killed_before_its_first_checkpoint_is_begun_by_the_next_start(
    tmp_path: Path, log: Log
) -> None:
    log.close()
    (tmp_path / "public/checkpoint").unlink()
    with Log.open(tmp_path / "log", tmp_path / "public", KEY) as again:
        assert again.published.size == 0
    (tmp_path / "new").mkdir(mode=0o700)
    (tmp_path / "new/log.sqlite.new").write_bytes(b"half a database")
    refused("not_a_log", lambda: Log.open(tmp_path / "new", tmp_path / "public-new", KEY))
    with Log.create(tmp_path / "new", tmp_path / "public-new", KEY) as begun:
        assert begun.append([b"one"]) == (0,)
    assert sorted(place.name for place in (tmp_path / "new").iterdir()) == ["log.sqlite"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE log SET root = zeroblob(32)",
        "UPDATE log SET size = size + 1",
        "UPDATE log SET size = size - 1",
        "DELETE FROM entry WHERE i = 299",
        "UPDATE entry SET data = x'00' WHERE i = 299",
        "DELETE FROM tile WHERE level = 0 AND n = 1",
        "UPDATE tile SET data = zeroblob(length(data)) WHERE level = 1",
        "UPDATE tile SET data = substr(data, 1, 32) WHERE level = 0 AND n = 1",
        "DROP TABLE entry",
        "DELETE FROM log",
    ],
)
def test_a_database_whose_parts_do_not_fit_is_refused(tmp_path: Path, log: Log, sql: str) -> None:
    log.append(entries(0, 300))
    log.publish()
    log.close()
    Log.open(tmp_path / "log", tmp_path / "public", KEY).close()
    with sqlite3.connect(tmp_path / "log/log.sqlite") as database:
        database.execute(sql)
    database.close()
    with pytest.raises(LogRefused) as caught:
        Log.open(tmp_path / "log", tmp_path / "public", KEY)
    assert caught.value.code in ("damaged", "not_a_log", "rollback")


def test_a_log_is_opened_with_its_own_key_alone(tmp_path: Path, log: Log) -> None:
    log.close()
    for other in (
        SigningKey(KEY.name, ED25519, bytes(32)),
        SigningKey("log.example.org/other", ED25519, KEY.secret),
    ):
        refused("not_a_log", lambda other=other: Log.open(tmp_path / "log", tmp_path / "public", other))
    witness = SigningKey(KEY.name, COSIGNATURE, KEY.secret)
    refused("key_malformed", lambda: Log.open(tmp_path / "log", tmp_path / "public", witness))


def test_a_served_file_is_never_replaced(tmp_path: Path, log: Log) -> None:
    log.append(entries(0, 300))
    log.publish()
    log.append(entries(300, 310))
    place = tmp_path / "public/tile/0/001.p/54"
    place.parent.mkdir(exist_ok=True)
    for length in (54 * 32, 54 * 32 - 1, 55 * 32, 0):
        place.write_bytes(bytes(length))
        refused("fork", log.publish)
        assert log.published.size == 300
        assert place.read_bytes() == bytes(length)
    place.unlink()
    assert log.publish().size == 310


def test_unfinished_tiles_go_when_the_whole_tile_has_been_public(tmp_path: Path, log: Log) -> None:
    for at in range(0, 600, 50):
        log.append(entries(at, at + 50))
        log.publish()
        served(tmp_path / "public", at + 50)
    left = sorted(str(path.relative_to(tmp_path / "public")) for path in (tmp_path / "public").rglob("*.p"))
    assert "tile/0/000.p" not in left and "tile/0/002.p" in left


def test_a_folder_that_others_can_use_is_refused(tmp_path: Path, log: Log) -> None:
    log.close()
    (tmp_path / "log").chmod(0o755)
    refused("key_exposed", lambda: Log.open(tmp_path / "log", tmp_path / "public", KEY))
    (tmp_path / "log").chmod(0o700)
    Log.open(tmp_path / "log", tmp_path / "public", KEY).close()


def test_keys_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    write_key(path, KEY)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path, ED25519) == KEY
    refused("state_unwritable", lambda: write_key(path, KEY))
    refused("key_unreadable", lambda: read_key(path, COSIGNATURE))
    for mode in (0o640, 0o604, 0o620, 0o660):
        path.chmod(mode)
        refused("key_exposed", lambda: read_key(path, ED25519))
    path.chmod(0o600)
    (tmp_path / "link.key").symlink_to(path)
    refused("key_unreadable", lambda: read_key(tmp_path / "link.key", ED25519))
    os.link(path, tmp_path / "second.key")
    refused("key_exposed", lambda: read_key(path, ED25519))
    (tmp_path / "second.key").unlink()
    assert read_key(path, ED25519) == KEY
    refused("key_unreadable", lambda: read_key(tmp_path / "none.key", ED25519))
    path.write_text(KEY.text[:-6])
    refused("key_unreadable", lambda: read_key(path, ED25519))


def test_threads_share_one_log(tmp_path: Path, log: Log) -> None:
    placed: dict[int, tuple[int, ...]] = {}

    def work(number: int) -> None:
        for turn in range(10):
            placed[number * 10 + turn] = log.append([f"{number}/{turn}/{at}".encode() for at in range(5)])
            log.publish()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(index for batch in placed.values() for index in batch) == list(range(200))
    for batch, indexes in placed.items():
        for at, index in enumerate(indexes):
            assert log.entry(index) == f"{batch // 10}/{batch % 10}/{at}".encode()
    assert log.publish().root == oracle.tree_hash([log.entry(index) for index in range(200)])

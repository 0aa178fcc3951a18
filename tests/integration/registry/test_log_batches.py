"""Batches of many askers, witnesses that are asked before a checkpoint is published, and the operator's verb."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from locara.trust.checkpoint import cosign, open_checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import leaf_hash
from locara.trust.note import Note, Signature
from locara.trust.note_keys import COSIGNATURE, SigningKey
from locara.trust.proof_file import check_proof
from locara.trust.witness import Witness
from locara.trust.witness_server import WitnessServer
from locara_registry.__main__ import main
from locara_registry.trust.log import witnesses
from locara_registry.trust.log.batch import Batcher
from locara_registry.trust.log.log import Log
from locara_registry.trust.log.witnesses import AskedWitnesses, ask
from tests.integration.registry.small_log import KEY, POLICY, refused


def test_many_askers_share_a_checkpoint_and_each_gets_its_own_index(log: Log) -> None:
    batcher = Batcher(log, wait=0.02)
    answers: dict[bytes, Future[int]] = {}
    gate = threading.Lock()

    def ask_for(number: int) -> None:
        for turn in range(20):
            entry = b"%d/%d" % (number, turn)
            answer = batcher.submit(entry)
            with gate:
                answers[entry] = answer

    threads = [threading.Thread(target=ask_for, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for entry, answer in answers.items():
        index = answer.result(60)
        assert log.entry(index) == entry
        check_proof(log.receipt(index).proof_file, leaf_hash(entry), POLICY, now=0)
    assert log.size == 160
    batcher.close()
    batcher.close()
    refused("closed", lambda: batcher.submit(b"late"))


def test_what_was_submitted_before_the_end_is_finished(log: Log) -> None:
    batcher = Batcher(log, wait=30, most=1000)
    answers = [batcher.submit(b"%d" % number) for number in range(5)]
    batcher.close()
    assert [answer.result(0) for answer in answers] == [0, 1, 2, 3, 4]
    assert log.published.size == 5


def test_too_much_is_refused_and_not_lost_silently(log: Log) -> None:
    batcher = Batcher(log, wait=30, most=1000, waiting=3)
    refused("entry_too_large", lambda: batcher.submit(bytes(65_536)))
    answers = []
    error = None
    for number in range(10_000):
        try:
            answers.append(batcher.submit(b"%d" % number))
        except LogRefused as found:
            error = found
            break
    assert error is not None and error.code == "busy"
    batcher.close()
    assert [answer.result(60) for answer in answers] == list(range(len(answers)))


def test_a_batch_that_failed_is_told_to_each_asker(log: Log) -> None:
    batcher = Batcher(log, wait=0.2, cosigners=_silent)
    answers = [batcher.submit(b"%d" % number) for number in range(3)]
    for answer in answers:
        refused("witnesses_missing", lambda answer=answer: answer.result(60))
    batcher.close()
    assert (log.size, log.published.size) == (3, 0)
    assert log.publish().size == 3


def _silent(*_: object) -> list[object]:
    raise LogRefused("nobody signs", code="witnesses_missing")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[WitnessServer]]:
    made, threads = [], []
    for number in range(3):
        folder = tmp_path / f"w{number}"
        Witness.create(folder, f"w{number}.example.org")
        made.append(WitnessServer(Witness.open(folder, (KEY.verifier,))))
        threads.append(threading.Thread(target=made[-1].serve_forever, args=(0.01,)))
        threads[-1].start()
    yield made
    for server, thread in zip(made, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


def policy_of(servers: list[WitnessServer], least: int) -> LogPolicy:
    lines = [f"witness w{n} {one.witness.key} {one.address}" for n, one in enumerate(servers)]
    names = " ".join(f"w{n}" for n in range(len(servers)))
    return LogPolicy.parse(
        "\n".join([f"log {KEY.verifier}", *lines, f"group g {least} {names}", "quorum g"]).encode()
    )


def test_a_checkpoint_is_published_when_enough_witnesses_signed_it(
    log: Log, servers: list[WitnessServer], tmp_path: Path
) -> None:
    policy = policy_of(servers, 2)
    for count in (1, 300, 0, 5):
        log.append([b"%d" % number for number in range(log.size, log.size + count)])
        seen = log.publish(AskedWitnesses(policy))
        raw = (tmp_path / "public/checkpoint").read_bytes()
        assert open_checkpoint(raw, policy, now=2**33).size == seen.size == log.size
        assert len(seen.note.signatures) == 4
    servers[0].witness.folder.chmod(0o755)
    (servers[0].witness.folder / "seen.json").unlink()
    log.append([b"one more"])
    assert len(log.publish(AskedWitnesses(policy)).note.signatures) == 3
    all_three = policy_of(servers, 3)
    log.append([b"and one"])
    error = refused("witnesses_missing", lambda: log.publish(AskedWitnesses(all_three)))
    assert "refuses with 500" in str(error) and "w1, w2 of at least 3" in str(error)
    assert (log.published.size, log.size) == (307, 308)
    assert log.publish(AskedWitnesses(policy)).size == 308


def test_a_witness_that_saw_more_stops_a_log_that_was_restored(
    log: Log, servers: list[WitnessServer], tmp_path: Path
) -> None:
    log.append([b"%d" % number for number in range(50)])
    log.publish(AskedWitnesses(policy_of(servers, 1)))
    with Log.create(tmp_path / "second", tmp_path / "second-public", KEY) as second:
        second.append([b"%d" % number for number in range(20)])
        note = second.publish().note
        error = refused("rollback", lambda: ask(servers[0].address, servers[0].witness.key, note, second))
        assert "backup" in str(error)
        second.append([b"other %d" % number for number in range(60)])
        note = second.publish().note
        key = servers[0].witness.key
        error = refused("witnesses_missing", lambda: ask(servers[0].address, key, note, second))
        assert "refuses with 422" in str(error)
        other = servers[1].witness.key
        log.append([b"more"])
        mine = log.publish().note
        refused("witnesses_missing", lambda: ask(servers[0].address, other, mine, log))
    refused("source_unreadable", lambda: ask("http://127.0.0.1:1", key, mine, log))
    assert ask(servers[2].address, servers[2].witness.key, mine, log)


def test_the_operator_looks_after_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    line = [
        "trust",
        "init",
        "--home",
        str(home),
        "--name",
        "registry.example.org",
        "--root-keys",
        str(tmp_path / "roots"),
    ]
    assert main(line) == 0

    def run(*args: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["log", str(args[0]), "--home", str(home), *map(str, args[1:])])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    code, out, _ = run("status")
    assert code == 0 and "registry.example.org/log" in out
    assert run("publish")[0] == 0
    code, out, _ = run("check")
    assert code == 0 and out.startswith("sound:")
    vkey = run("status")[1].split("key     ")[1].split("\n")[0]
    from locara.cli import dispatch  # noqa: PLC0415

    assert dispatch.run(["witness", "init", "--state", str(tmp_path / "w"), "--name", "w.example.org"]) == 0
    cosigned = tmp_path / "cosigned"
    visit = [
        "witness",
        "visit",
        str(home / "public-log"),
        "--state",
        str(tmp_path / "w"),
        "--key",
        vkey,
        "--out",
        str(cosigned),
    ]
    assert dispatch.run(visit) == 0
    code, out, _ = run("cosign", cosigned)
    assert code == 0 and "with 1 cosignatures" in out
    assert (home / "public-log/checkpoint").read_bytes() == cosigned.read_bytes()
    assert run("status", "--anchor", cosigned)[0] == 0
    assert run("status", "--anchor", tmp_path / "none")[0] == 5
    (tmp_path / "policy").write_text(
        f"witness w {Witness.open(tmp_path / 'w').key} http://127.0.0.1:1\nquorum w\n"
    )
    code, _, err = run("publish", "--policy", tmp_path / "policy")
    assert code == 1 and "not enough witnesses" in err
    good = cosigned.read_bytes()
    for own, other in ((b"registry.example.org/log\n", b"x\n"), (b"\n0\n", b"\n9\n")):
        cosigned.write_bytes(good.replace(own, other, 1))
        code, _, err = run("cosign", cosigned)
        assert code == 1 and "not of the checkpoint" in err


def test_a_line_that_is_not_the_witnesss_signature_is_no_cosignature(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, stranger = (SigningKey("w.example.org", COSIGNATURE, bytes([seed] * 32)) for seed in (1, 2))
    policy = LogPolicy.parse(f"witness w {own.verifier} http://127.0.0.1:1\nquorum w\n".encode())
    before = log.published
    for signer, right in ((stranger, False), (own, True)):

        def post(
            _address: str, note: Note, *_: object, signer: SigningKey = signer
        ) -> tuple[int, str, bytes]:
            line = cosign(note, signer, 1_800_000_000)
            posing = Signature(own.name, own.verifier.key_id, line.value)
            return 200, "text/plain", str(posing).encode()

        monkeypatch.setattr(witnesses, "_post", post)
        if right:
            assert len(log.publish(AskedWitnesses(policy)).note.signatures) == 2
        else:
            with pytest.raises(LogRefused) as refused:
                log.publish(AskedWitnesses(policy))
            assert refused.value.code == "witnesses_missing" and log.published == before


def test_a_check_finds_what_a_start_does_not_look_at(log: Log, tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415

    log.append([b"%d" % number for number in range(600)])
    log.publish()
    assert log.check() == 7
    place = tmp_path / "public/tile/entries/000"
    good = place.read_bytes()
    place.write_bytes(good[:-1] + b"x")
    refused("fork", log.check)
    place.unlink()
    refused("tile_mismatch", log.check)
    place.write_bytes(good)
    assert log.check() == 7
    log.close()
    with sqlite3.connect(tmp_path / "log/log.sqlite") as database:
        database.execute("UPDATE entry SET data = x'00' WHERE i = 3")
    database.close()
    with Log.open(tmp_path / "log", tmp_path / "public", KEY) as again:
        refused("damaged", again.check)

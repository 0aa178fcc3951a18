"""Witnesses on real files and real sockets: what they cosign, what they refuse, what they must not forget."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from locara.trust.checkpoint import open_checkpoint
from locara.trust.evidence import Evidence, check_evidence
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.log_source import FolderSource, WebSource, request, source_of
from locara.trust.note import Note, parse_signatures
from locara.trust.witness import OldSize, Witness
from locara.trust.witness_server import MAX_REQUEST, WitnessServer
from locara_verify.oracle import log as oracle

from .conftest import LOG_KEY, Refused, World

LOGS = (LOG_KEY.verifier,)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    Witness.create(tmp_path / "witness", "w.example.org")
    return Witness.open(tmp_path / "witness", LOGS)


def visited(witness: Witness, folder: Path) -> int:
    opened, line = witness.visit(FolderSource(folder))
    policy = LogPolicy.of(LOG_KEY.verifier, [witness.key])
    cosigned = opened.note.with_signatures([line]).raw
    return open_checkpoint(cosigned, policy, now=2**33).size


def test_a_witness_cosigns_what_continues(world: World, witness: Witness) -> None:
    assert visited(witness, world.public) == 0
    for count in (1, 254, 1, 1, 300, 0):
        world.grow(count)
        assert visited(witness, world.public) == world.log.size
    again = Witness.open(witness.folder, LOGS)
    assert again.seen()[LOG_KEY.name].size == world.log.size
    assert visited(again, world.public) == world.log.size


def evidence_of(witness: Witness, world: World) -> tuple[Evidence, bool]:
    (place,) = (witness.folder / "evidence").iterdir()
    evidence = Evidence.parse(place.read_bytes())
    return evidence, check_evidence(evidence, world.policy)


def test_a_fork_of_one_size_is_refused_and_proven(world: World, witness: Witness, refused: Refused) -> None:
    world.grow(20)
    visited(witness, world.public)
    fork = world.fork("other", same=10, other=10)
    error = refused("fork", lambda: witness.visit(FolderSource(fork)))
    assert "evidence" in (error.fix or "")
    evidence, proven = evidence_of(witness, world)
    assert proven
    assert (evidence.kind, evidence.shown) == ("fork", (fork / "checkpoint").read_bytes())
    assert Note.parse(evidence.seen).text == Note.parse((world.public / "checkpoint").read_bytes()).text
    refused("fork", lambda: witness.visit(FolderSource(fork)))
    assert len(list((witness.folder / "evidence").iterdir())) == 1
    assert visited(witness, world.public) == 20


@pytest.mark.parametrize("other", [11, 300])
def test_a_longer_fork_is_refused(world: World, witness: Witness, refused: Refused, other: int) -> None:
    world.grow(20)
    visited(witness, world.public)
    fork = world.fork("other", same=10, other=other)
    refused("inconsistent", lambda: witness.visit(FolderSource(fork)))
    assert evidence_of(witness, world)[0].kind == "inconsistent"
    assert not evidence_of(witness, world)[1]
    assert witness.seen()[LOG_KEY.name].size == 20
    world.grow(1)
    assert visited(witness, world.public) == 21


def test_a_rollback_is_refused(world: World, witness: Witness, refused: Refused) -> None:
    world.grow(20)
    old = world.mirror("old")
    world.grow(5)
    visited(witness, world.public)
    refused("rollback", lambda: witness.visit(FolderSource(old)))
    assert evidence_of(witness, world)[0].kind == "rollback"
    assert visited(witness, world.public) == 25


def test_what_is_no_checkpoint_of_the_log_leaves_no_evidence(
    world: World, witness: Witness, refused: Refused
) -> None:
    world.grow(3)
    visited(witness, world.public)
    mirror = world.mirror("mirror")
    text = oracle.checkpoint_text(LOG_KEY.name, [b"x", b"y", b"z"])
    stranger = oracle.Key.of(LOG_KEY.name, 1, 77)
    (mirror / "checkpoint").write_bytes(oracle.note(text, stranger.line(text)))
    refused("unsigned", lambda: witness.visit(FolderSource(mirror)))
    forged = (world.public / "checkpoint").read_bytes().replace(b"\n3\n", b"\n4\n")
    (mirror / "checkpoint").write_bytes(forged)
    refused("bad_signature", lambda: witness.visit(FolderSource(mirror)))
    (mirror / "checkpoint").unlink()
    refused("source_unreadable", lambda: witness.visit(FolderSource(mirror)))
    refused("wrong_origin", lambda: Witness.open(witness.folder, ()).visit(FolderSource(world.public)))
    assert not (witness.folder / "evidence").exists()


def test_tiles_that_are_gone_or_cut_are_not_cosigned(
    world: World, witness: Witness, refused: Refused
) -> None:
    world.grow(10)
    visited(witness, world.public)
    world.grow(10)
    mirror = world.mirror("mirror")
    tile = mirror / "tile/0/000.p/20"
    whole = tile.read_bytes()
    tile.write_bytes(whole[:-1])
    refused("tile_malformed", lambda: witness.visit(FolderSource(mirror)))
    tile.unlink()
    refused("source_unreadable", lambda: witness.visit(FolderSource(mirror)))
    assert witness.seen()[LOG_KEY.name].size == 10
    tile.write_bytes(whole)
    assert visited(witness, mirror) == 20


def test_an_unfinished_tile_that_is_gone_is_cut_from_the_whole_one(world: World, witness: Witness) -> None:
    world.grow(200)
    old = (world.public / "checkpoint").read_bytes()
    visited(witness, world.public)
    world.grow(100)
    world.grow(1)
    assert not (world.public / "tile/0/000.p").exists()
    mirror = world.mirror("mirror")
    (mirror / "checkpoint").write_bytes(old)
    assert visited(witness, mirror) == 200


def test_a_memory_that_is_gone_or_changed_is_not_begun_anew(
    world: World, witness: Witness, refused: Refused, tmp_path: Path
) -> None:
    world.grow(5)
    visited(witness, world.public)
    place = witness.folder / "seen.json"
    good = place.read_text()
    older = world.sign(2, bytes(32)).decode()
    changes = {
        "gone": None,
        "empty": "",
        "another document": "[]",
        "no logs": '{"schema": "locara-witness/1"}',
        "a note without the witness": json.dumps(
            {"schema": "locara-witness/1", "logs": {LOG_KEY.name: older}}
        ),
        "another origin": good.replace(f'"{LOG_KEY.name}"', '"log.example.org/other"'),
        "another size": good.replace("\\n5\\n", "\\n4\\n"),
        "another version": good.replace("locara-witness/1", "locara-witness/9"),
    }
    for name, text in changes.items():
        assert text != good, name
        if text is None:
            place.unlink()
        else:
            place.write_text(text)
        refused("state_unreadable", lambda: Witness.open(witness.folder, LOGS))
        refused("state_unreadable", lambda: witness.visit(FolderSource(world.public)))
    place.write_text(good)
    assert visited(witness, world.public) == 5


def test_its_key_and_folder_are_its_owners_alone(witness: Witness, refused: Refused) -> None:
    key = witness.folder / "witness.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    refused("key_exposed", lambda: Witness.open(witness.folder, LOGS))
    key.chmod(0o600)
    witness.folder.chmod(0o750)
    refused("key_exposed", lambda: Witness.open(witness.folder, LOGS))
    witness.folder.chmod(0o700)
    Witness.open(witness.folder, LOGS)
    refused("state_unwritable", lambda: Witness.create(witness.folder, "w2"))


def test_a_checkpoint_that_cannot_be_kept_is_not_answered(
    world: World, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.grow(5)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LogRefused) as caught:
        witness.visit(FolderSource(world.public))
    assert caught.value.code == "disk_full"
    monkeypatch.undo()
    assert witness.seen() == {}
    assert visited(witness, world.public) == 5


@pytest.fixture
def server(witness: Witness) -> Iterator[WitnessServer]:
    with WitnessServer(witness) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def add(server: WitnessServer, body: bytes, path: str = "/add-checkpoint") -> tuple[int, str, bytes]:
    return request(server.address, "POST", path, body=body, most=10_000)


def body_of(world: World, old: int, size: int | None = None) -> bytes:
    proof = world.log.consistency(old) if old <= world.log.size else ()
    lines = [f"old {old}", *map(oracle.b64, proof), "", ""]
    return "\n".join(lines).encode() + world.log.published.raw


def test_the_protocol_of_the_specification(world: World, witness: Witness, server: WitnessServer) -> None:
    world.grow(3)
    policy = LogPolicy.of(LOG_KEY.verifier, [witness.key])

    def cosigned(answer: tuple[int, str, bytes]) -> int:
        assert answer[0] == 200
        note = world.log.published.note.with_signatures(parse_signatures(answer[2].decode()))
        return open_checkpoint(note.raw, policy, now=2**33).size

    assert cosigned(add(server, body_of(world, 0))) == 3
    world.grow(300)
    assert add(server, body_of(world, 0)) == (409, "text/x.tlog.size", b"3\n")
    assert cosigned(add(server, body_of(world, 3))) == 303
    assert cosigned(add(server, body_of(world, 303))) == 303
    world.grow(7)
    good = body_of(world, 303)
    lines = good.split(b"\n")
    lines[1] = oracle.b64(bytes(32)).encode()
    assert add(server, b"\n".join(lines))[0] == 422
    assert add(server, good.replace(b"\n310\n", b"\n311\n"))[0] == 403
    other = oracle.checkpoint_text("log.example.org/other", [b"1"])
    assert (
        add(
            server,
            b"old 0\n\n" + oracle.note(other, oracle.Key.of("log.example.org/other", 1, 1).line(other)),
        )[0]
        == 404
    )
    fork = b"old 303\n\n" + world.sign(303, bytes(32))
    assert add(server, fork)[0:2] == (409, "text/plain")
    for bad in (
        b"",
        b"old 303\n" + world.log.published.raw,
        good.replace(b"old 303", b"old 0303"),
        good.replace(b"old 303", b"Old 303"),
        good.replace(b"old 303", b"old -1"),
        good.replace(b"old 303", b"old 999"),
        b"old 303\nAAAA\n\n" + world.log.published.raw,
        b"old 303\n" + (oracle.b64(bytes(32)).encode() + b"\n") * 64 + b"\n" + world.log.published.raw,
        b"old 303\n\nno checkpoint",
        b"\xff\n\n",
    ):
        assert add(server, bad)[0] == 400, bad[:60]
    assert add(server, good, path="/")[0] == 404
    assert add(server, bytes(MAX_REQUEST + 1))[0] == 413
    assert cosigned(add(server, good)) == 310
    assert sorted(place.name.split("-")[0] for place in (witness.folder / "evidence").iterdir()) == [
        "fork",
        "inconsistent",
    ]


def test_only_one_of_two_checkpoints_at_once_is_cosigned_from_one_size(
    world: World, witness: Witness, server: WitnessServer
) -> None:
    world.grow(3)
    add(server, body_of(world, 0))
    world.grow(2)
    body = body_of(world, 3)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(add(server, body)[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[409] * 5]
    assert witness.seen()[LOG_KEY.name].size == 5


def test_a_log_served_over_http(world: World, witness: Witness, tmp_path: Path) -> None:
    world.grow(300)
    command = [
        sys.executable,
        "-u",
        "-m",
        "http.server",
        "0",
        "--bind",
        "127.0.0.1",
        "--directory",
        str(world.public),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split("(")[1].split(")")[0].rstrip("/")
        try:
            opened, _ = witness.visit(source_of(address))
            assert opened.size == 300
            assert WebSource(address).read("tile/0/009", 10) is None
            with pytest.raises(LogRefused) as caught:
                WebSource(address).read("tile/0/000", 100)
            assert caught.value.code == "source_unreadable"
        finally:
            process.kill()
    with pytest.raises(LogRefused) as caught:
        witness.visit(source_of(address))
    assert caught.value.code == "source_unreadable"


@pytest.mark.parametrize(
    "text",
    ["ftp://a.example", "file:///etc", "http://", "http://u:p@a.example", "http://a.example/?q", "http://a b/",
     "https://a.example/#x", "http://a.example:99999/", "/no/such/folder"],
)  # fmt: skip
def test_only_plain_sources_are_read(text: str, refused: Refused, tmp_path: Path) -> None:
    assert isinstance(source_of("https://a.example/log"), WebSource)
    assert isinstance(source_of(str(tmp_path)), FolderSource)
    refused("source_unreadable", lambda: source_of(text))


def test_evidence_is_checked_before_it_is_believed(world: World, refused: Refused) -> None:
    world.grow(4)
    good = world.log.published.raw
    fork = world.sign(4, bytes(32))
    assert check_evidence(Evidence("fork", good, fork, 0), world.policy)
    assert not check_evidence(Evidence("rollback", good, world.sign(3, bytes(32)), 0), world.policy)
    refused("proof_malformed", lambda: check_evidence(Evidence("fork", good, good, 0), world.policy))
    refused(
        "proof_malformed",
        lambda: check_evidence(Evidence("rollback", world.sign(3, bytes(32)), good, 0), world.policy),
    )
    text = oracle.checkpoint_text(LOG_KEY.name, [b"x"] * 4)
    forged = oracle.note(text, oracle.Key.of(LOG_KEY.name, 1, 5).line(text))
    refused("unsigned", lambda: check_evidence(Evidence("fork", good, forged, 0), world.policy))
    other = LogPolicy.of(oracle_key("log.example.org/other"))
    refused("wrong_origin", lambda: check_evidence(Evidence("fork", good, fork, 0), other))
    for raw in (b"", b"[]", b"{}", b'{"schema": 1}', b"\xff", b"[" * 100_000):
        refused("proof_malformed", lambda raw=raw: Evidence.parse(raw))


def oracle_key(name: str):  # type: ignore[no-untyped-def]
    from locara.trust.note_keys import VerifierKey  # noqa: PLC0415

    return VerifierKey.parse(oracle.Key.of(name, 1, 3).vkey)


def test_the_old_size_is_told_apart_from_a_contradiction(world: World, witness: Witness) -> None:
    world.grow(3)
    witness.add(0, (), world.log.published.raw)
    with pytest.raises(OldSize) as caught:
        witness.add(0, (), world.log.published.raw)
    assert caught.value.size == 3
    assert not (witness.folder / "evidence").exists()
    shutil.rmtree(witness.folder)

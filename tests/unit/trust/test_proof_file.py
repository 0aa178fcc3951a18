"""Proof files: believed offline, and refused with a reason when anything in them was changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.note_keys import VerifierKey
from locara.trust.proof_file import HEADER, ProofFile, check_proof
from locara_verify.oracle import log as oracle

NOW = 1_800_000_000
ORIGIN = "log.example.org/locara"
ENTRIES = [f"entry {number}".encode() for number in range(11)]
LOG, WITNESS = oracle.Key.of(ORIGIN, 1, 0), oracle.Key.of("w.example.org", 4, 0)
TEXT = oracle.checkpoint_text(ORIGIN, ENTRIES)
NOTE = oracle.note(TEXT, LOG.line(TEXT), WITNESS.line(TEXT, NOW))
PATH = oracle.audit_path(4, ENTRIES)
GOOD = oracle.proof_file(4, PATH, NOTE)
LEAF = oracle.leaf(ENTRIES[4])
POLICY = LogPolicy.of(VerifierKey.parse(LOG.vkey), [VerifierKey.parse(WITNESS.vkey)])


def test_a_proof_is_believed_and_written_back() -> None:
    proof = ProofFile.parse(GOOD)
    assert check_proof(proof, LEAF, POLICY, now=NOW).size == 11
    assert proof.raw == GOOD
    extra = ProofFile(4, tuple(PATH), NOTE, b"extra bytes")
    assert ProofFile.parse(extra.raw) == extra
    assert check_proof(
        ProofFile.parse(oracle.proof_file(0, [], n := _single())), oracle.leaf(b"1"), POLICY, now=NOW
    )
    assert ProofFile.parse(oracle.proof_file(0, [], n)).hashes == ()


def _single() -> bytes:
    text = oracle.checkpoint_text(ORIGIN, [b"1"])
    return oracle.note(text, LOG.line(text), WITNESS.line(text, NOW))


OLDER_TEXT = oracle.checkpoint_text(ORIGIN, ENTRIES[:10])
OLDER = oracle.note(OLDER_TEXT, LOG.line(OLDER_TEXT), WITNESS.line(OLDER_TEXT, NOW))
HASH = oracle.b64(PATH[0]).encode()

CHANGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "proof_malformed"),
    "another header": (lambda: GOOD.replace(b"@v1", b"@v2"), "proof_malformed"),
    "no index": (lambda: GOOD.replace(b"index 4\n", b""), "proof_malformed"),
    "a leading zero": (lambda: GOOD.replace(b"index 4", b"index 04"), "proof_malformed"),
    "a negative index": (lambda: GOOD.replace(b"index 4", b"index -4"), "proof_malformed"),
    "two index lines": (lambda: GOOD.replace(b"index 4\n", b"index 4\nindex 4\n"), "proof_malformed"),
    "extra behind the index": (lambda: GOOD.replace(b"index 4\n", b"index 4\nextra YQ==\n"), "proof_malformed"),
    "extra that is no base64": (lambda: GOOD.replace(b"index 4", b"extra a\nindex 4"), "proof_malformed"),
    "a hash without padding": (lambda: GOOD.replace(HASH, HASH.rstrip(b"=")), "proof_malformed"),
    "a short hash": (lambda: GOOD.replace(HASH, b"YQ=="), "proof_malformed"),
    "carriage returns": (lambda: GOOD.replace(b"\n", b"\r\n"), "proof_malformed"),
    "64 hashes": (lambda: oracle.proof_file(4, [PATH[0]] * 64, NOTE), "proof_malformed"),
    "bytes that are no UTF-8": (lambda: GOOD.replace(b"index", b"\xff"), "proof_malformed"),
    "too many bytes": (lambda: GOOD + b"x" * 500_000, "proof_malformed"),
    "an index beyond the tree": (lambda: oracle.proof_file(11, PATH, NOTE), "proof_malformed"),
    "another index": (lambda: oracle.proof_file(5, PATH, NOTE), "not_included"),
    "a hash less": (lambda: oracle.proof_file(4, PATH[:-1], NOTE), "not_included"),
    "a hash more": (lambda: oracle.proof_file(4, [*PATH, bytes(32)], NOTE), "not_included"),
    "two hashes exchanged": (
        lambda: oracle.proof_file(4, [PATH[1], PATH[0], *PATH[2:]], NOTE), "not_included",
    ),
    "a checkpoint of another size": (lambda: oracle.proof_file(4, PATH, OLDER), "not_included"),
    "a checkpoint nobody signed": (
        lambda: oracle.proof_file(4, PATH, oracle.note(TEXT, oracle.Key.of(ORIGIN, 1, 5).line(TEXT))), "unsigned",
    ),
    "a checkpoint no witness saw": (
        lambda: oracle.proof_file(4, PATH, oracle.note(TEXT, LOG.line(TEXT))), "witnesses_missing",
    ),
    "no checkpoint": (lambda: oracle.proof_file(4, PATH, b""), "note_malformed"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_proof_is_refused(name: str) -> None:
    make, reason = CHANGED[name]
    check_proof(ProofFile.parse(GOOD), LEAF, POLICY, now=NOW)
    with pytest.raises(LogRefused) as caught:
        check_proof(ProofFile.parse(make()), LEAF, POLICY, now=NOW)
    assert caught.value.code == reason


def test_a_proof_is_of_one_entry() -> None:
    proof = ProofFile.parse(GOOD)
    for other in (oracle.leaf(ENTRIES[5]), oracle.leaf(b""), oracle.leaf(LEAF), bytes(32)):
        with pytest.raises(LogRefused) as caught:
            check_proof(proof, other, POLICY, now=NOW)
        assert caught.value.code == "not_included"
    assert HEADER.encode() in GOOD

"""Inclusion and consistency, against the recursive definition and the verifier of sigstore-python."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import EMPTY_ROOT, leaf_hash, node_hash, verify_consistency, verify_inclusion
from locara_verify.oracle import log as oracle

ENTRIES = [f"entry {number}".encode() for number in range(70)]


def refused(code: str, *args: object) -> None:
    check = verify_inclusion if isinstance(args[0], bytes) else verify_consistency
    with pytest.raises(LogRefused) as caught:
        check(*args)  # type: ignore[arg-type]
    assert caught.value.code == code, caught.value


def test_leaves_and_nodes_are_hashed_apart() -> None:
    assert leaf_hash(b"") == oracle.leaf(b"")
    assert node_hash(leaf_hash(b"a"), leaf_hash(b"b")) == oracle.tree_hash([b"a", b"b"])
    assert leaf_hash(leaf_hash(b"a") + leaf_hash(b"b")) != oracle.tree_hash([b"a", b"b"])
    assert oracle.tree_hash([]) == EMPTY_ROOT


def test_every_inclusion_proof_of_the_definition_is_believed() -> None:
    for size in range(1, len(ENTRIES) + 1):
        root = oracle.tree_hash(ENTRIES[:size])
        for index in range(size):
            path = oracle.audit_path(index, ENTRIES[:size])
            verify_inclusion(oracle.leaf(ENTRIES[index]), index, size, path, root)


def test_every_consistency_proof_of_the_definition_is_believed() -> None:
    roots = [oracle.tree_hash(ENTRIES[:size]) for size in range(len(ENTRIES) + 1)]
    for new in range(len(ENTRIES) + 1):
        for old in range(new + 1):
            verify_consistency(old, new, roots[old], roots[new], oracle.consistency(old, ENTRIES[:new]))


@given(st.integers(1, 70), st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, leaf = oracle.audit_path(index, ENTRIES[:size]), oracle.leaf(ENTRIES[index])
    root = oracle.tree_hash(ENTRIES[:size])
    verify_inclusion(leaf, index, size, path, root)
    refused("not_included", leaf, index, size, [*path, bytes(32)], root)
    refused("not_included", bytes(32), index, size, path, root)
    refused("not_included", leaf, index, size, path, bytes(32))
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        bit = data.draw(st.integers(0, 255))
        flipped = bytearray(path[at])
        flipped[bit // 8] ^= 1 << bit % 8
        refused("not_included", leaf, index, size, [*path[:at], bytes(flipped), *path[at + 1 :]], root)
        refused("not_included", leaf, index, size, path[:at] + path[at + 1 :], root)
    other = data.draw(st.integers(0, 69))
    if other != index and other < size:
        refused("not_included", leaf, other, size, path, root)
    refused("proof_malformed", leaf, size, size, path, root)
    refused("proof_malformed", leaf, -1, size, path, root)


@given(st.integers(1, 69), st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_consistency_proof_is_refused(old: int, data: st.DataObject) -> None:
    new = data.draw(st.integers(old + 1, 70))
    before, after = oracle.tree_hash(ENTRIES[:old]), oracle.tree_hash(ENTRIES[:new])
    proof = oracle.consistency(old, ENTRIES[:new])
    verify_consistency(old, new, before, after, proof)
    refused("inconsistent", old, new, bytes(32), after, proof)
    refused("inconsistent", old, new, before, bytes(32), proof)
    refused("inconsistent", old, new, before, after, [*proof, bytes(32)])
    at = data.draw(st.integers(0, len(proof) - 1))
    refused("inconsistent", old, new, before, after, proof[:at] + proof[at + 1 :])
    refused("inconsistent", old, new, before, after, [*proof[:at], bytes(32), *proof[at + 1 :]])
    refused("rollback", new, old, after, before, proof)
    refused("fork", old, old, before, bytes(32), [])
    refused("inconsistent", old, old, before, before, proof)


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    root = oracle.tree_hash(ENTRIES)
    verify_consistency(0, 70, EMPTY_ROOT, root, [])
    refused("inconsistent", 0, 70, EMPTY_ROOT, root, [bytes(32)])
    refused("fork", 0, 70, bytes(32), root, [])


def test_hashes_of_another_length_and_endless_proofs_are_refused() -> None:
    leaf, root = oracle.leaf(ENTRIES[0]), oracle.tree_hash(ENTRIES[:2])
    verify_inclusion(leaf, 0, 2, [oracle.leaf(ENTRIES[1])], root)
    refused("proof_malformed", leaf, 0, 2, [oracle.leaf(ENTRIES[1])[:31]], root)
    refused("proof_malformed", leaf + b"\0", 0, 2, [oracle.leaf(ENTRIES[1])], root)
    refused("proof_malformed", leaf, 0, 2**63 - 1, [bytes(32)] * 64, root)
    refused("proof_malformed", leaf, 0, 2**63, [bytes(32)] * 63, root)


@given(st.integers(1, 70), st.data())
@settings(max_examples=100, deadline=None)
def test_the_verifier_of_sigstore_says_the_same(size: int, data: st.DataObject) -> None:
    from sigstore._internal.merkle import verify_merkle_inclusion  # noqa: PLC0415
    from sigstore.errors import VerificationError  # noqa: PLC0415

    index = data.draw(st.integers(0, size - 1))
    path = oracle.audit_path(index, ENTRIES[:size])
    if data.draw(st.booleans()) and path:
        at = data.draw(st.integers(0, len(path) - 1))
        path = data.draw(
            st.sampled_from([path[:at], [*path[:at], bytes(32), *path[at + 1 :]], [*path, bytes(32)]])
        )
    root = oracle.tree_hash(ENTRIES[:size])
    proof = SimpleNamespace(log_index=index, tree_size=size, hashes=list(path), root_hash=root)
    entry = SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=ENTRIES[index]))
    try:
        verify_merkle_inclusion(entry)  # type: ignore[arg-type]
        theirs = True
    except VerificationError:
        theirs = False
    try:
        verify_inclusion(oracle.leaf(ENTRIES[index]), index, size, path, root)
        ours = True
    except LogRefused:
        ours = False
    assert ours == theirs

"""Proofs of RFC 6962: that an entry is in a tree, and that one tree is the beginning of another.

Pure: SHA-256 and nothing else. A proof is a tuple of 32-byte hashes; sizes and indexes count entries from 0.
Both checks refuse a proof that is too short or too long, so that there is one proof for one statement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from locara.trust.log_refusal import LogRefused

HASH_BYTES: Final = 32
MAX_SIZE: Final = 2**63 - 1
MAX_PROOF: Final = 63
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf of the tree."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return _sha256(b"\x01" + left + right).digest()


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return when the leaf hash stands at index in the tree of that size and root.

    Raises LogRefused `not_included`, or `proof_malformed` for numbers and hashes that cannot be.
    """
    _check_hashes((leaf, root, *proof))
    _check_length(proof)
    if not 0 <= index < size <= MAX_SIZE:
        raise LogRefused(f"there is no entry {index} in a tree of {size}", code="proof_malformed")
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise LogRefused("the inclusion proof is longer than its tree is high", code="not_included")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        at >>= 1
        last >>= 1
    if last != 0:
        raise LogRefused("the inclusion proof is shorter than its tree is high", code="not_included")
    if found != root:
        raise LogRefused(
            f"the inclusion proof of entry {index} does not lead to the root of the tree of {size}",
            code="not_included",
        )


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return when the tree of size and root `old` is the beginning of the tree `new`.

    Raises LogRefused: `rollback` when the new tree is smaller, `fork` for two roots of one size,
    `inconsistent` when the proof does not show it, `proof_malformed` for numbers and hashes that cannot be.
    """
    _check_hashes((old_root, new_root, *proof))
    _check_length(proof)
    if not (0 <= old <= MAX_SIZE and 0 <= new <= MAX_SIZE):
        raise LogRefused(f"{old} and {new} are not two sizes of a tree", code="proof_malformed")
    if new < old:
        raise LogRefused(f"the tree has {new} entries and had {old} before", code="rollback")
    if old == new and old_root != new_root:
        raise LogRefused(f"there are two different trees of {old} entries", code="fork")
    if old == 0 and old_root != EMPTY_ROOT:
        raise LogRefused("the root of the empty tree is not the one there can be", code="fork")
    if old in (0, new):
        if proof:
            raise LogRefused("the consistency proof must be empty here", code="inconsistent")
        return
    _walk_consistency(old, new, old_root, new_root, proof)


def _walk_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not proof:
        raise LogRefused("the consistency proof is empty", code="inconsistent")
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    before = after = path[0]
    for hashed in path[1:]:
        if last == 0:
            raise LogRefused("the consistency proof is longer than its tree is high", code="inconsistent")
        if at & 1 or at == last:
            before, after = node_hash(hashed, before), node_hash(hashed, after)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            after = node_hash(after, hashed)
        at >>= 1
        last >>= 1
    if last != 0:
        raise LogRefused("the consistency proof is shorter than its tree is high", code="inconsistent")
    if before != old_root or after != new_root:
        which = "old" if before != old_root else "new"
        raise LogRefused(
            f"the tree of {old} entries is not the beginning of the tree of {new}: the proof does not lead "
            f"to the {which} root",
            code="inconsistent",
        )


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise LogRefused("a hash of a proof is not 32 bytes long", code="proof_malformed")


def _check_length(proof: Sequence[bytes]) -> None:
    if len(proof) > MAX_PROOF:
        raise LogRefused(f"a proof has at most {MAX_PROOF} hashes, not {len(proof)}", code="proof_malformed")

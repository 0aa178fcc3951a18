"""LC750, LC751: inclusion and consistency proofs of the recursive definition, and their neighbours."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from locara.trust.merkle import verify_consistency, verify_inclusion
from locara_verify.check import CheckResult, check
from locara_verify.checks.log.trial import Trial, installed
from locara_verify.context import Context
from locara_verify.oracle import log as oracle

INCLUSION = "LC750"
CONSISTENCY = "LC751"
LARGEST = 80


@check("log-proofs", rules=(INCLUSION, CONSISTENCY), applies=installed, quick=True)
def run(ctx: Context) -> CheckResult:
    """All sizes up to a small one, and then random pairs."""
    trial, rng = Trial(), ctx.rng("log-proofs")
    entries = [rng.randbytes(rng.randrange(40)) + b"%d" % number for number in range(LARGEST)]
    roots = [oracle.tree_hash(entries[:size]) for size in range(LARGEST + 1)]
    for size in range(1, 18):
        for index in range(size):
            inclusion(trial, rng, entries[:size], index, roots)
    for new in range(18):
        for old in range(new + 1):
            consistency(trial, rng, entries[:new], old, roots)
    for _ in range(ctx.profile.fuzz_examples // 10):
        size = rng.randint(1, LARGEST)
        inclusion(trial, rng, entries[:size], rng.randrange(size), roots)
        consistency(trial, rng, entries[:size], rng.randint(0, size), roots)
    return trial.result()


def inclusion(
    trial: Trial, rng: random.Random, entries: Sequence[bytes], index: int, roots: Sequence[bytes]
) -> None:
    """One true proof and what lies beside it."""
    size, leaf = len(entries), oracle.leaf(entries[index])
    path, root = oracle.audit_path(index, entries), roots[len(entries)]
    named = f"entry {index} of {size}"
    trial.believed(INCLUSION, named, lambda: verify_inclusion(leaf, index, size, path, root))

    def refuse(what: str, *given: object, codes: str = "not_included") -> None:
        trial.refused(INCLUSION, f"{named}, {what}", codes, lambda: verify_inclusion(*given))  # type: ignore[arg-type]

    for what, changed in neighbours(rng, path):
        if changed != path:
            refuse(what, leaf, index, size, changed, root)
    refuse("another leaf", oracle.leaf(entries[index] + b"x"), index, size, path, root)
    refuse("another root", leaf, index, size, path, rng.randbytes(32))
    refuse("an inner hash as its leaf", rng.randbytes(32), index, size, path, root)
    other = rng.randrange(size)
    if other != index:
        refuse("another index", leaf, other, size, path, root)
    refuse("an index at the size", leaf, size, size, path, root, codes="proof_malformed")
    refuse("a negative index", leaf, -1, size, path, root, codes="proof_malformed")
    refuse("a short root", leaf, index, size, path, root[:-1], codes="proof_malformed")
    refuse("a long leaf", leaf + b"\0", index, size, path, root, codes="proof_malformed")
    refuse("64 hashes", leaf, index, size, [bytes(32)] * 64, root, codes="proof_malformed")
    for said in sizes_near(size):
        if index < said and oracle.path_length(index, said) != len(path):
            refuse(f"said to be of {said}", leaf, index, said, path, root)


def consistency(
    trial: Trial, rng: random.Random, entries: Sequence[bytes], old: int, roots: Sequence[bytes]
) -> None:
    """One true proof and what lies beside it."""
    new = len(entries)
    proof, before, after = oracle.consistency(old, entries), roots[old], roots[new]
    named = f"{old} in {new}"
    trial.believed(CONSISTENCY, named, lambda: verify_consistency(old, new, before, after, proof))

    def refuse(what: str, codes: str, *given: object) -> None:
        trial.refused(CONSISTENCY, f"{named}, {what}", codes, lambda: verify_consistency(*given))  # type: ignore[arg-type]

    stranger = rng.randbytes(32)
    for what, changed in neighbours(rng, proof):
        if changed != proof:
            refuse(what, "inconsistent", old, new, before, after, changed)
    if old:
        refuse("another old root", "inconsistent fork", old, new, stranger, after, proof)
        refuse("another new root", "inconsistent fork", old, new, before, stranger, proof)
        history = [b"another", *entries[1:]]
        refuse(
            "another history", "inconsistent fork", old, new, before, oracle.tree_hash(history),
            oracle.consistency(old, history),
        )  # fmt: skip
    else:
        refuse("an empty tree with a root", "fork", 0, new, stranger, after, proof)
    if old < new:
        refuse("the other way round", "rollback", new, old, after, before, proof)
    for said in sizes_near(new):
        if 0 < old < said and oracle.proof_length(old, said) != len(proof):
            refuse(f"said to be in {said}", "inconsistent", old, said, before, after, proof)
    for said in sizes_near(old):
        if 0 < said < new and oracle.proof_length(said, new) != len(proof):
            refuse(f"said to be of {said}", "inconsistent", said, new, before, after, proof)
    refuse("a negative size", "proof_malformed", -1, new, before, after, proof)
    refuse("a long root", "proof_malformed", old, new, before + b"\0", after, proof)


def sizes_near(size: int) -> Iterator[int]:
    """Sizes that a log could sign for its tree instead of its own: the roots and hashes stay true, and the proof is one
    of another tree. Where both trees have proofs as long, RFC 6962 cannot tell them apart."""
    near = {size // 2, size - 1, size + 1, 2 * size - 1, 2 * size, 2 * size + 1, 4 * size, 4 * size + 1}
    yield from sorted(near - {size})


def neighbours(rng: random.Random, proof: Sequence[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Proofs that differ from this one in one thing."""
    path = list(proof)
    yield "a hash more", [*path, rng.randbytes(32)]
    yield "a hash more in front", [rng.randbytes(32), *path]
    if not path:
        return
    at = rng.randrange(len(path))
    yield "its last hash twice", [*path, path[-1]]
    yield "a hash less", [*path[:at], *path[at + 1 :]]
    flipped = bytearray(path[at])
    flipped[rng.randrange(32)] ^= 1 << rng.randrange(8)
    yield "one bit changed", [*path[:at], bytes(flipped), *path[at + 1 :]]
    yield "turned round", path[::-1]
    yield "nothing of it", []

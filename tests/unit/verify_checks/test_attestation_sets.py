"""Sets of attestations: what is drawn shows both sides of every demand."""

import random

from locara_verify.checks.attestation import sets


def test_many_sets_are_enough_and_many_are_not() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        drawn = [sets._drawn(rng) for _ in range(sets.SETS)]
        enough = sum(sets.enough(said, sets.POLICY, sets.TEXT, sets.LEVEL) for said in drawn)
        assert sets.SETS / 10 < enough < sets.SETS * 0.9


def test_the_oracle_reads_the_newest_verification_alone() -> None:
    build, good = sets.Said(0), sets._fine(2)
    failed = sets.Said(3, "FAILED", good.policy, good.text, good.levels, good.inputs)
    asked = (sets.POLICY, sets.TEXT, sets.LEVEL)
    assert sets.enough([build, good], *asked)
    assert not sets.enough([good], *asked)
    assert not sets.enough([build], *asked)
    assert not sets.enough([build, good, failed], *asked)
    assert sets.enough([build, failed, sets._fine(4)], *asked)
    assert not sets.enough([build, good, sets.Said(2, "FAILED", good.policy)], *asked)

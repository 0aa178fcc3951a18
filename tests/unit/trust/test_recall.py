"""An attestation that holds, of something that was recalled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fixtures.trust.generate import HERE
from fixtures.trust.world import BUILDER, COMMIT, DIGEST, NOW, SIGNED, SOURCE
from locara.trust.attestation import Expectation, verify_strict
from locara.trust.bundle.instance import TrustInstance
from locara.trust.recall import recalled_by
from locara.trust.refusal import Reason, TrustError
from locara.trust.revocation.document import Entry, Known, Listed
from locara_verify.strategies.bundles import vectors, vouching

GOOD = vectors(HERE.parent)[0].twin
INSTANCE = TrustInstance.read(GOOD.trust)
SECOND = timedelta(seconds=1)


def known(updated: float = NOW.timestamp(), **named: Any) -> Known:
    entries = [] if not named else [
        Entry.model_validate(
            {"id": "R1", "severity": "block", "kind": "compromise", "reason": "stolen", "time": 0.0, **named}
        )
    ]  # fmt: skip
    return Known(Listed(format="locara-revocations/2", seq=1, updated=updated, entries=entries))


def verify(lists: Known, *, follows: bool = False) -> Any:
    want = Expectation(DIGEST, SOURCE, BUILDER, BUILDER, COMMIT)
    judge = recalled_by(lists, now=NOW.timestamp(), follows=follows)
    return verify_strict(GOOD.bundle, INSTANCE, want, now=NOW, recalled=judge)


KEYS = sorted(verify(known()).signature.keys)
RECALLED = {
    "signer": ({"signer": BUILDER}, {"signer": f"{BUILDER}2"}),
    "signer from then on": (
        {"signer": BUILDER, "signedAfter": SIGNED.timestamp()},
        {"signer": BUILDER, "signedAfter": (SIGNED + SECOND).timestamp()},
    ),
    "commit": ({"commit": COMMIT}, {"commit": "a0" * 20}),
    "artifact": ({"artifact": str(DIGEST)}, {"artifact": f"sha256:{'0' * 64}"}),
    **{f"key {key[:6]}": ({"key": f"sha256:{key}"}, {"key": f"sha256:{key[::-1]}"}) for key in KEYS},
}


@pytest.mark.parametrize("name", RECALLED)
def test_what_was_recalled_is_refused_although_its_signature_holds(name: str) -> None:
    named, twin = RECALLED[name]
    with pytest.raises(TrustError, match="stolen") as caught:
        verify(known(**named))
    assert caught.value.reason is Reason.SIGNER_REVOKED
    assert verify(known(**twin)).signer.identity == BUILDER


def test_every_key_that_vouches_can_be_recalled() -> None:
    """Authority, timestamps and both logs, each authority with its root, by the trust instance alone."""
    assert frozenset(KEYS) == frozenset(vouching(GOOD.trust)) and len(KEYS) == 6


def test_lists_that_a_registry_should_have_renewed_are_stale_material() -> None:
    old = (NOW - timedelta(days=15)).timestamp()
    with pytest.raises(TrustError) as caught:
        verify(known(old), follows=True)
    assert caught.value.reason is Reason.MATERIAL_STALE
    verify(known(old))
    verify(known(), follows=True)


def test_a_judge_that_breaks_is_a_refusal() -> None:
    def broken(_: object) -> None:
        raise RuntimeError("no list")

    want = Expectation(DIGEST, SOURCE, BUILDER, BUILDER, COMMIT)
    with pytest.raises(TrustError) as caught:
        verify_strict(GOOD.bundle, INSTANCE, want, now=NOW, recalled=broken)
    assert caught.value.reason is Reason.UNEXPECTED

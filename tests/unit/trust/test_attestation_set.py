"""Several attestations of one artifact: what is required must be there, and the newest verification counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures.trust.world import BUILDER, COMMIT, DIGEST, SOURCE, provenance_of
from locara.core.digest import Digest
from locara.trust.attestation import Attestation, Expectation, Required, check_provenance, verify_set
from locara.trust.bundle.certificate import Signer
from locara.trust.bundle.entry import LogPlace
from locara.trust.bundle.verify import Signature
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement import summary
from locara.trust.statement.provenance import Provenance, repository_of
from locara.trust.statement.statement import PAYLOAD_TYPE, Statement, Subject, write_statement

T0 = datetime(2026, 7, 1, tzinfo=UTC)
SIGNER = Signer(BUILDER, T0, T0, "1", builder=BUILDER, source=SOURCE, commit=COMMIT)
POLICY = "https://locara.example/policy/strict/v1"


def attestation(payload: bytes, *, hours: int = 0, digest: str = "a") -> Attestation:
    place = LogPlace("log.example", 1, 2, ())
    signature = Signature("test", SIGNER, (T0 + timedelta(hours=hours),), place, frozenset())
    return Attestation(signature, Statement.parse(PAYLOAD_TYPE, payload), Digest(digest * 64))


def summary_of(result: str = "PASSED", **changes: Any) -> bytes:
    value = {
        "verifier": {"id": BUILDER},
        "timeVerified": "2026-07-01T00:00:00Z",
        "resourceUri": "pkg:generic/notes@1.0.0",
        "policy": {"uri": POLICY, "digest": {"sha256": "0" * 64}},
        "inputAttestations": [{"uri": "p", "digest": {"sha256": "a" * 64}}],
        "verificationResult": result,
        "verifiedLevels": ["SLSA_BUILD_LEVEL_2", summary.LOCAL_ONLY],
        **changes,
    }
    return write_statement([Subject("notes", DIGEST)], value, summary.TYPE)


BUILT = attestation(provenance_of())
PASSED = attestation(summary_of(), hours=1, digest="b")
WHOLE = Required(POLICY, "0" * 64, summary.LOCAL_ONLY)


@pytest.mark.parametrize(
    ("given", "required", "reason"),
    [
        ([], WHOLE, Reason.STATEMENT_MISSING),
        ([PASSED], WHOLE, Reason.STATEMENT_MISSING),
        ([BUILT], WHOLE, Reason.STATEMENT_MISSING),
        ([BUILT, attestation(summary_of("FAILED"), hours=2)], WHOLE, Reason.VERDICT_FAILED),
        ([BUILT, PASSED, attestation(summary_of("FAILED"), hours=2)], WHOLE, Reason.VERDICT_FAILED),
        ([BUILT, PASSED, attestation(summary_of("FAILED"), hours=1)], WHOLE, Reason.VERDICT_FAILED),
        ([BUILT, attestation(summary_of(policy={"uri": f"{POLICY}/2"}), hours=1)], WHOLE, Reason.STATEMENT_MISSING),
        ([BUILT, PASSED], Required(POLICY, "1" * 64), Reason.POLICY_MISMATCH),
        ([BUILT, attestation(summary_of(policy={"uri": POLICY}), hours=1)], WHOLE, Reason.POLICY_MISMATCH),
        ([BUILT, PASSED], Required(POLICY, None, "SLSA_BUILD_LEVEL_3"), Reason.VERDICT_FAILED),
        ([BUILT, attestation(summary_of(verifiedLevels=[]), hours=1)], WHOLE, Reason.VERDICT_FAILED),
        ([BUILT, attestation(summary_of(inputAttestations=[]), hours=1)], WHOLE, Reason.STATEMENT_MISSING),
        ([attestation(provenance_of(), digest="c"), PASSED], WHOLE, Reason.STATEMENT_MISSING),
    ],
)  # fmt: skip
def test_a_set_that_is_not_enough_is_refused(
    given: list[Attestation], required: Required, reason: Reason
) -> None:
    with pytest.raises(TrustError) as caught:
        verify_set(given, required)
    assert caught.value.reason is reason
    assert verify_set([BUILT, PASSED], WHOLE).passed


def test_a_later_pass_counts_over_an_earlier_failure_and_order_does_not() -> None:
    failed = attestation(summary_of("FAILED"), hours=0)
    assert verify_set([PASSED, failed, BUILT], WHOLE).passed
    assert verify_set([failed, BUILT, PASSED], WHOLE).passed


@pytest.mark.parametrize(
    ("uri", "repository"),
    [
        ("git+https://h/a/b@refs/tags/v1", "https://h/a/b"),
        ("git+https://h/a/b.git@refs/heads/main", "https://h/a/b"),
        ("https://h/a/b/", "https://h/a/b"),
        ("git+https://h/a/b#x", "https://h/a/b"),
        ("https://h/a/b2", "https://h/a/b2"),
        ("nothing", "nothing"),
    ],
)
def test_the_repository_of_an_address(uri: str, repository: str) -> None:
    assert repository_of(uri) == repository


def test_a_certificate_without_facts_has_nothing_to_agree_with() -> None:
    predicate = Statement.parse(PAYLOAD_TYPE, provenance_of()).predicate
    assert isinstance(predicate, Provenance)
    check_provenance(predicate, SIGNER)
    for missing in ("source", "commit", "builder"):
        facts = {"source": SOURCE, "commit": COMMIT, "builder": BUILDER, missing: None}
        with pytest.raises(TrustError) as caught:
            check_provenance(predicate, Signer(BUILDER, T0, T0, "1", **facts))  # type: ignore[arg-type]
        assert caught.value.reason is Reason.CERTIFICATE_FIELDS


def test_what_is_not_said_is_named() -> None:
    with pytest.raises(TrustError, match="--expect-source, --expect-builder, --expect-identity"):
        Expectation(DIGEST).whole()
    Expectation(DIGEST, SOURCE, BUILDER, BUILDER).whole()

"""Third-party vectors: the bundle cases of sigstore-conformance, through our verifier.

They are data beside the checkout and not part of it. Where they are absent this module says so and judges
nothing; our own vectors (fixtures/trust) are always there.
"""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.trust.bundle.certificate import Signer
from locara.trust.bundle.instance import TrustInstance
from locara.trust.bundle.verify import verify_artifact, verify_payload
from locara.trust.refusal import Reason, TrustError

VECTORS = Path(__file__).resolve().parents[4] / "shared/vectors/sigstore-conformance"
IDENTITY = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"
NOW = datetime(2026, 11, 1, tzinfo=UTC)

# What sigstore-python 4.5.1 cannot do; the product inherits it and refuses.
LIMITS = {
    "intoto-with-custom-trust-root": Reason.ENTRY_KIND,  # an entry of kind `intoto`
    "trust-root-tsa-validity-end-inclusive": Reason.TIME_INVALID,  # it leaves the last second out
}
MANAGED_KEY = "a signature by a bare key has no signer to name, so it is out of scope"

if not VECTORS.is_dir():
    warnings.warn(f"SIGSTORE-CONFORMANCE VECTORS ABSENT: nothing at {VECTORS}", stacklevel=1)
    pytest.skip("THIRD-PARTY VECTORS ABSENT; our own in fixtures/trust still run", allow_module_level=True)

CASES = sorted(place.name for place in VECTORS.iterdir() if place.is_dir())


def instance_of(folder: Path, issuer: str) -> TrustInstance:
    given = folder / "trusted_root.json"
    store = resources.files("sigstore._store") / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
    raw = given.read_bytes() if given.exists() else (store / "trusted_root.json").read_bytes()
    return TrustInstance.of_root(json.loads(raw), name="conformance", issuers=[issuer])


def text(place: Path, otherwise: str) -> str:
    return place.read_text().strip() if place.exists() else otherwise


def verify(folder: Path) -> None:
    identity = text(folder / "identity", IDENTITY)
    issuer = text(folder / "issuer", ISSUER)
    raw = (folder / "bundle.sigstore.json").read_bytes()
    artifact = folder / "artifact" if (folder / "artifact").exists() else VECTORS / "a.txt"
    digest = Digest.of(artifact.read_bytes())

    def judge(signer: Signer) -> None:
        if signer.identity != identity:
            raise TrustError(Reason.IDENTITY_MISMATCH, signer.identity)

    instance = instance_of(folder, issuer)
    if b'"dsseEnvelope"' not in raw:
        verify_artifact(raw, digest, instance, now=NOW, judge=judge)
        return
    signed = verify_payload(raw, instance, now=NOW, judge=judge)
    assert signed.payload_type == "application/vnd.in-toto+json"
    subjects = json.loads(signed.payload)["subject"]
    if not any(one["digest"].get("sha256") == digest.hex for one in subjects):
        raise TrustError(Reason.SUBJECT_MISMATCH, "the statement is about something else")


@pytest.mark.parametrize("name", CASES)
def test_a_case_ends_as_the_suite_says(name: str, no_socket: list[str]) -> None:
    folder = VECTORS / name
    if (folder / "key.pub").exists():
        pytest.skip(MANAGED_KEY)
    if not name.endswith("_fail") and name not in LIMITS:
        verify(folder)
        return
    with pytest.raises(TrustError) as caught:
        verify(folder)
    assert caught.value.reason is not Reason.UNEXPECTED, caught.value
    if name in LIMITS:
        assert caught.value.reason is LIMITS[name]


def test_the_suite_is_whole() -> None:
    assert len(CASES) == 70

"""Whether what an attestation says was recalled: by its signer and time, by key, commit or artifact."""

from __future__ import annotations

from locara.trust.attestation import Attestation, Recalled
from locara.trust.refusal import Reason, TrustError
from locara.trust.revocation.document import Known
from locara.trust.revocation.judgement import Subject, judge


def recalled_by(known: Known, *, now: float, follows: bool = False) -> Recalled:
    """The judge of attestations by these lists at ``now``, in seconds since 1970.

    ``follows`` is true where a registry delivers them: then lists that are too old are a refusal as well
    (`MATERIAL_STALE`). What a list blocks is refused as `SIGNER_REVOKED`, whatever else holds.
    """

    def refuse(attestation: Attestation) -> None:
        signature = attestation.signature
        for about in attestation.statement.subjects:
            subject = Subject(
                artifact=str(about.digest),
                commit=signature.signer.commit,
                signer=signature.signer.identity,
                signed_at=max(signature.times).timestamp(),
                keys=frozenset(f"sha256:{one}" for one in signature.keys),
            )
            verdict = judge(known, subject, "install", now=now, follows=follows)
            if verdict.action == "block":
                stale = verdict.code == "revocation_stale"
                raise TrustError(Reason.MATERIAL_STALE if stale else Reason.SIGNER_REVOKED, verdict.because)

    return refuse

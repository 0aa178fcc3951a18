"""An attestation that is believed: a statement, who signed it, and that it says what was expected.

`verify_strict` assumes nothing. What a caller does not say they expect is not guessed but refused, because an
attestation that is merely valid proves only that somebody, somewhere, signed something.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from locara.core.digest import Digest
from locara.records import dataclass
from locara.trust.bundle.certificate import Signer
from locara.trust.bundle.instance import TrustInstance
from locara.trust.bundle.verify import Signature, verify_payload
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement import model_signature, provenance, summary
from locara.trust.statement.model_signature import ModelSignature
from locara.trust.statement.provenance import Provenance, repository_of
from locara.trust.statement.statement import KINDS, Statement
from locara.trust.statement.summary import Summary


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement whose signature holds. ``digest`` is over the bytes of the bundle."""

    signature: Signature
    statement: Statement
    digest: Digest

    @property
    def signer(self) -> Signer:
        """Who signed it."""
        return self.signature.signer


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the person who asks says about the thing. None: they do not say, which strict checking refuses.

    ``artifact`` is the file's SHA-256; ``source`` the repository (``https://host/owner/name``); ``builder`` the
    definition that built it; ``identity`` the signer; ``commit`` what the manifest or catalogue says it was built
    from; ``kinds`` the predicate types that will do; ``model`` the one file that a signed model must consist of.
    """

    artifact: Digest
    source: str | None = None
    builder: str | None = None
    identity: str | None = None
    commit: str | None = None
    kinds: frozenset[str] = frozenset(KINDS)
    model: Digest | None = None

    @classmethod
    def of_model(cls, file: Digest, identity: str | None) -> Expectation:
        """Of the signature of a model that is this one file."""
        root = ModelSignature.over([("model", file.hex)]).root
        return cls(Digest(root), identity=identity, kinds=frozenset({model_signature.TYPE}), model=file)

    def whole(self) -> None:
        """Raise TrustError `EXPECTATION_MISSING` when something is left to be guessed.

        The signature of a model says who signed it and nothing of a build, so there is no source and no builder
        to expect of it.
        """
        built = self.kinds != {model_signature.TYPE}
        missing = [
            name
            for name, value, needed in (
                ("--expect-source", self.source, built),
                ("--expect-builder", self.builder, built),
                ("--expect-identity", self.identity, True),
            )
            if needed and not value
        ]
        if missing:
            raise TrustError(
                Reason.EXPECTATION_MISSING,
                f"strict checking needs to be told what is expected: {', '.join(missing)}",
                fix="the publisher's page or the catalogue says what to expect; the file itself cannot",
            )

    def of_signer(self, signer: Signer) -> None:
        """Raise TrustError unless this signer is the expected one."""
        _same(self.identity, signer.identity, "the signer", Reason.IDENTITY_MISMATCH)
        _same(self.builder, signer.builder, "the builder", Reason.BUILDER_MISMATCH)
        _same(
            None if self.source is None else repository_of(self.source),
            signer.source,
            "the source",
            Reason.SOURCE_MISMATCH,
        )
        _same(self.commit, signer.commit, "the commit", Reason.COMMIT_MISMATCH)


Recalled = Callable[[Attestation], None]
"""Raises TrustError `SIGNER_REVOKED` when what an attestation says was recalled (`locara.trust.revocation`)."""


def verify_strict(
    raw: bytes, instance: TrustInstance, want: Expectation, *, now: datetime, recalled: Recalled
) -> Attestation:
    """The attestation in a bundle, when everything about it holds and is as expected; nothing is assumed.

    Raises TrustError, and nothing else, with one reason of `Reason`. Opens no socket and no file.
    """
    want.whole()
    return verify(raw, instance, want, now=now, recalled=recalled)


def verify(
    raw: bytes, instance: TrustInstance, want: Expectation, *, now: datetime, recalled: Recalled
) -> Attestation:
    """As `verify_strict`, where the caller may leave expectations open."""
    try:
        return _verify(raw, instance, want, now, recalled)
    except TrustError:
        raise
    except Exception as error:
        raise TrustError(Reason.UNEXPECTED, f"{type(error).__name__}: {str(error)[:300]}") from error


def _verify(
    raw: bytes, instance: TrustInstance, want: Expectation, now: datetime, recalled: Recalled
) -> Attestation:
    signed = verify_payload(raw, instance, now=now, judge=want.of_signer)
    statement = Statement.parse(signed.payload_type, signed.payload)
    if statement.predicate_type not in want.kinds:
        raise TrustError(Reason.PREDICATE_TYPE, f"a {statement.kind} is not what is asked for here")
    if want.model is not None and isinstance(statement.predicate, ModelSignature):
        statement.predicate.be_only(want.model)
    if not statement.names(want.artifact):
        named = ", ".join(f"{one.name} {one.digest.hex[:12]}…" for one in statement.subjects[:3])
        raise TrustError(
            Reason.SUBJECT_MISMATCH, f"the statement is about {named}, not about {want.artifact.hex[:12]}…"
        )
    if isinstance(statement.predicate, Provenance):
        check_provenance(statement.predicate, signed.signature.signer)
    attestation = Attestation(signed.signature, statement, Digest(hashlib.sha256(raw).hexdigest()))
    recalled(attestation)
    return attestation


def check_provenance(said: Provenance, signer: Signer) -> None:
    """Raise TrustError unless the statement names the source, commit and builder of its own certificate.

    The certificate is what an authority vouched for; the statement is what the build wrote. A stolen build
    step can write anything, and both are signed by the same key.
    """
    if signer.source is None or signer.commit is None or signer.builder is None:
        raise TrustError(
            Reason.CERTIFICATE_FIELDS, "the certificate names no source, commit and builder to compare with"
        )
    commits = said.commits_of(repository_of(signer.source))
    if not commits:
        raise TrustError(
            Reason.SOURCE_MISMATCH,
            f"the statement does not name {signer.source}, which the certificate names",
        )
    if commits != {signer.commit}:
        raise TrustError(
            Reason.COMMIT_MISMATCH,
            f"the statement names commit {', '.join(sorted(commits))}, the certificate {signer.commit}",
        )
    if said.builder != signer.builder:
        raise TrustError(
            Reason.BUILDER_MISMATCH,
            f"the statement names builder {said.builder}, the certificate {signer.builder}",
        )


@dataclass(frozen=True, slots=True)
class Required:
    """What an artifact must come with: its provenance, and a verification that passed against this policy."""

    policy: str | None = None
    policy_digest: str | None = None
    level: str | None = None


def verify_set(attestations: Iterable[Attestation], required: Required) -> Summary:
    """The newest verification among attestations of one artifact, when it is enough to run it.

    A failed verification is never treated as absent: per policy the newest one counts. Raises TrustError:
    `STATEMENT_MISSING`, `VERDICT_FAILED`, `POLICY_MISMATCH`.
    """
    listed = tuple(attestations)
    built = [one for one in listed if one.statement.predicate_type == provenance.TYPE]
    if not built:
        raise TrustError(Reason.STATEMENT_MISSING, "there is no build provenance")
    judged = [
        (one.signature.time, predicate)
        for one in listed
        if isinstance(predicate := one.statement.predicate, Summary)
        and (required.policy is None or predicate.policy.uri == required.policy)
    ]
    if not judged:
        raise TrustError(
            Reason.STATEMENT_MISSING,
            f"there is no {KINDS[summary.TYPE][1]} of {required.policy or 'any policy'}",
        )
    newest = max(time for time, _ in judged)
    found = [predicate for time, predicate in judged if time == newest]
    failed = next((one for one in found if not one.passed), None)
    verdict = failed or found[0]
    _judge(verdict, required)
    inputs = {one.sha256 for one in verdict.input_attestations or ()}
    if not inputs & {one.digest.hex for one in built}:
        raise TrustError(
            Reason.STATEMENT_MISSING, "the verification did not look at the provenance that is here"
        )
    return verdict


def _judge(verdict: Summary, required: Required) -> None:
    if not verdict.passed:
        raise TrustError(
            Reason.VERDICT_FAILED, f"the verification of {verdict.time_verified:%Y-%m-%d %H:%M} UTC failed"
        )
    wanted = required.policy_digest
    if wanted is not None and (verdict.policy.digest or {}).get("sha256") != wanted:
        raise TrustError(Reason.POLICY_MISMATCH, f"{verdict.policy.uri} was another text then")
    if required.level is not None and required.level not in verdict.verified_levels:
        raise TrustError(Reason.VERDICT_FAILED, f"the verification does not say {required.level}")


_ABSENT: Final = "nothing"


def _same(expected: str | None, found: str | None, what: str, reason: Reason) -> None:
    if expected is not None and expected != found:
        raise TrustError(reason, f"{what} is {found or _ABSENT}, not {expected}")

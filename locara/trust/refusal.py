"""Why trust was refused: one error, one closed list of reasons.

Every check of this package ends in a value or in a `TrustError`. There is no third way and no warning: what
could not be checked is refused. A reason is a stable word that scripts may test, with one sentence for a
person. Reasons of the *material* (what the machine checks with is missing, too old or not to be believed) end a
command with exit code 5, all others (what was checked is wrong) with 1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from locara.errors import LocaraError


class Reason(StrEnum):
    """The closed list. `words` says what the reason means without knowing how it was found."""

    words: str

    def __new__(cls, value: str, words: str) -> Reason:
        """A member whose value is the word, and which carries its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.words = words
        return member

    # What this machine checks with.
    MATERIAL_MISSING = "material_missing", "what this machine needs to check with is not there"
    MATERIAL_STALE = "material_stale", "what this machine checks with is too old to be believed"
    MATERIAL_UNTRUSTED = "material_untrusted", "what this machine checks with is malformed or was changed"

    MATERIAL_LOCKED = "material_locked", "the token that holds the keys does not open with this PIN"

    # The shape of a bundle.
    BUNDLE_MALFORMED = "bundle_malformed", "the attestation is not a Sigstore bundle that this version reads"
    BUNDLE_TOO_LARGE = "bundle_too_large", "the attestation is larger than any honest one"
    ENTRY_COUNT = "entry_count", "the attestation names no log entry, or more than one"
    ENTRY_KIND = "entry_kind", "the log entry is of a kind that this version does not check"
    PROOF_MISSING = "proof_missing", "the log entry comes without a proof that the log holds it"

    # Who signed, and when.
    TIME_MISSING = "time_missing", "no trusted clock says when the signature was made"
    TIME_INVALID = "time_invalid", "a timestamp in the attestation is not one, or not of this signature"
    CERTIFICATE_CHAIN = (
        "certificate_chain",
        "no authority of this instance issued the certificate at that time",
    )
    CERTIFICATE_TIME = "certificate_time", "the signature was made outside the certificate's life"
    CERTIFICATE_SCT = "certificate_sct", "the certificate was not logged when it was issued"
    CERTIFICATE_USAGE = "certificate_usage", "the certificate is not one for signing code"
    CERTIFICATE_FIELDS = "certificate_fields", "the certificate lacks or repeats a statement about the build"
    IDENTITY_MISMATCH = "identity_mismatch", "somebody else signed it"
    ISSUER_MISMATCH = "issuer_mismatch", "another service vouched for the signer"
    SIGNATURE_INVALID = "signature_invalid", "the signature does not belong to what was signed"
    AUTHORITY_RETIRED = "authority_retired", "the certificate authority had been retired when it signed"
    LOG_RETIRED = "log_retired", "the log's key had been retired when it signed"
    SIGNER_REVOKED = "signer_revoked", "the signer was revoked for the time of this signature"

    # The transparency log.
    ENTRY_MISMATCH = "entry_mismatch", "the log entry is about another signature"
    LOG_UNKNOWN = "log_unknown", "the entry is in a log that this instance does not have"
    PROMISE_INVALID = "promise_invalid", "the log's promise to hold the entry is not its own"
    PROOF_INVALID = "proof_invalid", "the proof does not show that the log holds the entry"
    CHECKPOINT_MALFORMED = "checkpoint_malformed", "the log's checkpoint cannot be read"
    CHECKPOINT_SIGNATURE = "checkpoint_signature", "the log did not sign this checkpoint"
    CHECKPOINT_ORIGIN = "checkpoint_origin", "the checkpoint is of another log"
    CHECKPOINT_SIZE = "checkpoint_size", "the checkpoint is about another size of the log than the proof"
    CHECKPOINT_ROOT = "checkpoint_root", "the checkpoint is about another content of the log than the proof"
    LOG_INDEX = "log_index", "the entry names another place in the log than its proof"
    LOG_FORK = "log_fork", "the log shows different histories"
    WITNESS_MISSING = "witness_missing", "too few witnesses have seen this state of the log"

    # What the statement says.
    PAYLOAD_TYPE = "payload_type", "the signed bytes are not an in-toto statement"
    STATEMENT_MALFORMED = "statement_malformed", "the statement cannot be read"
    PREDICATE_TYPE = "predicate_type", "the statement is of a kind that is not accepted here"
    PREDICATE_MALFORMED = "predicate_malformed", "the statement's content does not follow its type"
    SUBJECT_MISMATCH = "subject_mismatch", "the statement is about other files"
    SOURCE_MISMATCH = "source_mismatch", "it was built from another repository"
    COMMIT_MISMATCH = "commit_mismatch", "statement, certificate and manifest do not name the same commit"
    BUILDER_MISMATCH = "builder_mismatch", "it was built by another builder"
    POLICY_MISMATCH = "policy_mismatch", "it was verified against another policy"
    VERDICT_FAILED = "verdict_failed", "the newest verification of it failed"
    STATEMENT_MISSING = "statement_missing", "a statement that is required here is absent"
    EXPECTATION_MISSING = (
        "expectation_missing",
        "strict checking assumes nothing, and an expectation is missing",
    )

    # The bundle of an app.
    PACKAGE_MALFORMED = "package_malformed", "this is not the bundle of an app"
    PACKAGE_MISMATCH = "package_mismatch", "the bundle holds other files than the ones it lists"
    VERSION_OLDER = "version_older", "a newer version was installed, or this one with other files"

    # Anything that is not foreseen is refused, too.
    UNEXPECTED = "unexpected", "the check broke off, so nothing is believed"


MATERIAL: Final = frozenset(
    {
        Reason.MATERIAL_MISSING,
        Reason.MATERIAL_STALE,
        Reason.MATERIAL_UNTRUSTED,
        Reason.MATERIAL_LOCKED,
    }
)
"""Reasons that speak about the checking machine, not about what it checks: exit code 5."""


class TrustError(LocaraError):
    """Trust was refused; ``reason`` (also ``code``) is one of `Reason`, the message says what was seen."""

    code = Reason.UNEXPECTED.value

    def __init__(self, reason: Reason, message: str, *, fix: str | None = None) -> None:
        super().__init__(f"{message} [{reason.value}]", code=reason.value, fix=fix)
        self.reason = reason

    @property
    def of_material(self) -> bool:
        """True when what this machine checks with is at fault, false when what it checked is."""
        return self.reason in MATERIAL

    @property
    def exit_code(self) -> int:
        """What a command ends with: 5 for the material, 1 for what was checked."""
        return 5 if self.of_material else 1

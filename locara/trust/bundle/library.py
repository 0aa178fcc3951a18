"""The call into sigstore-python, and what its answers mean in our words.

The library has several families of errors and a few that come from below it. None is let through: whatever is
raised is a refusal. The texts are those of the pinned version; one that is not known is `UNEXPECTED`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from locara.trust.bundle.offline_import import load_verifier
from locara.trust.refusal import Reason, TrustError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify.verifier import Verifier

_BY_TEXT: Final = (
    ("not enough sources of verified time", Reason.TIME_MISSING),
    ("bundle must contain an inclusion promise or signed timestamp", Reason.TIME_MISSING),
    ("bundle must contain an inclusion promise", Reason.PROOF_MISSING),
    ("integrated time only supported", Reason.ENTRY_KIND),
    ("invalid timestamp response", Reason.TIME_INVALID),
    ("too many signed timestamp", Reason.TIME_INVALID),
    ("duplicate timestamp found", Reason.TIME_INVALID),
    ("no timestamp authorities have been provided", Reason.TIME_INVALID),
    ("failed to build timestamp certificate chain", Reason.CERTIFICATE_CHAIN),
    ("failed to verify sct", Reason.CERTIFICATE_SCT),
    ("key usage is not of type", Reason.CERTIFICATE_USAGE),
    ("extended usage does not contain", Reason.CERTIFICATE_USAGE),
    ("keyusage", Reason.CERTIFICATE_USAGE),
    ("extendedkeyusage", Reason.CERTIFICATE_USAGE),
    ("invalid signing cert: expired", Reason.CERTIFICATE_TIME),
    ("inclusion proof contains invalid root hash signature", Reason.CHECKPOINT_ROOT),
    ("inclusion proof contains invalid root hash", Reason.PROOF_INVALID),
    ("inclusion proof has wrong size", Reason.PROOF_INVALID),
    ("checkpoint: signature not found", Reason.CHECKPOINT_SIGNATURE),
    ("checkpoint: invalid signature", Reason.CHECKPOINT_SIGNATURE),
    ("malformed logcheckpoint", Reason.CHECKPOINT_MALFORMED),
    ("malformed note", Reason.CHECKPOINT_MALFORMED),
    ("note must contain one blank line", Reason.CHECKPOINT_MALFORMED),
    ("set: invalid inclusion promise", Reason.PROMISE_INVALID),
    ("dsse: invalid signature", Reason.SIGNATURE_INVALID),
    ("signature is invalid for input", Reason.SIGNATURE_INVALID),
    ("bundle message digest mismatch", Reason.SUBJECT_MISMATCH),
    ("log entry payload hash does not match", Reason.ENTRY_MISMATCH),
    ("log entry signatures do not match", Reason.ENTRY_MISMATCH),
    ("transparency log entry is inconsistent", Reason.ENTRY_MISMATCH),
    ("expected sha256 payload hash", Reason.ENTRY_MISMATCH),
    ("invalid dsse log entry", Reason.ENTRY_MISMATCH),
    ("cannot perform dsse verification", Reason.PAYLOAD_TYPE),
    ("unsupported dsse log entry type", Reason.ENTRY_KIND),
    ("expected log entry version", Reason.ENTRY_KIND),
    ("expected entry type hashedrekord", Reason.ENTRY_KIND),
    ("unsupported hashedrekord version", Reason.ENTRY_KIND),
    ("expected exactly one log entry", Reason.ENTRY_COUNT),
    ("entry must contain inclusion proof", Reason.PROOF_MISSING),
    ("expected checkpoint in inclusion proof", Reason.PROOF_MISSING),
    ("envelope must contain exactly one signature", Reason.BUNDLE_MALFORMED),
    ("envelope signature must be non-empty", Reason.BUNDLE_MALFORMED),
)


class Signers:
    """A policy of the library that is one function over the certificate, which raises TrustError."""

    def __init__(self, check: Callable[[Certificate], None]) -> None:
        self._check = check

    def verify(self, cert: Certificate) -> None:
        """Called by the library at its own place in the order of checks."""
        self._check(cert)


def load(raw: bytes) -> Bundle:
    """The bundle as the library reads it. Raises TrustError."""
    load_verifier()
    from sigstore.models import Bundle  # noqa: PLC0415 - the heaviest import of all

    try:
        return Bundle.from_json(raw)
    except Exception as error:
        raise refused(error, otherwise=Reason.BUNDLE_MALFORMED) from error


def statement(verifier: Verifier, bundle: Bundle, signers: Signers) -> tuple[str, bytes]:
    """Type and bytes of the signed payload of a bundle that verifies. Raises TrustError."""
    try:
        return verifier.verify_dsse(bundle, signers)
    except Exception as error:
        raise refused(error) from error


def artifact(verifier: Verifier, bundle: Bundle, signers: Signers, sha256: bytes) -> None:
    """Raise TrustError unless the bundle signs exactly the bytes with this SHA-256, and verifies."""
    from sigstore.hashes import Hashed  # noqa: PLC0415 - loaded with the verifier
    from sigstore_models.common.v1 import HashAlgorithm  # noqa: PLC0415

    try:
        verifier.verify_artifact(Hashed(algorithm=HashAlgorithm.SHA2_256, digest=sha256), bundle, signers)
    except Exception as error:
        raise refused(error) from error


def refused(error: Exception, *, otherwise: Reason = Reason.UNEXPECTED) -> TrustError:
    """The refusal that an error of the library is."""
    if isinstance(error, TrustError):
        return error
    text = " ".join(str(part) for part in error.args) or type(error).__name__
    low = text.lower()
    reason = next((reason for known, reason in _BY_TEXT if known in low), otherwise)
    return TrustError(reason, f"{text[:300]} ({type(error).__name__})")

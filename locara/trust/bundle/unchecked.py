"""Looking into a bundle without believing it: no cryptography, no trust, and no way to mistake one for the other."""

from __future__ import annotations

import base64
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from locara.core import strict_json
from locara.errors import ManifestError
from locara.records import dataclass
from locara.trust.bundle.certificate import Signer
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import read_model
from locara.trust.statement.statement import Statement

MAX_BUNDLE: Final = 8 << 20
"""Bytes of a bundle: a statement of the largest size in base64, and its proofs."""
_BAD: Final = Reason.BUNDLE_MALFORMED


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Envelope(_Part):
    payload: str
    payload_type: Annotated[str, Field(alias="payloadType")]


class _Certificate(_Part):
    raw_bytes: Annotated[str, Field(alias="rawBytes")]


class _Chain(_Part):
    certificates: Annotated[list[_Certificate], Field(min_length=1)]


class _Material(_Part):
    certificate: _Certificate | None = None
    chain: Annotated[_Chain | None, Field(alias="x509CertificateChain")] = None


class _Bundle(_Part):
    material: Annotated[_Material, Field(alias="verificationMaterial")]
    envelope: Annotated[_Envelope | None, Field(alias="dsseEnvelope")] = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a bundle says of itself. Nothing of it was checked."""

    signer: Signer
    statement: Statement


def claim_of(raw: bytes) -> Claim:
    """What a bundle claims. Raises TrustError when it cannot be read."""
    read = read_model(parse_bundle(raw), _Bundle, "attestation", _BAD)
    written = read.material.certificate or (read.material.chain and read.material.chain.certificates[0])
    if read.envelope is None or not written:
        raise TrustError(_BAD, "the attestation holds no statement with its certificate")
    try:
        payload = base64.b64decode(read.envelope.payload, validate=True)
        der = base64.b64decode(written.raw_bytes, validate=True)
    except ValueError as error:
        raise TrustError(_BAD, "the attestation is not written in base64") from error
    return Claim(_signer(der), Statement.parse(read.envelope.payload_type, payload))


def parse_bundle(raw: bytes) -> strict_json.JSON:
    """The one meaning of the bytes of a bundle. Raises TrustError."""
    if len(raw) > MAX_BUNDLE:
        raise TrustError(
            Reason.BUNDLE_TOO_LARGE,
            f"the attestation has {len(raw):,} bytes, at most {MAX_BUNDLE:,} are read",
        )
    try:
        return strict_json.parse(raw, max_bytes=MAX_BUNDLE, max_depth=32, source="attestation").value
    except ManifestError as error:
        raise TrustError(_BAD, str(error)) from error


def _signer(der: bytes) -> Signer:
    from cryptography import x509  # noqa: PLC0415 - heavy, and only needed here

    try:
        return Signer.of(x509.load_der_x509_certificate(der))
    except ValueError as error:
        raise TrustError(_BAD, "the certificate cannot be read") from error

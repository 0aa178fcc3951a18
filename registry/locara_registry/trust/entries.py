"""Entries of the transparency log about signatures, in the form of Rekor v2 (hashedrekord 0.0.2)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated, Any, Final

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from pydantic import BaseModel, ConfigDict, Field

from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import read_model

KIND: Final = {"kind": "hashedrekord", "version": "0.0.2"}
_Base64 = Annotated[str, Field(max_length=16_384, pattern=r"^[0-9A-Za-z+/]+={0,2}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Certificate(_Part):
    raw_bytes: Annotated[_Base64, Field(alias="rawBytes")]


class _Verifier(_Part):
    certificate: Annotated[_Certificate, Field(alias="x509Certificate")]
    key_details: Annotated[str, Field(alias="keyDetails", pattern=r"^PKIX_ECDSA_P256_SHA_256$")]


class _Signature(_Part):
    content: _Base64
    verifier: _Verifier


class _Hashed(_Part):
    digest: _Base64
    signature: _Signature


class _Request(_Part):
    hashed: Annotated[_Hashed, Field(alias="hashedRekordRequestV002")]


Issued = Callable[[x509.Certificate], bool]
"""True for a certificate that the authority of this instance issued."""


def body(request: dict[str, Any], issued: Issued) -> bytes:
    """The bytes to log for a client's request: the signature is checked, and the certificate is one of ours.

    A log that took anybody's certificates would be filled with anybody's entries. Raises TrustError.
    """
    asked = read_model(request, _Request, "log entry", Reason.STATEMENT_MALFORMED).hashed
    try:
        digest = base64.b64decode(asked.digest, validate=True)
        signature = base64.b64decode(asked.signature.content, validate=True)
        raw = base64.b64decode(asked.signature.verifier.certificate.raw_bytes, validate=True)
        certificate = x509.load_der_x509_certificate(raw)
        key = certificate.public_key()
    except ValueError as error:
        raise TrustError(Reason.STATEMENT_MALFORMED, "the request for a log entry cannot be read") from error
    if not issued(certificate):
        raise TrustError(Reason.CERTIFICATE_CHAIN, "the certificate is not one of this instance")
    if not isinstance(key, ec.EllipticCurvePublicKey) or len(digest) != hashes.SHA256.digest_size:
        raise TrustError(Reason.SIGNATURE_INVALID, "only ECDSA over a SHA-256 is logged")
    try:
        key.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    except InvalidSignature as error:
        raise TrustError(Reason.SIGNATURE_INVALID, "the signature is not one of this certificate") from error
    return write(asked.digest, asked.signature.model_dump(by_alias=True))


def write(digest: str, signature: dict[str, Any]) -> bytes:
    """The canonical entry (RFC 8785) over a digest in base64 and a signature with its verifier."""
    return rfc8785.dumps(
        {
            "apiVersion": KIND["version"],
            "kind": KIND["kind"],
            "spec": {
                "hashedRekordV002": {
                    "data": {"algorithm": "SHA2_256", "digest": digest},
                    "signature": signature,
                }
            },
        }
    )

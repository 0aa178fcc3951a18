"""Signing a statement in the process of the instance: the bundle that Sigstore's own client would make.

The private key lives for one bundle and is then forgotten, as Sigstore means it to be.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from locara.trust.statement.statement import PAYLOAD_TYPE
from locara_registry.trust.identity import Build, said
from locara_registry.trust.instance import Instance
from locara_registry.trust.keys import Algorithm, generate

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"


def sign_statement(
    instance: Instance, build: Build, payload: bytes, *, key: ec.EllipticCurvePrivateKey | None = None
) -> bytes:
    """The bundle over a statement's bytes, signed in the name of a build of our own CI.

    ``key`` is for test vectors; left out, a fresh one is made.
    """
    used = key if key is not None else generate(Algorithm.P256)
    if not isinstance(used, ec.EllipticCurvePrivateKey):
        raise TypeError("a leaf has a P-256 key")
    facts = said(build, instance.identity.url)
    leaf = instance.authority.issue(used.public_key(), build.builder, facts, instance.certificates.promise)
    moments = instance.authority.moments
    signature = moments.sign(used, pae(PAYLOAD_TYPE, payload))
    entry = instance.enter(log_request(leaf, hashlib.sha256(pae(PAYLOAD_TYPE, payload)).digest(), signature))
    return assemble(leaf, payload, signature, entry, [instance.timestamps.stamp(signature)])


def pae(kind: str, payload: bytes) -> bytes:
    """The bytes that a DSSE signature is over."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def log_request(leaf: x509.Certificate, digest: bytes, signature: bytes) -> dict[str, Any]:
    """The request to log a signature, as Rekor v2 takes it."""
    verifier = {
        "x509Certificate": {"rawBytes": _text(leaf.public_bytes(Encoding.DER))},
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
    }
    signed = {"content": _text(signature), "verifier": verifier}
    return {"hashedRekordRequestV002": {"digest": _text(digest), "signature": signed}}


def assemble(
    leaf: x509.Certificate, payload: bytes, signature: bytes, entry: dict[str, Any], stamps: list[bytes]
) -> bytes:
    """The bundle out of its parts."""
    value = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {
            "certificate": {"rawBytes": _text(leaf.public_bytes(Encoding.DER))},
            "tlogEntries": [entry],
            "timestampVerificationData": {
                "rfc3161Timestamps": [{"signedTimestamp": _text(one)} for one in stamps]
            },
        },
        "dsseEnvelope": {
            "payload": _text(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _text(signature)}],
        },
    }
    return (json.dumps(value, indent=1) + "\n").encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

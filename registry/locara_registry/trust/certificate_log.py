"""Signed certificate timestamps (RFC 6962): the promise that a certificate is in the log, kept before it is made.

A promise without a log would be a formality, so the certificate to be is written to the transparency log first,
durably, and only then the promise is signed. Whoever watches the log sees every certificate there is.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Final

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec

from locara.records import dataclass
from locara_registry.trust.keys import key_id
from locara_registry.trust.moments import Moments

KIND: Final = "precertificate"
_VERSION, _CERTIFICATE_TIMESTAMP, _PRECERT = 0, 0, 1
_SHA256, _ECDSA = 4, 3

Append = Callable[[bytes], int]
"""Writes one entry to the transparency log and returns its index when it is on the disk."""


@dataclass(frozen=True, slots=True)
class CertificateLog:
    """The key that promises, and the log that keeps."""

    key: ec.EllipticCurvePrivateKey
    append: Append
    moments: Moments

    def promise(self, issuer: bytes, certificate: bytes) -> bytes:
        """The list with one timestamp over a certificate that has none yet (its to-be-signed part as DER).

        Raises what the log raises; then there is no promise.
        """
        time = int(self.moments.second().timestamp()) * 1000
        self.append(entry(issuer, certificate, time))
        signed = (
            struct.pack("!BBQH", _VERSION, _CERTIFICATE_TIMESTAMP, time, _PRECERT)
            + issuer
            + len(certificate).to_bytes(3, "big")
            + certificate
            + b"\0\0"
        )
        signature = self.moments.sign(self.key, signed)
        body = (
            bytes([_VERSION])
            + key_id(self.key.public_key())
            + struct.pack("!QHBBH", time, 0, _SHA256, _ECDSA, len(signature))
            + signature
        )
        one = len(body).to_bytes(2, "big") + body
        return len(one).to_bytes(2, "big") + one


def entry(issuer: bytes, certificate: bytes, time: int) -> bytes:
    """What is logged about a certificate to be: its to-be-signed part, by whom, when (milliseconds)."""
    return rfc8785.dumps(
        {
            "apiVersion": "0.0.1",
            "kind": KIND,
            "spec": {
                "issuerKeyHash": base64.b64encode(issuer).decode(),
                "tbsCertificate": base64.b64encode(certificate).decode(),
                "timestamp": time,
            },
        }
    )

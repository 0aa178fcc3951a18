"""What clients get: Sigstore's trusted root and client configuration, and our trust instance around the first.

The two Sigstore documents are for any Sigstore client. Ours adds what they cannot say: whom the instance may vouch
for, which witnesses must have seen its log, and until when all this is good.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from locara.trust.bundle.instance import MEDIA_TYPE
from locara.trust.note_keys import ED25519, VerifierKey
from locara_registry.trust.keys import PublicKey, key_id, spki
from locara_registry.trust.record import Part, Record, Role

_ROOT: Final = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
_SIGNING: Final = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
_CONFIG: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


def trusted_root(record: Record) -> dict[str, Any]:
    """The trusted root: every part there is, with the time it was at work."""
    return {
        "mediaType": _ROOT,
        "tlogs": [_log(record, one) for one in record.of(Role.LOG)],
        "certificateAuthorities": [_chain(record, one, record.url) for one in record.of(Role.AUTHORITY)],
        "ctlogs": [_certificate_log(record, one) for one in record.of(Role.CERTIFICATE_LOG)],
        "timestampAuthorities": [
            _chain(record, one, f"{record.url}/timestamp") for one in record.of(Role.TIMESTAMPS)
        ],
    }


def client_config(record: Record) -> dict[str, Any]:
    """The `ClientTrustConfig` with which sigstore's own `SigningContext` signs against this instance."""

    def service(address: str, version: int, part: Part) -> dict[str, Any]:
        return {
            "url": address,
            "majorApiVersion": version,
            "validFor": {"start": _time(part.since)},
            "operator": record.name,
        }

    return {
        "mediaType": _CONFIG,
        "trustedRoot": trusted_root(record),
        "signingConfig": {
            "mediaType": _SIGNING,
            "caUrls": [service(record.url, 1, record.at_work(Role.AUTHORITY))],
            "oidcUrls": [service(record.issuer, 1, record.at_work(Role.IDENTITY))],
            "rekorTlogUrls": [service(record.url, 2, record.at_work(Role.LOG))],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [service(f"{record.url}/timestamp", 1, record.at_work(Role.TIMESTAMPS))],
            "tsaConfig": {"selector": "ANY"},
        },
    }


def trust_instance(record: Record, *, expires: datetime | None = None) -> bytes:
    """The file for `locara attest verify --trust-root` and for the TUF repository."""
    value = {
        "mediaType": MEDIA_TYPE,
        "name": record.name,
        "issuers": [record.issuer],
        "logPolicy": log_policy(record),
        "trustedRoot": trusted_root(record),
        **({} if expires is None else {"expires": _time(expires)}),
    }
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def log_policy(record: Record) -> str:
    """The logs and witnesses as a C2SP log policy."""
    lines = [f"log {VerifierKey(record.origin, ED25519, _raw(one))}" for one in record.of(Role.LOG)]
    names = [f"w{number}" for number in range(1, len(record.witnesses) + 1)]
    lines += [f"witness {name} {key}" for name, key in zip(names, record.witnesses, strict=True)]
    if record.quorum:
        lines.append(f"group needed {record.quorum} {' '.join(names)}")
    return "\n".join([*lines, f"quorum {'needed' if record.quorum else 'none'}", ""])


def _log(record: Record, part: Part) -> dict[str, Any]:
    key = VerifierKey(record.origin, ED25519, _raw(part))
    details = {
        "rawBytes": _text(spki(_public(part))),
        "keyDetails": "PKIX_ED25519",
        "validFor": _window(part),
    }
    return {
        "baseUrl": f"https://{record.origin}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": details,
        "logId": {"keyId": _text(key.digest)},
    }


def _certificate_log(record: Record, part: Part) -> dict[str, Any]:
    key = _public(part)
    details = {
        "rawBytes": _text(spki(key)),
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
        "validFor": _window(part),
    }
    return {
        "baseUrl": f"{record.url}/certificates",
        "hashAlgorithm": "SHA2_256",
        "publicKey": details,
        "logId": {"keyId": _text(key_id(key))},
    }


def _chain(record: Record, part: Part, address: str) -> dict[str, Any]:
    der = [x509.load_pem_x509_certificate(one.encode()).public_bytes(Encoding.DER) for one in part.chain]
    return {
        "subject": {"organization": record.name, "commonName": part.key},
        "uri": address,
        "certChain": {"certificates": [{"rawBytes": _text(one)} for one in der]},
        "validFor": _window(part),
    }


def _public(part: Part) -> PublicKey:
    key = load_pem_public_key(part.public.encode())
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise TypeError(f"{part.key} is a key of another kind")
    return key


def _raw(part: Part) -> bytes:
    key = _public(part)
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise TypeError(f"{part.key} is no Ed25519 key")
    return key.public_bytes_raw()


def _window(part: Part) -> dict[str, str]:
    end = {} if part.until is None else {"end": _time(part.until)}
    return {"start": _time(part.since), **end}


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

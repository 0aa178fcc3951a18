"""What a signing certificate says about the build that used it (the extensions of Fulcio, 1.3.6.1.4.1.57264.1)."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

ARC: Final = "1.3.6.1.4.1.57264.1"
# The newer extensions hold a DER string; numbers 1 to 6 are older spellings of some, as bare bytes.
NUMBERS: Final = {
    "issuer": 8,
    "builder": 9,
    "builder_digest": 10,
    "runner": 11,
    "source": 12,
    "commit": 13,
    "ref": 14,
    "source_id": 15,
    "owner": 16,
    "owner_id": 17,
    "config": 18,
    "config_digest": 19,
    "trigger": 20,
    "invocation": 21,
    "visibility": 22,
}
_OLD: Final = {"issuer": 1, "trigger": 2, "commit": 3, "ref": 6}


@dataclass(frozen=True, slots=True)
class Signer:
    """The statements of one certificate. A field that the certificate does not have is None.

    ``identity`` is its only subject alternative name; ``issuer`` the service that vouched for it; ``builder``
    the address of the build's own definition; ``source`` and ``commit`` what was built.
    """

    identity: str
    not_before: datetime
    not_after: datetime
    serial: str
    issuer: str | None = None
    builder: str | None = None
    builder_digest: str | None = None
    runner: str | None = None
    source: str | None = None
    commit: str | None = None
    ref: str | None = None
    source_id: str | None = None
    owner: str | None = None
    owner_id: str | None = None
    config: str | None = None
    config_digest: str | None = None
    trigger: str | None = None
    invocation: str | None = None
    visibility: str | None = None

    @classmethod
    def of(cls, certificate: Certificate) -> Signer:
        """Read a certificate. Raises TrustError `CERTIFICATE_FIELDS` when it says anything twice or unclearly."""
        try:
            return _read(certificate)
        except TrustError:
            raise
        except Exception as error:
            raise TrustError(
                Reason.CERTIFICATE_FIELDS, f"the certificate cannot be read: {type(error).__name__}"
            ) from error

    def facts(self) -> dict[str, str]:
        """Every field that is there, by name, in the order of this class."""
        return {
            one.name: value.isoformat() if isinstance(value, datetime) else str(value)
            for one in fields(self)
            if (value := getattr(self, one.name)) is not None
        }


def _read(certificate: Certificate) -> Signer:
    from cryptography import x509  # noqa: PLC0415 - heavy; loaded with the verifier
    from cryptography.hazmat import asn1  # noqa: PLC0415

    found: dict[int, bytes] = {}
    for extension in certificate.extensions:
        arc, _, number = extension.oid.dotted_string.rpartition(".")
        if arc == ARC and isinstance(extension.value, x509.UnrecognizedExtension):
            found[int(number)] = extension.value.value
    said = {name: asn1.decode_der(str, found[number]) for name, number in NUMBERS.items() if number in found}
    for name, number in _OLD.items():
        if number in found:
            old = found[number].decode("utf-8")
            # `ref` and `commit` may be absent in old certificates; where both spellings are, they agree.
            if said.setdefault(name, old) != old:
                raise TrustError(Reason.CERTIFICATE_FIELDS, f"the certificate names two values of {name}")
    names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier | x509.RFC822Name):
        raise TrustError(
            Reason.CERTIFICATE_FIELDS, "the certificate does not name exactly one address as its subject"
        )
    return Signer(
        identity=names[0].value,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        serial=f"{certificate.serial_number:x}",
        **said,
    )


def spki_of(certificate: Certificate) -> str:
    """The SHA-256 of the key of a certificate as DER, in hexadecimal digits."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - loaded with the verifier
        Encoding,
        PublicFormat,
    )

    der = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()

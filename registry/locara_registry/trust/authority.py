"""The certificate authority: a root that stays offline, an issuing authority, and leaves that live ten minutes.

A leaf is like one of Fulcio's: no subject, one address as its name, and the build's facts as extensions. Before it
is given out, the certificate log promises in writing to show it (RFC 6962).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from locara.records import dataclass
from locara.trust.bundle.certificate import ARC, NUMBERS
from locara_registry.trust.keys import PublicKey, key_id
from locara_registry.trust.moments import Moments, hash_of

LEAF_LIFE: Final = timedelta(minutes=10)
_SCT_LIST: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
# Spellings of before 2023, as bare bytes: some clients still read no other.
_OLD: Final = {1: "issuer", 2: "trigger", 3: "commit", 6: "ref"}

Promise = Callable[[bytes, bytes], bytes]
"""(key id of the issuer, certificate to be) -> list of signed certificate timestamps, as TLS writes it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A certificate and those above it, up to a root."""

    certificates: tuple[x509.Certificate, ...]

    @property
    def first(self) -> x509.Certificate:
        """The certificate itself."""
        return self.certificates[0]

    @property
    def der(self) -> tuple[bytes, ...]:
        """All of them as DER."""
        return tuple(one.public_bytes(Encoding.DER) for one in self.certificates)


def make_root(
    key: ec.EllipticCurvePrivateKey, organization: str, title: str, life: timedelta, moments: Moments
) -> x509.Certificate:
    """A root that signs itself."""
    name = _name(organization, title)
    start = moments.second()
    builder = _builder(name, name, key.public_key(), start=start, end=start + life, moments=moments)
    builder = builder.add_extension(x509.BasicConstraints(True, 1), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return builder.sign(key, hash_of(key), ecdsa_deterministic=moments.repeatable or None)


def make_below(
    root_key: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    public: ec.EllipticCurvePublicKey,
    *,
    title: str,
    life: timedelta,
    moments: Moments,
    timestamps: bool = False,
) -> Chain:
    """A certificate directly below a root: an issuing authority, or the signer of a timestamp service."""
    organization = root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    start = moments.second()
    end = min(start + life, root.not_valid_after_utc)
    builder = _builder(
        _name(str(organization), title), root.subject, public, start=start, end=end, moments=moments
    )
    purpose = ExtendedKeyUsageOID.TIME_STAMPING if timestamps else ExtendedKeyUsageOID.CODE_SIGNING
    limits = x509.BasicConstraints(False, None) if timestamps else x509.BasicConstraints(True, 0)
    usage = _usage(digital_signature=True) if timestamps else _usage(key_cert_sign=True, crl_sign=True)
    builder = builder.add_extension(limits, critical=True).add_extension(usage, critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=timestamps)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    builder = builder.add_extension(above, critical=False)
    made = builder.sign(root_key, hash_of(root_key), ecdsa_deterministic=moments.repeatable or None)
    return Chain((made, root))


@dataclass(frozen=True, slots=True)
class Authority:
    """An issuing authority at work."""

    key: ec.EllipticCurvePrivateKey
    chain: Chain
    moments: Moments

    def issue(
        self, public: PublicKey, identity: str, facts: dict[str, str], promise: Promise | None
    ) -> x509.Certificate:
        """A leaf for that key. ``facts`` by the names of `Signer`'s fields.

        The timestamp of the certificate log is over exactly the certificate without its own list, so the list
        goes in last. Without ``promise`` there is none, and no client believes the leaf.
        """
        start = self.moments.second()
        builder = _builder(
            x509.Name([]),
            self.chain.first.subject,
            public,
            start=start,
            end=start + LEAF_LIFE,
            moments=self.moments,
        )
        for value, critical in self._extensions(public, identity, facts):
            builder = builder.add_extension(value, critical=critical)
        made = self._sign(builder)
        if promise is None:
            return made
        listed = promise(key_id(self.key.public_key()), made.tbs_certificate_bytes)
        extension = x509.UnrecognizedExtension(_SCT_LIST, core.OctetString(listed).dump())
        return self._sign(builder.add_extension(extension, critical=False))

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self.key, hash_of(self.key), ecdsa_deterministic=self.moments.repeatable or None)

    def _extensions(
        self, public: PublicKey, identity: str, facts: dict[str, str]
    ) -> list[tuple[x509.ExtensionType, bool]]:
        name: x509.GeneralName = (
            x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)
        )
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        fixed: list[tuple[x509.ExtensionType, bool]] = [
            (_usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (above, False),
            (x509.SubjectAlternativeName([name]), True),
        ]
        old = [(number, facts[name].encode()) for number, name in _OLD.items() if name in facts]
        new = [
            (number, core.UTF8String(facts[name]).dump()) for name, number in NUMBERS.items() if name in facts
        ]
        return fixed + [
            (x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{ARC}.{number}"), value), False)
            for number, value in old + new
        ]


def _name(organization: str, title: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, title),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: PublicKey,
    *,
    start: datetime,
    end: datetime,
    moments: Moments,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(moments.serial())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )

"""Who signed: the signature over the code directories, and the names in its certificate.

The certificate is not followed to an authority: which one Apple recognises only Apple's own tools can say, on a Mac.
"""

from __future__ import annotations

import hashlib
import plistlib
from typing import Any, Final

from locara_verify.codesign.blobs import Directory, Signature
from locara_verify.codesign.macho import MalformedError

_CDHASHES: Final = "1.2.840.113635.100.9.1"
_CDHASH_VALUES: Final = "1.2.840.113635.100.9.2"
_OIDS: Final = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
}
_LONGEST: Final = 20
"""So many bytes of a directory's digest name a program."""


def signer(one: Signature) -> str:
    """The name in the certificate of who signed all of the directories. Raises MalformedError when it does not hold."""
    from asn1crypto import cms  # noqa: PLC0415 - only bundles of macOS need it

    try:
        told = cms.ContentInfo.load(one.cms, strict=True)
        if told["content_type"].native != "signed_data":
            raise MalformedError("who signed it is not said in signed data")
        data = told["content"]
        (info,) = data["signer_infos"]
        (certificate,) = [
            each.chosen for each in data["certificates"] if _is_of(each.chosen, info["sid"].chosen)
        ]
        _attributes(info, one.directories)
        _holds(info, certificate)
    except MalformedError:
        raise
    except Exception as error:
        raise MalformedError(f"who signed it cannot be read: {type(error).__name__}") from error
    return str(certificate.subject.native.get("common_name", ""))[:200]


def _is_of(certificate: Any, sid: Any) -> bool:  # noqa: ANN401 - of asn1crypto, which has no types
    return bool(
        certificate.issuer == sid["issuer"] and certificate.serial_number == sid["serial_number"].native
    )


def _attributes(info: Any, directories: tuple[Directory, ...]) -> None:  # noqa: ANN401 - as above
    """What is signed names the main directory by its digest, and each of the others as well."""
    found = {each["type"].native: each["values"] for each in info["signed_attrs"]}
    if len(found) != len(info["signed_attrs"]):
        raise MalformedError("its signer says one thing twice")
    algorithm = info["digest_algorithm"]["algorithm"].native
    (digest,) = found["message_digest"].native
    if digest != hashlib.new(algorithm, directories[0].raw).digest():
        raise MalformedError("its signer signed another code directory")
    listed = _listed(found)
    if listed is None and len(directories) > 1:
        raise MalformedError("its signer signed one of its code directories alone")
    if listed is not None and listed != [each.digest[:_LONGEST] for each in directories]:
        raise MalformedError("its signer names other code directories")
    if _CDHASH_VALUES in found:
        named = [tuple(each.native.values()) for each in found[_CDHASH_VALUES]]
        if sorted(named) != sorted((_OIDS[each.algorithm], each.digest) for each in directories):
            raise MalformedError("its signer names other code directories by their whole digests")


def _listed(found: dict[str, Any]) -> list[bytes] | None:
    if _CDHASHES not in found:
        return None
    (raw,) = found[_CDHASHES]
    told = plistlib.loads(raw.native)
    return [bytes(each) for each in told["cdhashes"]]


def _holds(info: Any, certificate: Any) -> None:  # noqa: ANN401 - as above
    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa  # noqa: PLC0415

    key = x509.load_der_x509_certificate(certificate.dump()).public_key()
    kind = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    algorithm = kind.get(info["digest_algorithm"]["algorithm"].native)
    if algorithm is None:
        raise MalformedError("its signer used a weak digest")
    # What is signed are the attributes as a set, and they are sent with another tag.
    signed, given = b"\x31" + info["signed_attrs"].dump()[1:], info["signature"].native
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(given, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(given, signed, ec.ECDSA(algorithm))
        else:
            raise MalformedError("its signer has a key of a kind that is not known")
    except InvalidSignature as error:
        raise MalformedError("its signer did not sign that") from error

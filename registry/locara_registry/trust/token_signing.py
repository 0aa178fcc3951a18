"""Keys of a token as the private key classes of `cryptography`, so that whoever signs does not know the difference."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, NoReturn, TypeAlias

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_ec_public_key

from locara.trust.refusal import Reason, TrustError
from locara_registry.trust.keys import PrivateKey

Borrow: TypeAlias = Callable[[], AbstractContextManager[pkcs11.Session]]
"""The token's session, for as long as one thread needs it; errors of the token in it become TrustErrors."""

_ED25519_BYTES: Final = 32


def opened(session: pkcs11.Session, name: str, borrow: Borrow) -> PrivateKey:
    """The key with that label. Raises TrustError `MATERIAL_UNTRUSTED` for one that could leave the token or is of
    a kind that is not used here, and what the token raises."""
    private = _one(session, ObjectClass.PRIVATE_KEY, name)
    public = _one(session, ObjectClass.PUBLIC_KEY, name)
    if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"the key {name} could be taken out of its token")
    if private.key_type is KeyType.EC_EDWARDS:
        point = bytes(public[Attribute.EC_POINT])[-_ED25519_BYTES:]
        return TokenEd25519Key(ed25519.Ed25519PublicKey.from_public_bytes(point), name, borrow)
    if private.key_type is KeyType.EC:
        read = load_der_public_key(encode_ec_public_key(public))
        if isinstance(read, ec.EllipticCurvePublicKey):
            return TokenCurveKey(read, name, borrow)
    raise TrustError(Reason.MATERIAL_UNTRUSTED, f"the key {name} of the token is of another kind")


class TokenCurveKey(ec.EllipticCurvePrivateKey):
    """An ECDSA key in a token. The hash is made here; the token sees a digest."""

    def __init__(self, public: ec.EllipticCurvePublicKey, name: str, borrow: Borrow) -> None:
        self._public, self._name, self._borrow = public, name, borrow

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve of the public half."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits of the curve."""
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._public

    def sign(
        self, data: bytes | bytearray | memoryview, signature_algorithm: ec.EllipticCurveSignatureAlgorithm
    ) -> bytes:
        """The signature as DER. Raises TrustError of the token, and ValueError for a signature that a token
        cannot make, such as a deterministic one."""
        how = signature_algorithm
        if not isinstance(how, ec.ECDSA) or how.deterministic_signing:
            raise ValueError("a token makes plain ECDSA signatures only")
        digest = (
            bytes(data)
            if isinstance(how.algorithm, utils.Prehashed)
            else hashlib.new(how.algorithm.name, data).digest()
        )
        raw = _signed(self._borrow, self._name, digest, Mechanism.ECDSA)
        half = len(raw) // 2
        return utils.encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        """Not done: keys here sign."""
        _refuse(self._name)

    def private_numbers(self) -> NoReturn:
        """Refused: the key does not leave its token."""
        _refuse(self._name)

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        """Refused: the key does not leave its token."""
        _refuse(self._name)

    def __copy__(self) -> TokenCurveKey:
        return self

    def __deepcopy__(self, memo: object) -> TokenCurveKey:
        return self


class TokenEd25519Key(ed25519.Ed25519PrivateKey):
    """An Ed25519 key in a token."""

    def __init__(self, public: ed25519.Ed25519PublicKey, name: str, borrow: Borrow) -> None:
        self._public, self._name, self._borrow = public, name, borrow

    def public_key(self) -> ed25519.Ed25519PublicKey:
        """The public half."""
        return self._public

    def sign(self, data: bytes | bytearray | memoryview) -> bytes:
        """The 64 bytes of the signature. Raises TrustError of the token."""
        return _signed(self._borrow, self._name, bytes(data), Mechanism.EDDSA)

    def private_bytes_raw(self) -> NoReturn:
        """Refused: the key does not leave its token."""
        _refuse(self._name)

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        """Refused: the key does not leave its token."""
        _refuse(self._name)

    def __copy__(self) -> TokenEd25519Key:
        return self

    def __deepcopy__(self, memo: object) -> TokenEd25519Key:
        return self


def _signed(borrow: Borrow, name: str, data: bytes, how: Mechanism) -> bytes:
    with borrow() as session:
        key = _one(session, ObjectClass.PRIVATE_KEY, name)
        return bytes(key.sign(data, mechanism=how))


def _one(session: pkcs11.Session, kind: ObjectClass, name: str) -> Any:  # noqa: ANN401 - the binding says no more
    """The only object of that kind and label. The search is read to its end: one left open blocks the next."""
    found = list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: name}))
    if len(found) > 1:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"the key {name} is in its token twice")
    if not found:
        raise TrustError(Reason.MATERIAL_MISSING, f"the token lacks a half of the key {name}")
    return found[0]


def _refuse(name: str) -> NoReturn:
    raise TrustError(Reason.MATERIAL_UNTRUSTED, f"the key {name} signs in its token and does nothing else")

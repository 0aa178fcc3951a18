"""Signing keys: how they are named, made and opened, wherever they are kept.

A key is used through the abstract private key classes of `cryptography`, so a key in a file and a key in a
hardware module are the same thing to those who sign. Two stores exist: `FileKeys` (`key_files.py`) and
`TokenKeys` (`key_tokens.py`, PKCS#11).
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")


class Algorithm(StrEnum):
    """The kinds of keys this version makes."""

    P256 = "ecdsa-p256"
    P384 = "ecdsa-p384"
    ED25519 = "ed25519"


class Keys(Protocol):
    """A place where private keys are kept. Names are lower case words such as ``log-1``."""

    def create(self, name: str, algorithm: Algorithm) -> PrivateKey:
        """Make a key. Raises FileExistsError when the name is taken: a key is never overwritten."""

    def open(self, name: str) -> PrivateKey:
        """The key of that name. Raises TrustError of the material when it is missing or not to be trusted."""

    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""

    def destroy(self, name: str) -> None:
        """Remove a key for good; nothing when there is none."""

    def where(self, name: str) -> str:
        """Where the key is or would be, in words."""


def generate(algorithm: Algorithm) -> PrivateKey:
    """A fresh private key in memory."""
    match algorithm:
        case Algorithm.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case Algorithm.P384:
            return ec.generate_private_key(ec.SECP384R1())
        case Algorithm.ED25519:
            return ed25519.Ed25519PrivateKey.generate()


def spki(key: PublicKey) -> bytes:
    """The public key as DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_pem(key: PrivateKey) -> str:
    """The public half as PEM, as records hold it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(key: PublicKey) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo: what SCTs and trusted roots call the key."""
    return hashlib.sha256(spki(key)).digest()


def is_name(name: str) -> bool:
    """True for what can name a key."""
    return _NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """The name, or ValueError when it is none (and could be a path)."""
    if not is_name(name):
        raise ValueError(f"{name!r} is not a name of a key")
    return name

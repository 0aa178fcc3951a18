"""Keys of signed notes: how they are written, what their ids are, and Ed25519 over the right bytes.

A verifier key is written `NAME+ID+BASE64` (C2SP vkey): the id is 8 hexadecimal digits, the base64 holds one
byte for the kind of signature and the 32 bytes of the public key. The kind is part of the id, so one kind of
signature can never pass for another.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import field
from typing import TYPE_CHECKING, Final, Protocol

from locara.records import dataclass
from locara.trust.log_refusal import LogRefused
from locara.trust.log_text import read_base64, write_base64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519: Final = 0x01  # signs the text of the note
COSIGNATURE: Final = 0x04  # a witness: signs a time and the text
KINDS: Final = {ED25519: "a log's key", COSIGNATURE: "a witness's key"}
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_ID: Final = re.compile(r"[0-9a-f]{8}\Z")
_SECRET: Final = "PRIVATE+KEY+"  # noqa: S105 - what such a key begins with


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name, for one kind of signature (`ED25519` or `COSIGNATURE`)."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.kind not in KINDS or len(self.public) != _KEY_BYTES:
            raise LogRefused("only Ed25519 keys of logs and witnesses are known", code="key_malformed")

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key written as a vkey. Raises LogRefused `key_malformed`."""
        name, kind, public = _parse(text)
        return cls(name, kind, public)

    @property
    def digest(self) -> bytes:
        """SHA-256 of name, newline, kind and public key; its first four bytes are the key id."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before each signature of this key."""
        return self.digest[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{write_base64(bytes([self.kind]) + self.public)}"

    def verify(self, signature: bytes, message: bytes) -> bool:
        """True when these 64 bytes are this key's signature of the message."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy, and only needed here
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        if len(signature) != _SIGNATURE_BYTES:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer(Protocol):
    """Whoever can sign notes under a name: a key in memory, or one in a hardware module."""

    @property
    def name(self) -> str:
        """The name that stands in the signature line."""

    @property
    def kind(self) -> int:
        """`ED25519` or `COSIGNATURE`."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature of exactly this message."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """An Ed25519 key that somebody else keeps, under a name and for one kind of signature."""

    name: str
    kind: int
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature of exactly this message."""
        return self.private.sign(message)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name and kind. Its text is the secret itself; its repr is not."""

    name: str
    kind: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.kind not in KINDS or len(self.secret) != _KEY_BYTES:
            raise LogRefused("only Ed25519 keys of logs and witnesses are known", code="key_malformed")

    @classmethod
    def generate(cls, name: str, kind: int) -> SigningKey:
        """A new key from the system's randomness."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )

        return cls(name, kind, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """The key written as `PRIVATE+KEY+NAME+ID+BASE64`. Raises LogRefused `key_malformed`, and no message
        holds a part of it."""
        if not text.startswith(_SECRET):
            raise LogRefused("this is not a private key of a note", code="key_malformed")
        try:
            name, _, rest = text[len(_SECRET) :].partition("+")
            key_id, _, encoded = rest.partition("+")
            raw = read_base64(encoded, "the private key", code="key_malformed")
            key = cls(name, raw[0] if raw else 0, raw[1:])
        except LogRefused:
            raise LogRefused("the private key of a note is damaged", code="key_malformed") from None
        if key.verifier.key_id.hex() != key_id:
            raise LogRefused("the private key does not have the id it says", code="key_malformed")
        return key

    @property
    def text(self) -> str:
        """The private key as `parse` reads it."""
        encoded = write_base64(bytes([self.kind]) + self.secret)
        return f"{_SECRET}{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.kind, self._private.public_key().public_bytes_raw())

    @property
    def _private(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )

        return Ed25519PrivateKey.from_private_bytes(self.secret)

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature of exactly this message."""
        return self._private.sign(message)


def check_name(name: str) -> None:
    """Raises LogRefused `key_malformed` for a name that no note can carry."""
    bad = not name or "+" in name or any(char.isspace() or char < " " or char == "\x7f" for char in name)
    try:
        name.encode()
    except UnicodeEncodeError:
        bad = True
    if bad or len(name) > 255:
        raise LogRefused(
            f"{name[:60]!r} is not the name of a key: no space, no plus, at most 255 characters",
            code="key_malformed",
        )


def _parse(text: str) -> tuple[str, int, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3 or not _ID.match(parts[1]):
        raise LogRefused(
            f"{text[:60]!r} is not a verifier key", code="key_malformed", fix="write it as NAME+ID+BASE64"
        )
    name, key_id, encoded = parts
    raw = read_base64(encoded, "the verifier key", code="key_malformed")
    if len(raw) != 1 + _KEY_BYTES:
        raise LogRefused("the verifier key is not an Ed25519 key", code="key_malformed")
    key = VerifierKey(name, raw[0], raw[1:])
    if key.key_id.hex() != key_id:
        raise LogRefused(f"the verifier key does not have the id {key_id}", code="key_malformed")
    return name, raw[0], raw[1:]

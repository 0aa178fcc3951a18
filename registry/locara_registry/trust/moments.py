"""Where an instance gets its time and its random numbers from: the system, except in test vectors."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from locara.records import dataclass
from locara_registry.trust.keys import PrivateKey


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Moments:
    """A clock and a source of random bytes. ``repeatable``: equal inputs give equal signatures (RFC 6979).

    A repeatable instance is for test vectors: who can predict its serial numbers can predict its certificates.
    """

    now: Callable[[], datetime] = _now
    random: Callable[[int], bytes] = secrets.token_bytes
    repeatable: bool = False

    def serial(self) -> int:
        """A serial number of 127 random bits, never 0."""
        return int.from_bytes(self.random(16), "big") >> 1 or 1

    def second(self) -> datetime:
        """The time, in whole seconds: certificates hold no more."""
        return self.now().replace(microsecond=0)

    def sign(self, key: PrivateKey, message: bytes) -> bytes:
        """The signature of a message: Ed25519, or ECDSA with the hash that belongs to the curve."""
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(message)
        how = ec.ECDSA(hash_of(key), deterministic_signing=self.repeatable)
        return key.sign(message, how)


SYSTEM = Moments()
"""The time of this machine, and its randomness."""


def hash_of(key: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """SHA-384 for P-384, SHA-256 for P-256."""
    return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()

"""Transparency logs as RFC 6962 and the C2SP texts define them, without the product's code.

The tree is hashed by the recursive definition, proofs are the recursive definitions of section 2.1, and notes
are put together line by line. Slow and plain on purpose: a shared clever trick would be a shared mistake.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from locara.records import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DASH = "\u2014"


def leaf(entry: bytes) -> bytes:
    """Hash of one entry."""
    return hashlib.sha256(bytes([0]) + entry).digest()


def tree_hash(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1."""
    if len(entries) == 0:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return leaf(entries[0])
    k = split(len(entries))
    return hashlib.sha256(bytes([1]) + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def audit_path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of section 2.1.1."""
    n = len(entries)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*audit_path(m, entries[:k]), tree_hash(entries[k:])]
    return [*audit_path(m - k, entries[k:]), tree_hash(entries[:k])]


def consistency(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D[n]) of section 2.1.2; for m = 0 the empty proof, as the C2SP witness protocol has it."""
    return _sub_proof(m, entries, whole=True) if m else []


def _sub_proof(m: int, entries: Sequence[bytes], *, whole: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if whole else [tree_hash(entries)]
    k = split(n)
    if m <= k:
        return [*_sub_proof(m, entries[:k], whole=whole), tree_hash(entries[k:])]
    return [*_sub_proof(m - k, entries[k:], whole=False), tree_hash(entries[:k])]


def path_length(m: int, n: int) -> int:
    """How many hashes PATH(m, D[n]) has."""
    if n == 1:
        return 0
    k = split(n)
    return 1 + (path_length(m, k) if m < k else path_length(m - k, n - k))


def proof_length(m: int, n: int) -> int:
    """How many hashes PROOF(m, D[n]) has; for m = 0 none."""
    return _sub_proof_length(m, n, whole=True) if m else 0


def _sub_proof_length(m: int, n: int, *, whole: bool) -> int:
    if m == n:
        return 0 if whole else 1
    k = split(n)
    rest = _sub_proof_length(m, k, whole=whole) if m <= k else _sub_proof_length(m - k, n - k, whole=False)
    return 1 + rest


def tile(entries: Sequence[bytes], level: int, n: int) -> bytes:
    """The tile of a level and number, as the formula of C2SP tlog-tiles says; empty when there is none."""
    span = 256**level
    hashes = []
    for i in range(256):
        low, high = (n * 256 + i) * span, (n * 256 + i + 1) * span
        if high > len(entries):
            break
        hashes.append(tree_hash(entries[low:high]))
    return b"".join(hashes)


def bundle(entries: Sequence[bytes], n: int) -> bytes:
    """The entry bundle of a number."""
    out = b""
    for entry in entries[n * 256 : n * 256 + 256]:
        out += bytes([len(entry) // 256, len(entry) % 256]) + entry
    return out


@dataclass(frozen=True, slots=True)
class Key:
    """An Ed25519 key under a name; `kind` 1 signs notes, 4 cosigns."""

    name: str
    kind: int
    secret: Ed25519PrivateKey

    @classmethod
    def of(cls, name: str, kind: int, seed: int) -> Key:
        """A key that depends on its number alone."""
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - only log checks need it

        raw = hashlib.sha256(f"locara test key {kind} {seed}".encode()).digest()
        return cls(name, kind, ed25519.Ed25519PrivateKey.from_private_bytes(raw))

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.secret.public_key().public_bytes_raw()

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, kind, public key)."""
        return hashlib.sha256(self.name.encode() + bytes([10, self.kind]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as a verifier is given it."""
        return f"{self.name}+{self.key_id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    def line(self, text: str, time: int | None = None, *, said: int | None = None) -> str:
        """The signature line under a text. Witnesses sign a time; `said` is one they write but did not sign."""
        if self.kind == 1:
            return line(self.name, self.key_id + self.secret.sign(text.encode()))
        signed = f"cosignature/v1\ntime {time or 0}\n{text}".encode()
        stated = time or 0 if said is None else said
        return line(self.name, self.key_id + stated.to_bytes(8, "big") + self.secret.sign(signed))


def b64(raw: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(raw).decode()


def line(name: str, value: bytes) -> str:
    """A signature line with any bytes in it."""
    return f"{DASH} {name} {b64(value)}\n"


def checkpoint_text(origin: str, entries: Sequence[bytes]) -> str:
    """The signed text of a checkpoint of these entries."""
    return f"{origin}\n{len(entries)}\n{b64(tree_hash(entries))}\n"


def note(text: str, *lines: str) -> bytes:
    """A note of a text and signature lines."""
    return (text + "\n" + "".join(lines)).encode()


def proof_file(index: int, hashes: Sequence[bytes], checkpoint: bytes) -> bytes:
    """A C2SP tlog-proof file."""
    head = ["c2sp.org/tlog-proof@v1", f"index {index}", *map(b64, hashes), "", ""]
    return "\n".join(head).encode() + checkpoint

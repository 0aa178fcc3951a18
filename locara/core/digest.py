"""Content addresses: the SHA-256 of some bytes, as a value."""

from __future__ import annotations

import hashlib
import re

from locara.records import dataclass

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Digest:
    """A SHA-256 digest. ``hex`` is always 64 lower-case hex digits; anything else raises ``ValueError``."""

    hex: str

    def __post_init__(self) -> None:
        if not isinstance(self.hex, str) or _HEX.fullmatch(self.hex) is None:
            raise ValueError("a digest is 64 lower-case hexadecimal digits")

    @classmethod
    def parse(cls, text: str) -> Digest:
        """The digest written as ``sha256:<64 lower-case hex digits>``; ``ValueError`` for any other text."""
        if not isinstance(text, str) or not text.startswith("sha256:"):
            raise ValueError("a digest is written sha256:<64 lower-case hexadecimal digits>")
        return cls(text[7:])

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """The digest of these bytes."""
        return cls(hashlib.sha256(data).hexdigest())

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

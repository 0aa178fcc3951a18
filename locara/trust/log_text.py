"""The two encodings that log formats share, read strictly: one value has one spelling."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import MAX_SIZE

_NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z", re.ASCII)


def read_number(text: str, what: str, *, code: str) -> int:
    """A decimal number from 0 to 2^63 - 1 with no sign, space or leading zero. Raises LogRefused."""
    if not _NUMBER.match(text) or int(text) > MAX_SIZE:
        raise LogRefused(f"{what} is not a plain decimal number: {text[:40]!r}", code=code)
    return int(text)


def read_base64(text: str, what: str, *, code: str) -> bytes:
    """The bytes of standard base64 with padding, in the one spelling they have. Raises LogRefused."""
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise LogRefused(f"{what} is not base64: {text[:60]!r}", code=code) from error
    if base64.b64encode(value).decode("ascii") != text:
        raise LogRefused(f"{what} is not in the canonical form of base64: {text[:60]!r}", code=code)
    return value


def write_base64(value: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(value).decode("ascii")

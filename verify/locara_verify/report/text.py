"""Text that came from an app or from hostile input, made safe to show in a terminal, a log or XML."""

from __future__ import annotations

import unicodedata
from typing import Final

_KEPT: Final = frozenset("\n\t")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str, *, limit: int = 2_000) -> str:
    """``text`` with control, bidi, invisible and unassigned characters as escapes, cut at ``limit``."""
    shown = "".join(_escape(character) for character in text[: limit + 1])
    return shown if len(text) <= limit else f"{shown[:limit]}…"


def one_line(text: str, *, limit: int = 400) -> str:
    """``visible`` text on a single line."""
    return visible(" ".join(text.split()), limit=limit)


def _escape(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

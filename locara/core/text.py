"""Text that a person will read: what a manifest may put on a consent screen.

One rule for every free-text field. Refused are control characters, every format character (bidirectional
controls, zero-width characters, tags), line and paragraph separators, private-use and unassigned characters,
characters that are drawn as nothing (fillers, variation selectors), more than four combining marks in a row,
and white space at either end. `escape` makes any other string printable.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_SCOPE: Final = 2_000
"""No host pattern with all the ports that a manifest can name is longer, so none is cut where a person decides."""

_BAD_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters, marks and symbols that most fonts draw as nothing at all.
_INVISIBLE: Final = r"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
_INVISIBLE_CHARACTERS = re.compile(f"[{_INVISIBLE}\U000e0100-\U000e01ef]")
_PRINTABLE_ASCII = re.compile(r"[ -~]*")

# The part of the rule that every regular expression dialect understands; the published schema carries it.
FORBIDDEN_CLASS: Final = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    + _INVISIBLE
)
ONE_LINE_PATTERN: Final = rf"^[^{FORBIDDEN_CLASS}]*$"
MANY_LINES_PATTERN: Final = rf"^(?:[^{FORBIDDEN_CLASS}]|[\n\t])*$"


def fault(text: str, *, lines: bool = False) -> str | None:
    """Why this text may not be shown, ``None`` when it may. With ``lines`` newline and tab are welcome."""
    if text != text.strip() or not text:
        return "it is empty or has white space at an end"
    if _PRINTABLE_ASCII.fullmatch(text):
        return None
    marks = 0
    for character in text:
        if lines and character in "\n\t":
            marks = 0
            continue
        category = unicodedata.category(character)
        if category in _BAD_CATEGORIES or _INVISIBLE_CHARACTERS.match(character):
            return f"it holds U+{ord(character):04X}, which is not shown as it is"
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks > 4:
            return "it piles up combining marks"
    return None


def escape(text: str, limit: int = 200) -> str:
    """``text``, each character that may not be shown as ``\\u{hex}``, at most ``limit`` characters."""
    shown = "".join(
        f"\\u{{{ord(character):x}}}"
        if unicodedata.category(character) in _BAD_CATEGORIES or _INVISIBLE_CHARACTERS.match(character)
        else character
        for character in text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"

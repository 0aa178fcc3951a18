r"""The portable path: one lexical rule for every path in a manifest and in a file request.

A portable path is relative, POSIX style and means the same file on every platform:

- 1 to 16 components between single slashes, at most 255 bytes of UTF-8 in all;
- no component is empty, ``.`` or ``..``, or ends in a dot or a space (Windows drops those);
- no backslash, no colon (drive letters, alternate streams), no control or bidirectional control character,
  no line or paragraph separator, no lone surrogate;
- no component is a Windows device name (CON, NUL, COM1 …), also not with an extension or in another case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

MAX_BYTES: Final = 255
MAX_COMPONENTS: Final = 16

# What may stand in no component, as the inside of a character class (also used by the published schema).
FORBIDDEN: Final = r"/\\:\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_DEVICE: Final = (
    r"(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]"
    r"|[cC][oO][mM][0-9\u00b9\u00b2\u00b3]|[lL][pP][tT][0-9\u00b9\u00b2\u00b3]"
    r"|[cC][oO][nN][iI][nN]\$|[cC][oO][nN][oO][uU][tT]\$)"
)
# A component: not a device name (alone, or before spaces and a dot), last character neither dot nor space.
COMPONENT: Final = rf"(?!{_DEVICE} *(?:\.|/|$))[^{FORBIDDEN}]*[^{FORBIDDEN} .]"
PATTERN: Final = rf"^{COMPONENT}(?:/{COMPONENT}){{0,{MAX_COMPONENTS - 1}}}$"

_PORTABLE = re.compile(PATTERN[:-1] + r"\Z")


@lru_cache(maxsize=2048)
def _matches(path: str) -> bool:
    if _PORTABLE.match(path) is None:
        return False
    try:
        return len(path.encode()) <= MAX_BYTES
    except UnicodeEncodeError:  # a lone surrogate has no bytes
        return False


def is_portable(path: str) -> bool:
    """Whether ``path`` is a portable path. Total: any string has an answer."""
    return len(path) <= MAX_BYTES and _matches(path)

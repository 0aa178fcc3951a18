"""Linear-time versions of SQLite's text functions whose cost is the product of two lengths.

SQLite cannot be interrupted inside a function, so ``instr('aaa…', 'aaa…b')`` over two long texts would hold
a connection for minutes. These replacements give the same answers in time proportional to the texts, and
refuse a result longer than a value may be before they build it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import apsw

from locara.errors import StorageError
from locara.storage.values import SQLValue

_HEX_PAIRS: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")


def _text(value: SQLValue) -> str:
    """The text SQLite would see; bytes that are not UTF-8 become U+FFFD."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        rendered = apsw.Connection(":memory:").execute("SELECT CAST(? AS TEXT)", (value,)).get
        return str(rendered)
    return str(value)


def instr(text: SQLValue, part: SQLValue) -> int | None:
    """The 1-based position of ``part`` in ``text`` in characters (bytes for two blobs), 0 when absent."""
    if text is None or part is None:
        return None
    if isinstance(text, bytes) and isinstance(part, bytes):
        return text.find(part) + 1
    return _text(text).find(_text(part)) + 1


def _replacer(most: int) -> Callable[..., str | None]:
    def replace(text: SQLValue, old: SQLValue, new: SQLValue) -> str | None:
        if text is None or old is None:
            return None
        whole, cut = _text(text), _text(old)
        if not cut:
            return whole
        if new is None:
            return None
        put = _text(new)
        if len(put) > len(cut) and len(whole) + whole.count(cut) * (len(put) - len(cut)) > most:
            raise StorageError("string or blob too big", code="limit_exceeded")
        return whole.replace(cut, put)

    return replace


def _trimmer(*, left: bool, right: bool) -> Callable[..., str | None]:
    def trim(text: SQLValue, characters: SQLValue = " ") -> str | None:
        if text is None or characters is None:
            return None
        whole, cut = _text(text), set(_text(characters))
        start, end = 0, len(whole)
        if left:
            while start < end and whole[start] in cut:
                start += 1
        if right:
            while end > start and whole[end - 1] in cut:
                end -= 1
        return whole[start:end]

    return trim


def unhex(text: SQLValue, ignored: SQLValue = "") -> bytes | None:
    """The bytes of hexadecimal text; NULL unless digits come in pairs, with only ``ignored`` between."""
    if text is None or ignored is None:
        return None
    whole = _text(text)
    skip = set(_text(ignored)) & set(whole) - _HEX_DIGITS
    # One of them stands for all: a pattern of them would take seconds to make where there are many.
    mark = min(skip, default="")
    parts = whole.translate(dict.fromkeys(map(ord, skip), mark)).split(mark) if mark else [whole]
    if not all(map(_HEX_PAIRS.fullmatch, parts)):
        return None
    return bytes.fromhex("".join(parts))


def install(connection: apsw.Connection, most: int) -> None:
    """Replace the functions on this connection; ``most`` is the longest value in characters."""
    both = _trimmer(left=True, right=True)
    left = _trimmer(left=True, right=False)
    right = _trimmer(left=False, right=True)

    def register(name: str, function: Callable[..., SQLValue], *counts: int) -> None:
        for count in counts:
            connection.create_scalar_function(
                name, function, count, deterministic=True, flags=apsw.SQLITE_INNOCUOUS
            )

    register("instr", instr, 2)
    register("replace", _replacer(most), 3)
    register("trim", both, 1, 2)
    register("ltrim", left, 1, 2)
    register("rtrim", right, 1, 2)
    register("unhex", unhex, 1, 2)

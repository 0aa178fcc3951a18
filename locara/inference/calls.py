"""Tool calls in the text of a model: finding where one ends, and reading it without believing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from locara.core import strict_json
from locara.errors import ManifestError
from locara.inference.backend import WrittenCall
from locara.inference.markers import CallSyntax

MAX_CALLS: Final = 16
MAX_CALL_CHARS: Final = 65_536
_SPACE: Final = " \t\r\n"


class ValueScan:
    """Finds the end of one JSON object or array in text that grows.

    Only quotes, escapes and brackets are looked at: a marker inside a string is part of the string, so text
    that a document brought into an argument can neither end the call nor begin another.
    """

    __slots__ = ("_at", "_closers", "_escaped", "_opening", "_quoted", "broken", "end")

    def __init__(self, opening: str) -> None:
        self._opening = opening
        self._at = 0
        self._closers: list[str] = []
        self._quoted = self._escaped = False
        self.end: int | None = None
        """Where the value ends, once it has."""
        self.broken = False
        """Whether no value can come of this text any more."""

    def advance(self, text: str) -> None:
        """Look at what was added since the last time; `text` is all of it."""
        while self._at < len(text) and self.end is None and not self.broken:
            self._take(text[self._at])
            self._at += 1

    def _take(self, char: str) -> None:
        if self._quoted:
            if self._escaped:
                self._escaped = False
            elif char == "\\":
                self._escaped = True
            elif char == '"':
                self._quoted = False
        elif not self._closers:
            if char == self._opening:
                self._closers.append("}" if char == "{" else "]")
            else:
                self.broken = char not in _SPACE
        elif char == '"':
            self._quoted = True
        elif char in "{[":
            self._closers.append("}" if char == "{" else "]")
        elif char in "}]":
            self.broken = self._closers.pop() != char
            if not self._closers:
                self.end = self._at + 1


def read_calls(text: str, syntax: CallSyntax) -> list[WrittenCall]:
    """The calls in the JSON text of one marked place, each perhaps with a problem; never empty."""
    try:
        value: Any = strict_json.parse(
            text.encode("utf-8"), source="call", max_bytes=4 * MAX_CALL_CHARS
        ).value
    except (ManifestError, UnicodeEncodeError):
        return [WrittenCall("", None, "the call is not JSON")]
    listed = value if syntax.many else [value]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_CALLS:
        return [WrittenCall("", None, f"not a list of 1 to {MAX_CALLS} calls")]
    return [_read(one, syntax.key) for one in listed]


def is_call(text: str, syntax: CallSyntax) -> bool:
    """Whether the text is a call in form: what an answer without markers must be to count as one."""
    return all(call.problem is None for call in read_calls(text, syntax))


def _read(value: object, key: str) -> WrittenCall:
    if not isinstance(value, Mapping):
        return WrittenCall("", None, "the call is not an object")
    name, arguments = value.get("name"), value.get(key)
    shown = name if isinstance(name, str) else ""
    if set(value) != {"name", key}:
        return WrittenCall(shown, None, f"the call has other members than name and {key}")
    if not shown or not isinstance(arguments, Mapping):
        return WrittenCall(shown, None, f"name is not a text or {key} is not an object")
    return WrittenCall(shown, dict(arguments))

"""The entitlements of a signature, in the two forms it has them in: they must say the same."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping
from typing import Any, Final

from locara_verify.codesign.blobs import ENTITLEMENTS, ENTITLEMENTS_DER, Signature
from locara_verify.codesign.macho import MalformedError

_OLDER: Final = 0x31  # a set of pairs, written by the tools before macOS 12
_NEWER: Final = 0x70  # application 16: a version, then the same as a dictionary
_DICTIONARY: Final = 0xB0
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_BOOLEAN: Final = 0x01
_TRUTH: Final = {b"\0": False, b"\xff": True, b"\x01": True}  # the older tools wrote 1
_TEXT: Final = 0x0C
_DEEPEST: Final = 8


def entitlements(one: Signature) -> Mapping[str, Any]:
    """What a program asks the system for; empty where it has none. Raises MalformedError when the two forms differ.

    The system reads one form and people and tools the other: what is in one alone nobody has looked at.
    """
    xml, der = one.blobs.get(ENTITLEMENTS), one.blobs.get(ENTITLEMENTS_DER)
    if xml is None and der is None:
        return {}
    if xml is None or der is None:
        raise MalformedError("it has its entitlements in one form of two")
    read, encoded = from_xml(xml), from_der(der)
    if not _same(read, encoded):
        differing = sorted(
            str(key) for key in read.keys() | encoded.keys() if not _same(read.get(key), encoded.get(key))
        )
        raise MalformedError(f"the two forms of its entitlements differ: {', '.join(differing)[:200]}")
    return read


class _Once(dict[str, Any]):
    """A dictionary that has each name once: readers differ in which of two they believe."""

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401 - as above
        if key in self:
            raise ValueError(f"{key} stands there twice")
        super().__setitem__(key, value)


def from_xml(data: bytes) -> dict[str, Any]:
    """The property list, which some tools begin with blanks and end with zeros. Raises MalformedError."""
    try:
        found = plistlib.loads(data.strip(b" \t\r\n\0"), fmt=plistlib.FMT_XML, dict_type=_Once)
    except Exception as error:
        raise MalformedError(f"its entitlements are no property list: {type(error).__name__}") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise MalformedError("its entitlements are no dictionary")
    return found


def from_der(data: bytes) -> dict[str, Any]:
    """The encoded form, of either age: each key once and nothing behind it. Raises MalformedError."""
    tag, body, rest = _next(data)
    if rest:
        raise MalformedError("there are bytes behind its encoded entitlements")
    if tag == _OLDER:
        return _pairs(body, 0)
    if tag != _NEWER:
        raise MalformedError("its encoded entitlements are of a form that is not known")
    kind, version, body = _next(body)
    if (kind, version) != (_INTEGER, b"\x01"):
        raise MalformedError("its encoded entitlements are of a version that is not known")
    found, rest = _value(body, 0)
    if rest or not isinstance(found, dict):
        raise MalformedError("its encoded entitlements are no dictionary")
    return found


def _value(data: bytes, depth: int) -> tuple[Any, bytes]:
    """A value and what comes behind it."""
    if depth > _DEEPEST:
        raise MalformedError("its encoded entitlements are nested too deep")
    tag, body, rest = _next(data)
    if tag == _BOOLEAN and body in _TRUTH:
        return _TRUTH[body], rest
    if tag == _INTEGER and body:
        return int.from_bytes(body, "big", signed=True), rest
    if tag == _TEXT:
        return _text(body), rest
    if tag in (_DICTIONARY, _OLDER):
        return _pairs(body, depth + 1), rest
    if tag == _SEQUENCE:
        items = []
        while body:
            item, body = _value(body, depth + 1)
            items.append(item)
        return items, rest
    raise MalformedError(f"its encoded entitlements have a value of kind {tag:#x}")


def _pairs(data: bytes, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while data:
        tag, body, data = _next(data)
        kind, name, body = _next(body)
        value, rest = _value(body, depth)
        if (tag, kind) != (_SEQUENCE, _TEXT) or rest:
            raise MalformedError("its encoded entitlements have what is no pair of name and value")
        key = _text(name)
        if key in found:
            raise MalformedError(f"its encoded entitlements have {key[:80]} twice")
        found[key] = value
    return found


def _next(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and rest of what comes first, with its length in the only form that DER has."""
    if len(data) < 2:
        raise MalformedError("its encoded entitlements end too early")
    tag, length, at = data[0], data[1], 2
    if length >= 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[2 : 2 + count], "big")
        at = 2 + count
        if not 1 <= count <= 4 or length < 0x80 or data[2] == 0:
            raise MalformedError("its encoded entitlements have a length that DER does not have")
    if at + length > len(data):
        raise MalformedError("its encoded entitlements end too early")
    return tag, data[at : at + length], data[at + length :]


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("its encoded entitlements have a name that is no text") from error


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - values of property lists
    """Equal, and true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)

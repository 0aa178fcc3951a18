"""JSON without surprises: one meaning per document, or a refusal with its line.

Refused besides what RFC 8259 refuses: bytes that are not UTF-8, a byte order mark, NUL bytes, a key written
twice, ``NaN`` and ``Infinity``, ``-0`` (two parsers read it as two values), numbers no float can hold, lone
surrogates (also as ``\\ud800`` escapes), documents that are too large or too deep.

The size is judged before anything else. Values come from the C parser; the scanner of this module walks the
text a second time, without recursion, only when a place is asked for or something is wrong.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final, NoReturn, TypeAlias

from locara.errors import ManifestError, Problem
from locara.records import dataclass

JSON: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
Place: TypeAlias = tuple[int, int]

MAX_BYTES: Final = 262_144
MAX_DEPTH: Final = 32
MAX_INTEGER_DIGITS: Final = 308
MAX_POINTER: Final = 1_024

_SPACE = re.compile(r"[ \t\n\r]*")
_BLANK = frozenset(" \t\n\r")
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"[A-Za-z]+")
_GOES_ON = frozenset("0123456789.eE")
_STRING_FAULT = re.compile(r"(?: starting)? at$|: .*$")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Strings are stepped over whole; a quote that opens no whole string ends the walk.
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]|"', re.DOTALL)


class _Refused(Exception):
    """The document is not acceptable: a problem code, a message and an offset in the text."""

    def __init__(self, code: str, message: str, offset: int, pointer: str | None = "") -> None:
        super().__init__(message)
        self.code, self.message, self.offset, self.pointer = code, message, offset, pointer or ""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document. ``positions``: the 1-based line and column of every key or item by JSON pointer.

    Pointers of 1,024 and more characters are left out.
    """

    value: JSON
    positions: Mapping[str, Place]


class _Positions(Mapping[str, Place]):
    """The places of a text, found on first use."""

    __slots__ = ("_max_depth", "_places", "_text")

    def __init__(self, text: str, max_depth: int) -> None:
        self._text, self._max_depth = text, max_depth
        self._places: dict[str, Place] | None = None

    def _found(self) -> dict[str, Place]:
        if self._places is None:
            lines = _Lines(self._text)
            offsets = _scan(self._text, self._max_depth)
            self._places = {pointer: lines.place(offset) for pointer, offset in offsets.items()}
        return self._places

    def __getitem__(self, pointer: str) -> Place:
        if not pointer and self._places is None:  # the whole: nothing in it has to be found
            return _Lines(self._text).place(_skip(self._text, 0))
        return self._found()[pointer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())


class _Lines:
    """Where the lines of a text begin."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def at(positions: Mapping[str, Place], pointer: str) -> Place:
    """The place of a pointer, or of the nearest thing around it that the file has."""
    while pointer and pointer not in positions:
        pointer = pointer.rpartition("/")[0]
    return positions.get(pointer, (1, 1))


def parse(
    data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH, source: str = "locara.json"
) -> Document:
    """The document in ``data``, or `ManifestError` with one problem that has a ``json_*`` code and its place.

    ``max_bytes`` bounds the input and ``max_depth`` the nesting of arrays and objects. Never raises anything
    else.
    """
    if len(data) > max_bytes:
        _fail(
            "json_too_large", f"the file has {len(data):,} bytes, the limit is {max_bytes:,}", (1, 1), source
        )
    text = _decode(data, source)
    try:
        _check_depth(text, max_depth)
        value = _DECODER.decode(text)
        if _SURROGATE_ESCAPE.search(text):
            _scan(text, max_depth)  # refuses lone surrogates
    except (_Refused, ValueError, RecursionError) as error:
        _explain(text, max_depth, source, error)
    return Document(value, _Positions(text, max_depth))


def _decode(data: bytes, source: str) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        advice = "save the file as UTF-8 without BOM"
        _fail("json_bom", "the file begins with a byte order mark", (1, 1), source, fix=advice)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        _fail("json_not_utf8", "the file is not UTF-8", _Lines(before).place(len(before)), source)
    nul = text.find("\0")
    if nul >= 0:
        _fail("json_nul", "the file holds a NUL byte", _Lines(text).place(nul), source)
    return text


def _check_depth(text: str, max_depth: int) -> None:
    if text.count("[") + text.count("{") <= max_depth:
        return
    depth = 0
    for match in _BRACKETS.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            if depth > max_depth:
                raise _Refused("json_too_deep", f"nested deeper than {max_depth} levels", match.start())
        elif first in "]}":
            depth -= 1
        elif match.end() - match.start() == 1:
            return  # an unfinished string: the parser says so


def _pairs(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is written twice")
    return members


def _integer(digits: str) -> int:
    if digits == "-0" or len(digits) > MAX_INTEGER_DIGITS:
        raise ValueError("not a number with one meaning")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("too large for a float")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _explain(text: str, max_depth: int, source: str, error: Exception) -> NoReturn:
    # Of several reasons the first in the file is told. Where the two walks disagree, the stricter one counts.
    refusal = error if isinstance(error, _Refused) else None
    try:
        _scan(text, max_depth)
    except _Refused as found:
        refusal = refusal if refusal and refusal.code == found.code else found
    refusal = refusal or _Refused("json_syntax", "the file is not JSON", 0)
    place = _Lines(text).place(refusal.offset)
    _fail(refusal.code, refusal.message, place, source, pointer=refusal.pointer)


def _fail(
    code: str, message: str, place: Place, source: str, *, fix: str | None = None, pointer: str = ""
) -> NoReturn:
    raise ManifestError([Problem(code, message, pointer, *place, fix)], source=source) from None


def escape(key: str) -> str:
    """A key as one step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


class _Open:
    """An array or object that is being walked."""

    __slots__ = ("is_object", "keys", "pointer", "size")

    def __init__(self, pointer: str | None, *, is_object: bool) -> None:
        self.pointer, self.is_object, self.size = pointer, is_object, 0
        self.keys: set[str] = set()


def _scan(text: str, max_depth: int) -> dict[str, int]:
    """Offsets of every key and item by JSON pointer; `_Refused` at the first thing that is wrong."""
    offsets: dict[str, int] = {}
    stack: list[_Open] = []
    at = _skip(text, 0)
    pointer: str | None = ""
    offsets[""] = at
    while True:
        first = text[at : at + 1]
        if first in {"{", "["}:
            if len(stack) == max_depth:
                raise _Refused("json_too_deep", f"nested deeper than {max_depth} levels", at, pointer)
            stack.append(_Open(pointer, is_object=first == "{"))
            at = _skip(text, at + 1)
            if text[at : at + 1] == ("}" if first == "{" else "]"):
                stack.pop()
                at += 1
            else:
                at, pointer = _enter(text, at, stack[-1], offsets)
                continue
        else:
            at = _scalar(text, at, pointer)
        while stack:  # a value has ended: what follows it?
            at = _skip(text, at)
            mark, top = text[at : at + 1], stack[-1]
            if mark == ",":
                at, pointer = _enter(text, _skip(text, at + 1), top, offsets)
                break
            if mark != ("}" if top.is_object else "]"):
                raise _Refused("json_syntax", _unexpected(mark, top.is_object), at, top.pointer)
            stack.pop()
            at += 1
        else:
            at = _skip(text, at)
            if at != len(text):
                raise _Refused("json_syntax", "something follows the end of the document", at)
            return offsets


def _enter(text: str, at: int, top: _Open, offsets: dict[str, int]) -> tuple[int, str | None]:
    """Step to the next member or item: the offset of its value and its pointer."""
    start = at
    if top.is_object:
        if text[at : at + 1] != '"':
            raise _Refused("json_syntax", "a key in double quotes is expected here", at, top.pointer)
        key, at = _string(text, at, top.pointer)
        pointer = _below(top.pointer, escape(key))
        if key in top.keys:
            raise _Refused("json_duplicate_key", f"the key {show(key)} is written twice", start, pointer)
        top.keys.add(key)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise _Refused("json_syntax", "a colon is expected after the key", at, pointer)
        at = _skip(text, at + 1)
    else:
        pointer = _below(top.pointer, str(top.size))
        top.size += 1
    if pointer is not None:
        offsets[pointer] = start
    return at, pointer


def _below(pointer: str | None, step: str) -> str | None:
    """The pointer one step down; ``None`` from where it gets huge (many of them would fill the memory)."""
    below = None if pointer is None else f"{pointer}/{step}"
    return below if below is not None and len(below) < MAX_POINTER else None


def _skip(text: str, at: int) -> int:
    if text[at : at + 1] not in _BLANK:  # as mostly between items
        return at
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _string(text: str, at: int, pointer: str | None) -> tuple[str, int]:
    try:
        value, end = scanstring(text, at + 1, True)
    except json.JSONDecodeError as error:
        raise _Refused(
            "json_syntax",
            f"a string is broken: {_STRING_FAULT.sub('', error.msg).lower()}",
            error.pos,
            pointer,
        ) from None
    if _LONE_SURROGATE.search(value):
        raise _Refused("json_surrogate", "a string holds half of a surrogate pair", at, pointer)
    return value, end


def _scalar(text: str, at: int, pointer: str | None) -> int:
    first = text[at : at + 1]
    if first == '"':
        return _string(text, at, pointer)[1]
    word = _WORD.match(text, at)
    if word:
        if word.group() in _WORDS:
            return word.end()
        code = "json_number" if word.group() in {"NaN", "Infinity"} else "json_syntax"
        raise _Refused(code, f"{show(word.group())} is not a JSON value", at, pointer)
    number = _NUMBER.match(text, at)
    if number is None:
        code = "json_number" if text.startswith("-Infinity", at) else "json_syntax"
        raise _Refused(code, "a value is expected here", at, pointer)
    whole, fraction, exponent = number.groups()
    if fraction is None and exponent is None:
        if text[number.end() : number.end() + 1] in _GOES_ON:
            return number.end()  # the next step refuses what comes there
        if whole == "-0" or len(whole) > MAX_INTEGER_DIGITS:
            raise _Refused("json_number", "this number has no single meaning", at, pointer)
    elif not math.isfinite(float(number.group())):
        raise _Refused("json_number", "this number is too large", at, pointer)
    return number.end()


def _unexpected(mark: str, is_object: bool) -> str:
    kind = "object" if is_object else "array"
    return f"the {kind} does not end" if not mark else f"a comma or the end of the {kind} is expected here"


def show(value: object, limit: int = 60) -> str:
    """A value from outside, safe to print: JSON in ASCII, escaped and shortened. Total for any value."""
    try:
        text = json.dumps(value[: limit + 1] if isinstance(value, str) else value)
    except (TypeError, ValueError, RecursionError):
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"

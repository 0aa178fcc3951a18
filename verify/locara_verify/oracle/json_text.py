"""A second reader of strict JSON: recursive descent over characters, written from the grammar alone.

It accepts exactly the JSON a manifest may be: UTF-8 without a byte order mark, no NUL byte, no key twice in
one object, no lone surrogate, no number outside the range of a double, a bounded size and depth.
"""

from __future__ import annotations

import math
import re
from typing import Any

Json = Any

BLANK = frozenset(" \t\n\r")
WHITESPACE = re.compile("[ \t\n\r]*")
PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
"""What stands in a string as it is."""
DIGITS = re.compile("[0-9]*")
PLAIN_DIGITS = frozenset("0123456789")
MAX_BYTES = 262_144
MAX_DEPTH = 32
MAX_INTEGER_CHARACTERS = 308
SHORT_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _end(run: re.Pattern[str], text: str, at: int) -> int:
    """Where a run of characters ends that begins at ``at``; every run may be empty."""
    found = run.match(text, at)
    return at if found is None else found.end()


class Refused(Exception):
    """The text is not JSON a manifest may be; ``reason`` is one of the ``json_…`` codes."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at {position}")
        self.reason = reason
        self.position = position


class Reader:
    """One pass over one text. Depth is bounded by ``MAX_DEPTH``, so recursion is too."""

    def __init__(self, text: str, max_depth: int) -> None:
        self.text = text
        self.at = 0
        self.max_depth = max_depth

    def refuse(self, reason: str = "json_syntax") -> Refused:
        """Make the refusal for the present position."""
        return Refused(reason, self.at)

    def peek(self) -> str:
        """The present character, or an empty string at the end."""
        return self.text[self.at : self.at + 1]

    def skip(self) -> None:
        """Step over whitespace."""
        if self.text[self.at : self.at + 1] in BLANK:
            self.at = _end(WHITESPACE, self.text, self.at)

    def take(self, mark: str) -> None:
        """Step over ``mark``, one character, or refuse."""
        if self.text[self.at : self.at + 1] != mark:
            raise self.refuse()
        self.at += 1

    def value(self, depth: int) -> Json:
        """Read one value; ``depth`` counts the containers around it."""
        character = self.peek()
        if character in PLAIN_DIGITS:
            return self.number()
        if character in ("{", "["):
            if depth >= self.max_depth:
                raise self.refuse("json_too_deep")
            return self.object(depth) if character == "{" else self.array(depth)
        if character == '"':
            return self.string()
        for literal, meaning in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(literal, self.at):
                self.at += len(literal)
                return meaning
        for literal in ("NaN", "Infinity", "-Infinity"):
            if self.text.startswith(literal, self.at):
                raise self.refuse("json_number")
        if character == "-":
            return self.number()
        raise self.refuse()

    def object(self, depth: int) -> dict[str, Json]:
        """Read an object; a key that comes twice is refused."""
        self.take("{")
        result: dict[str, Json] = {}
        self.skip()
        if self.peek() == "}":
            self.at += 1
            return result
        while True:
            self.skip()
            if self.peek() != '"':
                raise self.refuse()
            key = self.string()
            if key in result:
                raise self.refuse("json_duplicate_key")
            self.skip()
            self.take(":")
            self.skip()
            result[key] = self.value(depth + 1)
            self.skip()
            if self.peek() == "}":
                self.at += 1
                return result
            self.take(",")

    def array(self, depth: int) -> list[Json]:
        """Read an array."""
        self.take("[")
        result: list[Json] = []
        self.skip()
        if self.peek() == "]":
            self.at += 1
            return result
        while True:
            self.skip()
            result.append(self.value(depth + 1))
            self.skip()
            if self.peek() == "]":
                self.at += 1
                return result
            self.take(",")

    def string(self) -> str:
        """Read a string; surrogates must come in pairs. What is no string is not judged by its surrogates."""
        self.take('"')
        parts: list[str] = []
        text = self.text
        while True:
            start, self.at = self.at, _end(PLAIN, text, self.at)
            parts.append(text[start : self.at])
            mark = text[self.at : self.at + 1]
            if mark not in {'"', "\\"}:
                raise self.refuse()
            self.at += 1
            if mark == '"':
                whole = parts[0] if len(parts) == 1 else "".join(parts)
                if not whole.isascii() and any("\ud800" <= character <= "\udfff" for character in whole):
                    raise self.refuse("json_surrogate")
                return whole
            parts.append(self.escape())

    def escape(self) -> str:
        """Read what follows a backslash; half of a surrogate pair is given as it is."""
        character = self.peek()
        self.at += 1
        if character in SHORT_ESCAPES and character != "":
            return SHORT_ESCAPES[character]
        if character != "u":
            raise self.refuse()
        unit = self.unit()
        if not 0xD800 <= unit <= 0xDBFF or not self.text.startswith("\\u", self.at):
            return chr(unit)
        self.at += 2
        low = self.unit()
        if not 0xDC00 <= low <= 0xDFFF:
            return chr(unit) + chr(low)
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))

    def unit(self) -> int:
        """Read four hexadecimal digits."""
        digits = self.text[self.at : self.at + 4]
        if len(digits) != 4 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
            raise self.refuse()
        self.at += 4
        return int(digits, 16)

    def digits(self) -> str:
        """Read one or more ASCII digits."""
        start = self.at
        self.at = _end(DIGITS, self.text, start)
        if self.at == start:
            raise self.refuse()
        return self.text[start : self.at]

    def number(self) -> int | float:
        """Read a number; it must have a finite double near it."""
        start = self.at
        if self.peek() == "-":
            self.at += 1
        whole = self.digits()
        if len(whole) > 1 and whole[0] == "0":
            raise self.refuse()
        real = False
        if self.peek() == ".":
            self.at += 1
            self.digits()
            real = True
        if self.peek() in ("e", "E"):
            self.at += 1
            if self.peek() in ("+", "-"):
                self.at += 1
            self.digits()
            real = True
        text = self.text[start : self.at]
        if not real and (text == "-0" or len(text) > MAX_INTEGER_CHARACTERS):
            raise self.refuse("json_number")
        if not math.isfinite(float(text)):
            raise self.refuse("json_number")
        return float(text) if real else int(text)


def read(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Json:
    """Read ``data`` as strict JSON, or raise :class:`Refused` with the reason."""
    if len(data) > max_bytes:
        raise Refused("json_too_large", 0)
    if data.startswith(b"\xef\xbb\xbf"):
        raise Refused("json_bom", 0)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("json_not_utf8", error.start) from error
    if "\0" in text:
        raise Refused("json_nul", text.index("\0"))
    reader = Reader(text, max_depth)
    reader.skip()
    value = reader.value(0)
    reader.skip()
    if reader.at != len(text):
        raise reader.refuse()
    return value

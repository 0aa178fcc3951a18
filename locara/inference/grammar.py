"""From a shape to GBNF, the grammar notation of llama.cpp.

Every text the grammar accepts is one JSON value of the shape, with at most one space after a comma or
colon. Strings never hold control characters, and never `\\u` escapes, which could spell half a surrogate
pair. All repetition is bounded.
"""

from __future__ import annotations

import json

from locara.inference.schema import Choice, Fields, Items, Literals, Real, Shape, Text, Whole

_CHAR = r'char ::= [^"\\\x00-\x1F\x7F-\x9F] | "\\" ["\\/bfnrt]'
_SPACE = 'space ::= " "?'
_DECIMALS = 'decimals ::= ("." [0-9]{1,6})?'
_ZEROS = 'zeros ::= ("." "0"{1,6})?'


def to_gbnf(shape: Shape) -> str:
    """Return the grammar; its first rule is `root`."""
    rules = _Rules()
    root = rules.expression(shape)
    return "\n".join([f"root ::= {root}", *rules.lines, _CHAR, _SPACE, _DECIMALS, _ZEROS]) + "\n"


def literal(text: str) -> str:
    """Return a GBNF string literal for any text."""
    out = []
    for char in text:
        point = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif 0x20 <= point < 0x7F:
            out.append(char)
        elif point <= 0xFF:
            out.append(f"\\x{point:02X}")
        elif point <= 0xFFFF:
            out.append(f"\\u{point:04X}")
        else:
            out.append(f"\\U{point:08X}")
    return '"' + "".join(out) + '"'


class _Rules:
    """Collects named rules; equal expressions share one rule."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._names: dict[str, str] = {}

    def expression(self, shape: Shape) -> str:  # noqa: PLR0911  (one per shape)
        """Return the name of a rule that accepts the shape."""
        match shape:
            case Text(low, high):
                return self._rule(f'"\\"" char{{{low},{high}}} "\\""' if high else '"\\"\\""')
            case Whole(low, high):
                return self._rule(whole_range(low, high))
            case Real(low, high):
                return self._rule(real_range(low, high))
            case Literals(texts):
                return self._rule(" | ".join(literal(text) for text in texts))
            case Choice(options):
                return self._rule(" | ".join(dict.fromkeys(self.expression(option) for option in options)))
            case Items(item, low, high):
                return self._rule(self._items(self.expression(item), low, high))
            case Fields(members):
                return self._rule(f'"{{" {self._members(members)} "}}"')

    def _rule(self, body: str) -> str:
        name = self._names.get(body)
        if name is None:
            name = f"r{len(self._names)}"
            self._names[body] = name
            self.lines.append(f"{name} ::= {body}")
        return name

    def _items(self, item: str, low: int, high: int) -> str:
        if high == 0:
            return '"[]"'
        more = f' ("," space {item}){{{max(low - 1, 0)},{high - 1}}}' if high > 1 else ""
        filled = f'"[" {item}{more} "]"'
        return filled if low else f'"[]" | {filled}'

    def _members(self, members: tuple[tuple[str, Shape, bool], ...]) -> str:
        """Members in their order; an optional one may be left out, and commas stand only between members.

        Built from the last member backwards: for each place two tails, one after a member (a comma is
        needed) and one at the start.
        """
        after, at_start = '""', '""'
        for name, shape, required in reversed(members):
            pair = f"{literal(json.dumps(name, ensure_ascii=False) + ':')} space {self.expression(shape)}"
            rest = self._rule(after)
            with_comma = f'"," space {pair} {rest}'
            first = f"{pair} {rest}"
            if required:
                after, at_start = with_comma, first
            else:
                after, at_start = f"{with_comma} | {rest}", f"{first} | {self._rule(at_start)}"
        return self._rule(at_start)


def whole_range(low: int, high: int) -> str:
    """Return an expression for exactly the integers from low to high, without leading zeros or `-0`."""
    parts = []
    if low < 0:
        parts.append(f'"-" ({_magnitudes(max(1, -high), -low)})')
    if high >= 0:
        parts.append(_magnitudes(max(0, low), high))
    return " | ".join(parts)


def real_range(low: int, high: int) -> str:
    """Return an expression for decimal numbers from low to high: bounds exact, up to 6 decimals."""
    parts = []
    if low < 0:
        nearest, farthest = max(0, -high), -low
        if farthest > nearest:
            parts.append(f'"-" ({_magnitudes(nearest, farthest - 1)}) decimals')
        parts.append(f'"-" {literal(str(farthest))} zeros')
    if high >= 0:
        nearest = max(0, low)
        if high > nearest:
            parts.append(f"({_magnitudes(nearest, high - 1)}) decimals")
        parts.append(f"{literal(str(high))} zeros")
    return " | ".join(parts)


def _magnitudes(low: int, high: int) -> str:
    """Alternatives for the integers from low >= 0 to high: split by length, then by leading digits."""
    parts = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (digits - 1) if digits > 1 else 0)
        last = min(high, 10**digits - 1)
        parts.extend(_same_length(str(first), str(last)))
    return " | ".join(parts)


def _same_length(low: str, high: str) -> list[str]:
    """Alternatives for the numbers from low to high, which have equally many digits."""
    common = 0
    while common < len(low) and low[common] == high[common]:
        common += 1
    prefix = f'"{low[:common]}" ' if common else ""
    low, high = low[common:], high[common:]
    if not low:
        return [prefix.strip()]
    if set(low) == {"0"} and set(high) == {"9"}:
        return [prefix + _any_digits(len(low))]
    rest = len(low) - 1
    if rest == 0:
        return [f"{prefix}[{low}-{high}]"]
    first, last = int(low[0]), int(high[0])
    parts = []
    if set(low[1:]) != {"0"}:
        parts += [f'{prefix}"{first}" {tail}' for tail in _same_length(low[1:], "9" * rest)]
        first += 1
    tails: list[str] = []
    if set(high[1:]) != {"9"}:
        tails = [f'{prefix}"{last}" {tail}' for tail in _same_length("0" * rest, high[1:])]
        last -= 1
    if first <= last:
        parts.append(f"{prefix}[{first}-{last}] {_any_digits(rest)}")
    return parts + tails


def _any_digits(count: int) -> str:
    return "[0-9]" if count == 1 else f"[0-9]{{{count}}}"

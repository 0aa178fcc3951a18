"""Number ranges in the grammar, judged by turning them into regular expressions and counting."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.inference.grammar import literal, real_range, to_gbnf, whole_range
from locara.inference.schema import read_schema


def as_regex(expression: str) -> re.Pattern[str]:
    expression = re.sub(r'"([^"]*)"', lambda found: f"(?:{re.escape(found[1])})", expression)
    expression = expression.replace("decimals", r"(?:\.[0-9]{1,6})?").replace("zeros", r"(?:\.0{1,6})?")
    return re.compile(expression.replace(" ", ""))


@settings(deadline=None, max_examples=150)
@given(st.integers(-1200, 1200), st.integers(0, 1500))
def test_a_whole_range_accepts_exactly_its_numbers(low: int, span: int) -> None:
    high = low + span
    pattern = as_regex(whole_range(low, high))
    for number in {
        *range(low - 12, low + 12),
        *range(high - 12, high + 12),
        *range(-1300, 1300, 97),
        0,
        10**6,
    }:
        assert bool(pattern.fullmatch(str(number))) == (low <= number <= high), (low, high, number)
    for text in ("-0", "00", "01", "+1", "", "-", "1.0", "1e3"):
        assert not pattern.fullmatch(text)


@settings(deadline=None, max_examples=100)
@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(-(10**15) + 1, 10**15 - 1), st.data())
def test_a_huge_range_has_the_right_ends(a: int, b: int, data: st.DataObject) -> None:
    low, high = min(a, b), max(a, b)
    pattern = as_regex(whole_range(low, high))
    inside = data.draw(st.integers(low, high))
    assert all(pattern.fullmatch(str(n)) for n in (low, high, inside))
    assert not any(
        pattern.fullmatch(str(n))
        for n in (low - 1, high + 1, high * 10 + 9, low * 10 - 9)
        if not low <= n <= high
    )


@settings(deadline=None, max_examples=150)
@given(st.integers(-300, 300), st.integers(0, 400), st.data())
def test_a_real_range_accepts_only_numbers_inside(low: int, span: int, data: st.DataObject) -> None:
    high = low + span
    pattern = as_regex(real_range(low, high))
    millionths = data.draw(st.integers((low - 2) * 10**6, (high + 2) * 10**6))
    text = f"{'-' if millionths < 0 else ''}{abs(millionths) // 10**6}.{abs(millionths) % 10**6:06d}"
    assert bool(pattern.fullmatch(text)) == (low * 10**6 <= millionths <= high * 10**6), (low, high, text)
    for bound in (low, high):
        assert pattern.fullmatch(str(bound))
    for text in ("", "-", "1.", ".5", "01", "1e3", "1.0000000", "NaN"):
        assert not pattern.fullmatch(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('a"b\\c', r'"a\"b\\c"'),
        ("\n\t", r'"\x0A\x09"'),
        ("\u00e9\u20ac\U0001f600", r'"\xE9\u20AC\U0001F600"'),
        ('"]::= x', r'"\"]::= x"'),
    ],
)
def test_a_literal_cannot_leave_its_quotes(text: str, written: str) -> None:
    assert literal(text) == written


def test_rules_are_shared_and_names_cannot_inject_rules() -> None:
    schema = {
        "type": "object",
        "properties": {
            'x" | root ::= "y': {"type": "string", "maxLength": 5},
            "b\nroot ::= char": {"type": "string", "maxLength": 5},
        },
    }
    grammar = to_gbnf(read_schema(schema))
    assert sum(line.startswith("root ::=") for line in grammar.splitlines()) == 1
    assert grammar.count("char{0,5}") == 1

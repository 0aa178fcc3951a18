"""What may be shown to a person, and how the rest is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.text import escape, fault


@pytest.mark.parametrize("text", ["Notes", "Ärzte & Söhne", "日本語", "a\u0301", "naïve 😀", "x" * 5000])
def test_ordinary_text(text: str) -> None:
    assert fault(text) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        (" ", "empty"),
        (" a", "white space"),
        ("a\u00a0", "white space"),
        ("a\nb", "U+000A"),
        ("a\tb", "U+0009"),
        ("a\x1b[31mb", "U+001B"),
        ("a\x7fb", "U+007F"),
        ("a\u202eb", "U+202E"),
        ("a\u2066b", "U+2066"),
        ("a\u200bb", "U+200B"),
        ("a\u200db", "U+200D"),
        ("a\ufeffb", "U+FEFF"),
        ("a\u00adb", "U+00AD"),
        ("a\u2028b", "U+2028"),
        ("a\ue000b", "U+E000"),
        ("a\u0378b", "U+0378"),
        ("a\uffffb", "U+FFFF"),
        ("a\u3164b", "U+3164"),
        ("a\ufe0fb", "U+FE0F"),
        ("a\U000e0041b", "U+E0041"),
        ("a\U000e0100b", "U+E0100"),
        ("a\ud800b", "U+D800"),
        ("a" + "\u0301" * 5, "combining"),
    ],
)
def test_what_cannot_be_shown_is_named(text: str, word: str) -> None:
    found = fault(text)
    assert found is not None
    assert word in found


def test_lines_are_welcome_only_where_they_are() -> None:
    assert fault("one\n\n\ttwo", lines=True) is None
    assert fault("one\ntwo") is not None
    assert fault("one\rtwo", lines=True) is not None


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=40), st.integers(5, 60))
def test_escaped_text_is_printable_and_short(text: str, limit: int) -> None:
    shown = escape(text, limit)
    assert len(shown) <= limit
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in shown)
    assert "\n" not in shown


def test_good_text_is_escaped_to_itself() -> None:
    assert escape("Notes, naïve 😀") == "Notes, naïve 😀"
    assert escape("a\u202eb") == "a\\u{202e}b"


@pytest.mark.parametrize("limit", [1, 2, 20, 200])
def test_what_fits_is_shown_whole_and_what_does_not_is_cut_and_marked(limit: int) -> None:
    fits = "abcdefghij" * limit
    assert escape(fits[:limit], limit) == fits[:limit]
    for size in (limit + 1, limit + 2, 3 * limit):
        assert escape(fits[:size], limit) == fits[: limit - 1] + "…"
    assert escape("\u202e" * limit, limit) == ("\\u{202e}" * limit)[: limit - 1] + "…"
    if limit == 200:
        assert escape(fits) == escape(fits, 200) and escape(fits[:200]) == fits[:200]

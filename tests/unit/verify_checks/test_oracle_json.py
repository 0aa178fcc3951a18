"""The independent reader of strict JSON, against the standard library and against what it must refuse."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara_verify.oracle import json_text

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(values, st.booleans(), st.sampled_from([None, 0, 3]))
def test_reads_what_the_standard_library_writes(value, ascii_only, indent) -> None:
    try:
        data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8")
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    if "\\u0000" not in data.decode() and "\0" not in str(value):
        assert json_text.read(data) == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "json_syntax"),
        (b"{", "json_syntax"),
        (b'{"a":1,}', "json_syntax"),
        (b"[1 2]", "json_syntax"),
        (b"01", "json_syntax"),
        (b"1.", "json_syntax"),
        (b"+1", "json_syntax"),
        (b"'a'", "json_syntax"),
        (b'"\x01"', "json_syntax"),
        (b'"\\x41"', "json_syntax"),
        (b"{} {}", "json_syntax"),
        (b"\xc2\xa0{}", "json_syntax"),
        (b'{"a":1,"\\u0061":2}', "json_duplicate_key"),
        (b"\xef\xbb\xbf{}", "json_bom"),
        (b'"\0"', "json_nul"),
        (b"NaN", "json_number"),
        (b"-Infinity", "json_number"),
        (b"1e999", "json_number"),
        (b"-0", "json_number"),
        (b"9" * 400, "json_number"),
        (b'"\\ud800"', "json_surrogate"),
        (b'"\\udc00\\ud800"', "json_surrogate"),
        (b"\xff", "json_not_utf8"),
        (b'"\xed\xa0\x80"', "json_not_utf8"),
        (b"[" * 33 + b"]" * 33, "json_too_deep"),
        (b" " * 262_145, "json_too_large"),
    ],
)
def test_refuses_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(json_text.Refused) as caught:
        json_text.read(data)
    assert caught.value.reason == reason


def test_the_limits_themselves_are_accepted() -> None:
    assert json_text.read(b"[" * 32 + b"]" * 32) is not None
    assert json_text.read(b" " * 262_143 + b"1") == 1
    assert json_text.read(b'"\\ud83d\\ude00"') == "😀"

"""The independent reader of strict JSON, against the standard library and against what it must refuse."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core import strict_json
from locara.errors import ManifestError
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
        (b'"\\ud800\\u0041"', "json_surrogate"),
        (b'"\\ud800\\ud83d\\ude00"', "json_surrogate"),
        (b'"\\ud83d', "json_syntax"),
        (b'"\\ud83d\\u00', "json_syntax"),
        (b'"\\ud83d\\x"', "json_syntax"),
        (b'"\\ud83d" x', "json_surrogate"),
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


NEAR = (
    b'{"a":[1,-0.5e3,true,null,"\\u0041\\n"],"b":{"c":"\\ud83d\\ude00"}}',
    b'["\\udc00","\\ud800\\u0041"]',
    b'{"a":{"b":1,"b":2},"a":3}',
    b"[1e999,-0,NaN,Infinity,-0.0]",
    b"[" + b"9" * 310 + b"]",
    b'{"a":' * 16 + b"[" * 17 + b"1" + b"]" * 17 + b"}" * 16,
    b'\xef\xbb\xbf{"a":"\x00\xff"}',
)
BYTES = [bytes([byte]) for byte in b'"\\[]{}:,019-+.eEuxtnN \n\r\x00\x01\xc2\xa0/dD8']


@pytest.mark.parametrize("document", NEAR)
def test_two_readers_give_the_same_reason_for_every_near_document(document: bytes) -> None:
    """What is cut off, left out, put in or exchanged, one byte at a time."""
    near = {document[:at] for at in range(len(document))}
    for at in range(0, len(document), 1 + len(document) // 60):
        before, after, rest = document[:at], document[at:], document[at + 1 :]
        near |= {
            before + rest,
            *(before + byte + after for byte in BYTES),
            *(before + byte + rest for byte in BYTES),
        }
    assert len(near) > 500
    assert [one for one in sorted(near) if reason(one, product=True) != reason(one, product=False)] == []


def reason(data: bytes, *, product: bool) -> str:
    try:
        if product:
            strict_json.parse(data)
        else:
            json_text.read(data)
    except ManifestError as error:
        return error.problems[0].code
    except json_text.Refused as refused:
        return refused.reason
    return "accepted"

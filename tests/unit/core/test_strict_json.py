"""One meaning per document, or a refusal with a code and a place."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locara.core import strict_json
from locara.core.strict_json import parse, show
from locara.errors import ManifestError, Problem

DEEP = 100_000


def refusal(data: bytes, **limits: int) -> Problem:
    with pytest.raises(ManifestError) as caught:
        parse(data, **limits)
    assert caught.value.__cause__ is None
    assert caught.value.code == caught.value.problems[0].code
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"", "json_syntax", 1, 1),
        (b"   \n ", "json_syntax", 2, 2),
        (b"{", "json_syntax", 1, 2),
        (b'{"a": 1', "json_syntax", 1, 8),
        (b'{"a": 1]', "json_syntax", 1, 8),
        (b'{"a": 1,}', "json_syntax", 1, 9),
        (b"[1,]", "json_syntax", 1, 4),
        (b"[1 2]", "json_syntax", 1, 4),
        (b'{"a" 1}', "json_syntax", 1, 6),
        (b"{a: 1}", "json_syntax", 1, 2),
        (b"{'a': 1}", "json_syntax", 1, 2),
        (b"{1: 1}", "json_syntax", 1, 2),
        (b"[1]\n[2]", "json_syntax", 2, 1),
        (b"{} // note", "json_syntax", 1, 4),
        (b"/* note */ {}", "json_syntax", 1, 1),
        (b'{"a": "b}', "json_syntax", 1, 7),
        (b'["a\nb"]', "json_syntax", 1, 4),
        (b'["\\x41"]', "json_syntax", 1, 3),
        (b'["\\u12"]', "json_syntax", 1, 4),
        (b"[tru]", "json_syntax", 1, 2),
        (b"[True]", "json_syntax", 1, 2),
        (b"[None]", "json_syntax", 1, 2),
        (b"[01]", "json_syntax", 1, 3),
        (b"[+1]", "json_syntax", 1, 2),
        (b"[.5]", "json_syntax", 1, 2),
        (b"[1.]", "json_syntax", 1, 3),
        (b"[0x10]", "json_syntax", 1, 3),
        ("[\u00a01]".encode(), "json_syntax", 1, 2),
        ("[１]".encode(), "json_syntax", 1, 2),
        (b'{"a": 1, "a": 1}', "json_duplicate_key", 1, 10),
        (b'{"b": {\n "a": 1,\n "\\u0061": 2}}', "json_duplicate_key", 3, 2),
        (b'{"": 1, "": 2}', "json_duplicate_key", 1, 9),
        (b"\xef\xbb\xbf{}", "json_bom", 1, 1),
        (b'{"a": "\0"}', "json_nul", 1, 8),
        (b"{}\n\0", "json_nul", 2, 1),
        (b"[NaN]", "json_number", 1, 2),
        (b"[Infinity]", "json_number", 1, 2),
        (b"[-Infinity]", "json_number", 1, 2),
        (b"[-0]", "json_number", 1, 2),
        (b"[1e999]", "json_number", 1, 2),
        (b"[-1e999]", "json_number", 1, 2),
        (b"[1" + b"0" * 400 + b"]", "json_number", 1, 2),
        (b"[1" + b"0" * 5000 + b"]", "json_number", 1, 2),
        (b'["\\ud800"]', "json_surrogate", 1, 2),
        (b'["\\udc00\\ud800"]', "json_surrogate", 1, 2),
        (b'{"\\uDBFF": 1}', "json_surrogate", 1, 2),
        (b'["\xed\xa0\x80"]', "json_not_utf8", 1, 3),
        (b'["\xff"]', "json_not_utf8", 1, 3),
        (b'{\n"a": "\xc0\xaf"}', "json_not_utf8", 2, 7),
        ('{"a": 1}'.encode("utf-16"), "json_not_utf8", 1, 1),
        ('{"a": 1}'.encode("utf-16-be"), "json_nul", 1, 1),
        (b"[" * 33 + b"]" * 33, "json_too_deep", 1, 33),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "json_too_deep", 1, 161),
        (b"[" * DEEP, "json_too_deep", 1, 33),
        (b'{"a":' * (DEEP // 4), "json_too_deep", 1, 161),
        (b"[" * DEEP + b"]" * DEEP, "json_too_deep", 1, 33),
        (b" " * 262_145, "json_too_large", 1, 1),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_a_refusal_tells_code_and_place(data: bytes, code: str, line: int, column: int) -> None:
    problem = refusal(data)
    assert (problem.code, problem.line, problem.column) == (code, line, column)
    assert problem.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("[" * 32 + "]" * 32, json.loads("[" * 32 + "]" * 32)),
        ('{"a": {"a": 1}, "b": [{"a": 2}]}', {"a": {"a": 1}, "b": [{"a": 2}]}),
        ('"\\ud83d\\ude00 \\u00e9 é 😀"', "😀 é é 😀"),
        ("[0, -1, 1.5, 1e3, -0.0, 1E-400]", [0, -1, 1.5, 1000.0, -0.0, 0.0]),
        (' \t\r\n[true, false, null, ""]\n', [True, False, None, ""]),
        ('["\\"[[[[{{{{", "]]", "\\\\"]', ['"[[[[{{{{', "]]", "\\"]),
        ("7", 7),
    ],
)
def test_ordinary_documents_are_read(text: str, value: object) -> None:
    assert parse(text.encode()).value == value


def test_limits_are_exact_and_the_callers() -> None:
    assert parse(b" " * 98 + b"{}", max_bytes=100).value == {}
    assert refusal(b" " * 99 + b"{}", max_bytes=100).code == "json_too_large"
    assert parse(b"[[1]]", max_depth=2).value == [[1]]
    assert refusal(b"[[1]]", max_depth=1).code == "json_too_deep"


class Unread(bytes):
    """Bytes that notice when somebody looks into them."""

    def decode(self, *args: Any, **kwargs: Any) -> str:
        raise AssertionError("the bytes were read")

    startswith = __iter__ = __getitem__ = find = decode  # type: ignore[assignment]


def test_size_is_judged_before_a_byte_is_read() -> None:
    assert refusal(Unread(b'{"a": "' + b"\xff" * 10_000_000)).code == "json_too_large"
    with pytest.raises(AssertionError, match="read"):
        parse(Unread(b"{}"))


def test_nothing_depends_on_the_stack_that_is_left() -> None:
    def at_depth(frames: int) -> str:
        return refusal(b"[" * DEEP).code if frames == 0 else at_depth(frames - 1)

    assert at_depth(sys.getrecursionlimit() - 200) == "json_too_deep"


def test_positions_are_those_of_keys_and_items() -> None:
    document = parse(b'{\n  "a": [10,\n    20],\n  "b/~": {"c": null}\n}\n')
    assert dict(document.positions) == {
        "": (1, 1),
        "/a": (2, 3),
        "/a/0": (2, 9),
        "/a/1": (3, 5),
        "/b~1~0": (4, 3),
        "/b~1~0/c": (4, 11),
    }
    assert len(document.positions) == 6


def test_columns_count_characters() -> None:
    assert parse('{"é😀": 1, "b": 2}'.encode()).positions["/b"] == (1, 11)


def test_a_huge_key_does_not_fill_the_memory_with_pointers() -> None:
    items = ",".join("0" for _ in range(40_000))
    document = parse(f'{{"{"k" * 150_000}": [{items}], "b": 1}}'.encode())
    assert document.positions["/b"][0] == 1
    assert sum(len(pointer) for pointer in document.positions) < 5_000


def test_an_unfinished_string_full_of_escapes_is_refused_in_linear_time() -> None:
    # In quadratic time this would take minutes.
    assert refusal(b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" + b'"' + b'\\"' * 100_000).code == "json_too_deep"
    assert refusal(b"[" * 30 + b"[],[],[]," + b'"' + b'\\"' * 100_000).code == "json_syntax"


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=10),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_what_json_writes_is_read_back(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    if b"\0" in text:
        return
    document = parse(text)
    assert repr(document.value) == repr(value)
    assert "" in document.positions


TOKENS = ["{", "}", "[", "]", ",", ":", " ", "\n", '"a"', '"b"', '"', "\\", "\\u", "\\ud800", "d8", "1",
"-", "0",
          ".", "e", "+", "9" * 30, "e999", "true", "null", "NaN", "Infinity", "é", "\ufeff", "\0",
          '"\\udc00"']  # fmt: skip


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join))
@example('{"a":1,"a":2}')
@example("[-0]")
@example('["\\ud800\\udc00"]')
def test_the_two_walks_agree(text: str) -> None:
    """The C parser with its hooks and the scanner that finds places accept the same texts."""
    try:
        strict_json._scan(text, 32)
        scanned = True
    except strict_json._Refused:
        scanned = False
    try:
        parse(text.encode())
        parsed = True
    except ManifestError as error:
        parsed = False
        assert error.code.startswith("json_")
        if "\0" not in text and not text.startswith("\ufeff"):
            assert error.problems[0].message != "the file is not JSON", "the scanner did not see the fault"
    if "\0" not in text and not text.startswith("\ufeff"):
        assert scanned == parsed


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse(data)
    except ManifestError as error:
        assert error.diagnostics()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\u202eb\x1b[31m", '"a\\u202eb\\u001b[31m"'),
        ("x" * 100, '"' + "x" * 58 + "…"),
        ("\ud800", '"\\ud800"'),
        (7, "7"),
        (object(), "<object>"),
        (10**5000, "<int>"),
        (float("nan"), "NaN"),
    ],
    ids=["controls", "long", "surrogate", "number", "object", "huge", "nan"],
)
def test_anything_can_be_shown(value: object, shown: str) -> None:
    assert show(value) == shown


# What the author of a file reads: the place as a pointer, and what is wrong there in words.
TOLD = {
    b'{"a": [1, {"b": 2]}': ("/a/1", "a comma or the end of the object is expected here"),
    b'{"a": [1': ("/a", "the array does not end"),
    b'{"a": [1, 2}': ("/a", "a comma or the end of the array is expected here"),
    b'{"a": {"b": 1': ("/a", "the object does not end"),
    b'{"a": {b: 1}}': ("/a", "a key in double quotes is expected here"),
    b'{"a": {"b" 1}}': ("/a/b", "a colon is expected after the key"),
    b'{"a": {"b": 1, "b": 2}}': ("/a/b", 'the key "b" is written twice'),
    b'{"a/b": {"~": [-0]}}': ("/a~1b/~0/0", "this number has no single meaning"),
    b'{"a": [1e999]}': ("/a/0", "this number is too large"),
    b'{"a": [yes]}': ("/a/0", '"yes" is not a JSON value'),
    b'{"a": [NaN]}': ("/a/0", '"NaN" is not a JSON value'),
    b'{"a": [-Infinity]}': ("/a/0", "a value is expected here"),
    b'{"a": [,]}': ("/a/0", "a value is expected here"),
    b'{"a": "\\ud800"}': ("/a", "a string holds half of a surrogate pair"),
    b'{"a": "x': ("/a", "a string is broken: unterminated string"),
    b"{} {}": ("", "something follows the end of the document"),
    b"\0": ("", "the file holds a NUL byte"),
    b"\xff": ("", "the file is not UTF-8"),
    b"\xef\xbb\xbf{}": ("", "the file begins with a byte order mark"),
    b"[" * 33 + b"]" * 33: ("", "nested deeper than 32 levels"),
    b" " * 262_145: ("", "the file has 262,145 bytes, the limit is 262,144"),
}


@pytest.mark.parametrize("data", TOLD, ids=lambda data: ascii(data[:20]))
def test_a_refusal_says_what_is_wrong_and_where(data: bytes) -> None:
    found = refusal(data)
    assert (found.pointer, found.message) == TOLD[data]


def test_a_refusal_names_the_file() -> None:
    for data in (b"{", b"\xff", b"\0", b"[" * 33, b" " * 262_145):
        with pytest.raises(ManifestError) as caught:
            parse(data, source="other.json")
        assert "other.json" in str(caught.value)


def test_the_bounds_are_those_of_the_text() -> None:
    """The specification: 262,144 bytes, 32 levels, integers of 308 digits, pointers below 1,024 characters."""
    assert parse(b" " * 262_142 + b"{}").value == {}
    assert refusal(b" " * 262_143 + b"{}").code == "json_too_large"
    assert parse(b"[" * 32 + b"]" * 32).value is not None
    assert refusal(b"[" * 33 + b"]" * 33).code == "json_too_deep"
    largest = parse(b"9" * 308)
    assert (largest.value, dict(largest.positions)) == (int("9" * 308), {"": (1, 1)})
    assert refusal(b"9" * 309).code == "json_number"
    for size, there in ((1_022, True), (1_023, False)):
        assert ("/" + "k" * size in parse(json.dumps({"k" * size: 1}).encode()).positions) == there

"""The portable path rule."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.paths import is_portable

GOOD = [
    "a", "a/b", "dist/index.html", ".hidden", "..a", "a..b", "...a", "a b", "é/😀.png",
    "/".join("abcdefghijklmnop"),
    "x" * 255, "console", "CONS", "con1", "nul-", "com", "com10", "lpt", "a/conx.txt", "what?*<>|.txt",
    "aux_",
]  # fmt: skip
BAD = [
    "", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "a/..", "../a", "a/../b", "a\\b", "\\a", "..\\a",
    "C:", "C:/a",
    "a:b", "a\0b", "a\nb", "a\x7f", "a\x85", "a\u202eb", "a\u2028b", "a\u200fb", "a ", "a.", "a /b", "a./b",
    "...", "a/...",
    " ", "a\n", "CON", "con", "CoN.txt", "nul", "NUL.tar.gz", "aux", "a/PRN", "prn/a", "com1", "COM9.x",
    "LPT1", "com\u00b9",
    "COM\u00b2.txt", "lpt\u00b3", "con .txt", "CONIN$", "conout$.txt", "com0", "x" * 256, "é" * 128,
    "/".join("abcdefghijklmnopq"), "\ud800", "a/\udfff",
]  # fmt: skip


@pytest.mark.parametrize("path", GOOD)
def test_a_portable_path(path: str) -> None:
    assert is_portable(path)


@pytest.mark.parametrize("path", BAD)
def test_any_other_path(path: str) -> None:
    assert not is_portable(path)


PIECES = st.sampled_from(
    [
        "a",
        "..",
        ".",
        "",
        "/",
        "\\",
        "con",
        "NUL.txt",
        "b c",
        "é",
        " ",
        "\0",
        ":",
        "x" * 120,
        "…",
        "\u202e",
        "a.b",
    ]
)


@settings(deadline=None, max_examples=400)
@given(
    st.lists(PIECES, max_size=8).map("".join)
    | st.lists(PIECES, max_size=20).map("/".join)
    | st.text(max_size=30)
)
def test_a_portable_path_stays_below_its_root(path: str) -> None:
    if is_portable(path):
        assert posixpath.normpath(f"/root/{path}") == f"/root/{path}"
        assert "\0" not in path
        assert len(path.encode()) <= 255


def test_a_long_path_is_refused_without_looking_at_it() -> None:
    assert not is_portable("a/" * 5_000_000)

"""Host and port of an address: plain ones are read, and nothing of the text is passed over."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locara.core.authority import authority, is_number, is_plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.test", ("a.test", None)),
        ("A.Test:8443", ("a.test", 8443)),
        ("localhost:1", ("localhost", 1)),
        ("127.0.0.1:65535", ("127.0.0.1", 65_535)),
        ("[::1]", ("::1", None)),
        ("[FD00::1]:443", ("fd00::1", 443)),
        ("xn--bcher-kva.example", ("xn--bcher-kva.example", None)),
        (f"{'a' * 63}.test", (f"{'a' * 63}.test", None)),
    ],
)
def test_what_is_plain_is_read(text: str, expected: tuple[str, int | None]) -> None:
    assert authority(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":443",
        "a.test:",
        "a.test:0",
        "a.test:65536",
        "a.test:443:443",
        "a.test:+1",
        "a.test:١",
        "user@a.test",
        "user:word@a.test",
        "%40[fd00::1]",
        "x[::1]",
        "[::1]x",
        "[::1]]",
        "[[::1]]",
        "[a.test]",
        "[127.0.0.1]",
        "[v1.a]",
        "[fe80::1%eth0]",
        "[fe80::1%25eth0]",
        "::1",
        "a..test",
        ".a.test",
        "a.test.",
        "-a.test",
        "a-.test",
        "a_b.test",
        "a%2etest",
        "ä.test",
        "a.test\n",
        " a.test",
        "a.test/x",
        "010.0.0.1",
        "0x7f.1",
        "2130706433",
        "127.1",
        "1.2.3.4.5",
        f"{'a' * 64}.test",
        ".".join(["a" * 60] * 5),
    ],
)
def test_what_is_not_plain_is_none(text: str) -> None:
    assert authority(text) is None


@given(st.text(st.sampled_from("a.0x1[]:@%-/?#\\\n é"), max_size=12))
def test_what_is_read_is_all_of_the_text_and_what_the_standard_library_reads(text: str) -> None:
    found = authority(text)
    if found is None:
        return
    host, port = found
    shown = f"[{host}]" if ":" in host else host
    assert text.lower().partition(shown)[0] == ""
    parts = urlsplit(f"https://{text}/")
    assert (parts.hostname, parts.port, parts.netloc) == (host, port, text)


def test_a_host_has_253_characters_at_most() -> None:
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert authority(longest) == (longest, None)
    assert authority(f"{longest}a") is None


def test_plain_are_the_visible_characters_that_every_reader_leaves_as_they_are() -> None:
    plain = {chr(code) for code in range(0x250) if is_plain(chr(code))}
    assert plain == {chr(code) for code in range(0x21, 0x7F)} - set('\\"<>^`{|}')
    assert is_plain("https://a.test/x?y#z")
    assert not is_plain("https://a.test/ x")


def test_numbers_are_told_from_names() -> None:
    assert is_number("127.0.0.1")
    assert is_number("::1")
    assert not is_number("localhost")
    assert not is_number("127.1")

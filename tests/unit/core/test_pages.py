"""Addresses that may be opened: one form, and its neighbours are none."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.pages import MAX_PAGE, Page, page_of

GOOD = {
    "https://example.com": "https://example.com/",
    "https://Example.COM/A": "https://example.com/A",
    "https://example.com:443/a?b=c&d=%20#e": "https://example.com/a?b=c&d=%20#e",
    "https://example.com?q": "https://example.com/?q",
    "https://example.com#x": "https://example.com/#x",
    "https://xn--bcher-kva.example/": "https://xn--bcher-kva.example/",
}
BAD = (
    *(
        "",
        "example.com",
        "http://example.com/",
        "HTTPS://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ),
    *(
        "mailto:a@example.com",
        "smb://example.com/x",
        "//example.com/",
        "--version",
        "-x",
        "https:example.com",
    ),
    *("https://user@example.com/", "https://user:pw@example.com/", "https://a@b.test@example.com/"),
    *(
        "https://example.com:444/",
        "https://example.com:0443/",
        "https://example.com:/",
        "https://example.com:x/",
    ),
    *(
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://a.local/",
        "https://2130706433/",
    ),
    *("https://example.com./", "https://.example.com/", "https://exa mple.com/", "https://bücher.example/"),
    *("https://example.com/a b", "https://example.com/\n", "https://example.com\n", "\thttps://example.com/"),
    *(
        "https://example.com/%0a",
        "https://example.com/%0D%0A",
        "https://example.com/%00",
        "https://example.com/%7f",
    ),
    *(
        "https://example.com/%",
        "https://example.com/%2",
        "https://example.com/%zz",
        "https://example.com/\\x",
    ),
    *(
        'https://example.com/"',
        "https://example.com/'\"",
        "https://example.com/<x>",
        "https://example.com/`id`",
    ),
    *("https://example.com/a#b#c", "https://example.com\\@evil.test/", "https://example.com/\u202e"),
    "https://example.com/" + "a" * MAX_PAGE,
)


@pytest.mark.parametrize(("text", "address"), GOOD.items())
def test_a_page_is_written_in_one_way(text: str, address: str) -> None:
    page = page_of(text)
    assert page is not None
    assert (page.address, page.host) == (address, urlsplit(address).hostname)
    assert page_of(page.address) == page, "what was judged is judged the same again"


@pytest.mark.parametrize("text", BAD)
def test_everything_else_is_no_page(text: str) -> None:
    assert page_of(text) is None


@settings(deadline=None, max_examples=500)
@given(
    st.text(max_size=60)
    | st.text(st.sampled_from("htps:/@.#?%ab0-\\ [1\n"), max_size=40).map("https://".__add__)
)
def test_another_parser_reads_the_same_host_out_of_every_page(text: str) -> None:
    page = page_of(text)
    if page is None:
        return
    parts = urlsplit(page.address)
    assert page == Page(parts.hostname or "", page.address)
    assert (parts.scheme, parts.port, parts.username, parts.password) == ("https", None, None, None)
    assert page.address.isascii()
    assert page.address.isprintable()
    assert " " not in page.address


def test_an_address_has_2048_characters_at_most() -> None:
    longest = "https://example.com/" + "a" * 2_028
    assert page_of(longest) is not None
    assert page_of(longest + "a") is None

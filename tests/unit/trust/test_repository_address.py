"""Which addresses a repository may have: https, or this machine, and nothing that reads in two ways."""

from __future__ import annotations

import pytest

from locara.trust.repository.address import checked_address
from locara.trust.repository.refused import UpdateRefused

LONG = "https://a.example/" + "a" * 2030


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/", "https://a.example:8443/tuf/", "https://a.example/one/two/", "http://127.0.0.1:8000/",
        "http://localhost/", "http://[::1]:8000/", "https://[2001:db8::1]/", LONG[:2047] + "/",
    ],
)  # fmt: skip
def test_an_address_is_taken_as_it_is_written(url: str) -> None:
    assert checked_address(url) == url
    assert checked_address(url[:-1]) == url, "the slash at its end is added"


@pytest.mark.parametrize(
    "url",
    [
        "", "a.example", "http://a.example/", "ftp://a.example/", "file:///etc/", "https:///x", "https://",
        "https://user@a.example/", "https://user:word@a.example/", "https://@a.example/", "https://a.example/?x", "https://a.example/?",
        "https://a.example/#",
        "https://a.example/#x", "https://a.example:port/", "https://a.example:99999/", "https://[::1/",
        "https://a.example/ x", "https://a.example/\n", "https://a.example/\x7f", "https://b\u00fccher.example/",
        "http://127.0.0.1@evil.example/", "http://127.0.0.2/", "http://localhost.evil.example/", LONG + "abc",
        "HTTP://a.example/",
    ],
)  # fmt: skip
def test_any_other_is_refused_and_shown_without_what_could_mislead(url: str) -> None:
    with pytest.raises(UpdateRefused) as caught:
        checked_address(url)
    assert caught.value.code == "bad_address"
    assert caught.value.message.isascii() and caught.value.message.isprintable()
    assert len(caught.value.message) < 200 and caught.value.fix

"""The two independent readings of a web address, and the generator that feeds them."""

from __future__ import annotations

import random

import pytest

from locara_verify.oracle.addresses import Place, browser, strict
from locara_verify.strategies import addresses


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("https://a.example", "a.example", 443),
        ("https://A.example:8443/x?y#z", "a.example", 8443),
        ("https://a.example?q", "a.example", 443),
    ],
)
def test_a_plain_address_is_one_place_to_both(text: str, host: str, port: int) -> None:
    assert strict(text) == browser(text) == Place("https", host, port)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (" https://a.example/", "a.example"),
        ("https://a.example\\@b.example/", "a.example"),
        ("https://b.example@a.example/", "a.example"),
        ("https://a@b@a.example/", "a.example"),
        ("https://b.example:443@c.example@a.example/@d.example", "a.example"),
        ("https://b.example@a.example#@c.example", "a.example"),
        ("https://b.example@a.example?@c.example", "a.example"),
        ("ht\ntps://a.exa\tmple", "a.example"),
        ("https://%61.example/", "a.example"),
        ("https://ａ.example/", "a.example"),
        ("https:a.example", "a.example"),
        ("https://2130706433/", "127.0.0.1"),
        ("https://0x7f.1/", "127.0.0.1"),
        ("https://017700000001/", "127.0.0.1"),
    ],
)
def test_what_only_a_browser_understands_has_no_strict_reading(text: str, host: str) -> None:
    assert browser(text) == Place("https", host, 443)
    found = strict(text)
    assert found is None or not found.host.startswith("127.")


@pytest.mark.parametrize(
    "text", ["", "https://", "file:///x", "https://a.example:99999/", "https://a b/", "https://[::1/"]
)
def test_what_goes_nowhere_has_no_place(text: str) -> None:
    assert strict(text) is None
    assert browser(text) is None


def test_the_generator_reaches_both_sides() -> None:
    rng = random.Random(1)
    made = [addresses.address(rng, ["a.example", "*.b.example"]) for _ in range(2_000)]
    plain = sum(strict(text) is not None for text in made)
    assert 200 < plain < 1_800
    assert any("\r\n" in text for text in made)
    assert any(text != text.strip() for text in made)

"""The token in front of every message of a page."""

from __future__ import annotations

import pytest

from locara.ui.webkit.bridge import Bridge


def test_a_message_with_the_token_is_its_frame() -> None:
    bridge = Bridge()
    assert bridge.frame_of(bridge.token + '{"id":1,"ü":"\\ud83d"}') == '{"id":1,"ü":"\\ud83d"}'.encode()


@pytest.mark.parametrize(
    "change", [lambda t: "", lambda t: t[:-1] + "x", lambda t: t.upper() + "x", lambda t: " " + t]
)
def test_a_message_with_another_token_is_none(change: object) -> None:
    bridge = Bridge()
    assert bridge.frame_of(change(bridge.token) + "{}") is None  # type: ignore[operator]


@pytest.mark.parametrize("message", [None, 1, b"x", {}, []])
def test_what_is_no_text_is_no_message(message: object) -> None:
    assert Bridge().frame_of(message) is None


def test_each_document_has_a_token_of_its_own() -> None:
    first, second = Bridge(), Bridge()
    assert first.token != second.token and len(first.token) == 64
    assert second.frame_of(first.token + "{}") is None
    assert first.token in first.script

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.sandbox.broker_wire import MAX_DATAGRAM, decode, encode, fitting


def test_a_message_survives() -> None:
    message = {"op": "open", "path": "ä\u202e\0", "n": 1}
    assert decode(encode(message)) == message


@pytest.mark.parametrize("data", [b"", b"[]", b"1", b"{", b"\xff\xfe", b'{"a":1}x', b"[" * 60_000])
def test_anything_else_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode(data)


def test_a_message_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode({"path": "a" * MAX_DATAGRAM})


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(min_size=1, max_size=255), max_size=30), st.integers(1, 40))
def test_what_fits_is_a_beginning_that_can_be_sent_and_one_more_could_not(
    names: list[str], times: int
) -> None:
    items = [{"name": name, "kind": "file", "size": 2**50} for name in names] * times
    told = fitting(items)
    assert told == items[: len(told)]
    assert bool(told) == bool(items)
    encode({"ok": True, "next": 2**50, "entries": told})
    if len(told) < len(items):
        assert len(encode({"entries": told})) > MAX_DATAGRAM - 1024 - 2_000

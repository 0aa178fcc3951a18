from __future__ import annotations

import pytest

from locara.sandbox.broker_wire import MAX_DATAGRAM, decode, encode


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

"""The key of the logs of these tests, and how a refusal is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.note_keys import ED25519, SigningKey

KEY = SigningKey("log.example.org/locara", ED25519, bytes(range(32)))
POLICY = LogPolicy.of(KEY.verifier)


def refused(code: str, act: Callable[[], object]) -> LogRefused:
    """The refusal with this code that the act ends in."""
    with pytest.raises(LogRefused) as caught:
        act()
    assert caught.value.code == code, caught.value
    return caught.value

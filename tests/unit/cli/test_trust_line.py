"""The background fetch: never at once, never by everybody at the same time."""

from __future__ import annotations

from locara.cli.trust import EVERY, pause


def test_pauses_are_around_four_hours_and_differ() -> None:
    pauses = [pause() for _ in range(400)]
    assert min(pauses) >= 0.75 * EVERY
    assert max(pauses) <= 1.25 * EVERY
    assert max(pauses) - min(pauses) > 0.3 * EVERY
    assert len(set(pauses)) > 390

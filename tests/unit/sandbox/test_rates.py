"""At most so many in any span of time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import CallError
from locara.sandbox.desktop.rates import Rate


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 5), st.lists(st.floats(0, 4, allow_nan=False), max_size=60))
def test_no_span_of_time_holds_more(most: int, pauses: list[float]) -> None:
    now, taken = 0.0, []
    rate = Rate(most, 10.0, lambda: now)
    for pause in pauses:
        now += pause
        recent = [time for time in taken if now - time < 10.0]
        try:
            rate.take("things")
        except CallError as error:
            assert error.code == "limit_exceeded"
            assert len(recent) == most, "refused although there was room"
            continue
        assert len(recent) < most, "taken although there was none"
        taken.append(now)

"""A window comes back where it stood only when a person can reach it there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.ui.webkit.place import Area, place_within, size_within

ONE: list[Area] = [(0, 0, 1280, 900)]
TWO: list[Area] = [(0, 24, 1280, 876), (1280, 0, 1920, 1080)]


@pytest.mark.parametrize(
    ("at", "areas", "stays"),
    [
        ((40, 30), ONE, True),
        ((-900, 30), ONE, False),
        ((-880, 30), ONE, True),
        ((1160, 30), ONE, True),
        ((1161, 30), ONE, False),
        ((40, -1), ONE, False),
        ((40, 860), ONE, True),
        ((40, 861), ONE, False),
        ((40, 10), TWO, False),
        ((1400, 10), TWO, True),
        ((1400, 10), ONE, False),
        ((40, 30), [], False),
    ],
)
def test_only_where_its_upper_edge_can_be_reached(
    at: tuple[int, int], areas: list[Area], *, stays: bool
) -> None:
    assert place_within(at, 1000, areas) == (at if stays else None)


_NUMBERS = st.integers(-40_000, 40_000)
_AREA = st.tuples(_NUMBERS, _NUMBERS, st.integers(320, 8_000), st.integers(200, 8_000))


@settings(deadline=None, max_examples=200)
@given(st.tuples(_NUMBERS, _NUMBERS), st.integers(320, 16_384), st.lists(_AREA, max_size=3))
def test_a_place_that_is_kept_shows_a_grip_on_some_screen(
    at: tuple[int, int], width: int, areas: list[Area]
) -> None:
    if place_within(at, width, areas) is None:
        return
    pixels = ((at[0] + step, at[1]) for step in range(0, width, 16))
    shown = [x for x, y in pixels if any(a <= x < a + w and b <= y < b + h for a, b, w, h in areas)]
    assert shown, "no part of the upper edge is on a screen"


def test_a_window_is_never_larger_than_the_largest_screen() -> None:
    assert size_within((16_384, 16_384), TWO) == (1920, 1080)
    assert size_within((700, 16_384), ONE) == (700, 900)
    assert size_within((700, 500), ONE) == (700, 500)
    assert size_within((700, 500), []) == (700, 500)

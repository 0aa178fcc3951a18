"""Where on the screens of this moment a window may stand, given where it stood last time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

Area: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height of a screen without its panels, in pixels."""

_GRIP: Final = (120, 40)
"""This much of a window's upper edge must be within reach of the pointer."""


def size_within(size: tuple[int, int], areas: Sequence[Area]) -> tuple[int, int]:
    """The size, made smaller where no screen is as large."""
    if not areas:
        return size
    width, height = max((area[2:] for area in areas), key=lambda each: each[0] * each[1])
    return min(size[0], width), min(size[1], height)


def place_within(at: tuple[int, int], width: int, areas: Sequence[Area]) -> tuple[int, int] | None:
    """The same place when a person can reach the window there by its upper edge; None where the system places it."""
    x, y = at
    wide, high = _GRIP
    for left, top, across, down in areas:
        seen = min(x + width, left + across) - max(x, left)
        if seen >= min(wide, width) and top <= y <= top + down - high:
            return at
    return None

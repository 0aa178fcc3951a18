"""Where a person left a window: kept per app among their decisions, and never believed further than a size and a
place. Whether that place is still on a screen is seen where the screens are, in the window's process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from locara.core.strict_json import JSON
from locara.records import dataclass
from locara.runtime.app_home import file_name
from locara.runtime.state import StartError, StateFolder
from locara.ui.window import Report

DEFAULT: Final = (1000, 720)
_RANGE: Final = (320, 16_384)
_FAR: Final = 32_767
"""The coordinates that X11 has."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Width and height in pixels, the place of the upper left corner where the system tells it, and whether the
    window fills the screen."""

    size: tuple[int, int] = DEFAULT
    at: tuple[int, int] | None = None
    maximized: bool = False


def placement_of(state: StateFolder, app_id: str) -> Placement:
    """How the app's window was left; the default where that cannot be read."""
    try:
        value = state.read(_name(app_id), code="state_unwritable")
    except StartError:
        return Placement()
    return _placement(value or {}) or Placement()


def keep(state: StateFolder, app_id: str, report: Report) -> None:
    """Remember what a window told of its size and place; nothing when it is no size."""
    told = _placement(report.facts)
    if told is None:
        return
    if told.maximized:  # what to come back to is what was before
        before = placement_of(state, app_id)
        told = Placement(before.size, before.at, maximized=True)
    value: dict[str, JSON] = {"width": told.size[0], "height": told.size[1], "maximized": told.maximized}
    if told.at is not None:
        value |= {"x": told.at[0], "y": told.at[1]}
    state.write(_name(app_id), value)


def _placement(told: Mapping[str, object]) -> Placement | None:
    low, high = _RANGE
    size = _pair(told.get("width"), told.get("height"), low, high)
    if size is None:
        return None
    return Placement(size, _pair(told.get("x"), told.get("y"), -_FAR, _FAR), told.get("maximized") is True)


def _pair(first: object, second: object, low: int, high: int) -> tuple[int, int] | None:
    """Two whole numbers within bounds, None for anything else."""
    if not (isinstance(first, int) and isinstance(second, int)):
        return None
    if isinstance(first, bool) or isinstance(second, bool):
        return None
    return (first, second) if low <= first <= high and low <= second <= high else None


def _name(app_id: str) -> str:
    return f"windows/{file_name(app_id)}.json"

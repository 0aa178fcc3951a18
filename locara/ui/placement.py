"""Where a person left a window: kept per app among their decisions, and never believed further than a size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from locara.runtime.app_home import file_name
from locara.runtime.state import StartError, StateFolder
from locara.ui.window import Report

DEFAULT: Final = (1000, 720)
_RANGE: Final = (320, 16_384)


@dataclass(frozen=True, slots=True)
class Placement:
    """Width and height in pixels, and whether the window fills the screen."""

    size: tuple[int, int] = DEFAULT
    maximized: bool = False


def placement_of(state: StateFolder, app_id: str) -> Placement:
    """How the app's window was left; the default where that cannot be read."""
    try:
        value = state.read(_name(app_id), code="state_unwritable")
    except StartError:
        return Placement()
    value = value or {}
    return _placement(value.get("width"), value.get("height"), value.get("maximized")) or Placement()


def keep(state: StateFolder, app_id: str, report: Report) -> None:
    """Remember the size that a window told of; nothing when it is no size."""
    facts = report.facts
    told = _placement(facts.get("width"), facts.get("height"), facts.get("maximized"))
    if told is None:
        return
    size = told.size
    if told.maximized:  # the size to come back to is the one before
        size = placement_of(state, app_id).size
    state.write(_name(app_id), {"width": size[0], "height": size[1], "maximized": told.maximized})


def _placement(width: object, height: object, maximized: object) -> Placement | None:
    low, high = _RANGE
    if not (isinstance(width, int) and isinstance(height, int)):
        return None
    if not (low <= width <= high and low <= height <= high):
        return None
    return Placement((width, height), maximized is True)


def _name(app_id: str) -> str:
    return f"windows/{file_name(app_id)}.json"

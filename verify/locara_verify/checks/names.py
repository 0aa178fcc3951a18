"""Names that open something to whoever says them: drawn anew each time, or they are guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ENOUGH: Final = 16
"""As many names as it takes to see whether they are drawn."""
_LIVELY: Final = 20
_SEEN: Final = 6


def guessable(names: Sequence[str]) -> str | None:
    """What can be guessed of names of one kind, of which there are at least `ENOUGH`; None when nothing can."""
    if len(set(names)) != len(names):
        return f"{len(names) - len(set(names))} of {len(names)} were there before"
    lively = sum(len(set(column)) >= _SEEN for column in zip(*names, strict=False))
    return None if lively >= _LIVELY else f"{lively} characters of {len(names)} names vary"

"""What the kernel says of itself in files of text below /proc and /sys."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MOST_CHARS: Final = 65_536


def kernel_text(place: Path) -> str:
    """The text, at most 65,536 characters of it; empty where this kernel has no such file or does not show it."""
    try:
        with place.open(encoding="ascii", errors="replace") as file:
            return file.read(_MOST_CHARS)
    except OSError:
        return ""

"""Where a program and its data appear in its sandbox."""

from __future__ import annotations

from typing import Final

PROGRAM: Final = "/program"
PROGRAM_DATA: Final = "/program-data"

"""How a verb writes to a terminal: plain lines, colour only where it is wanted, text of an app never raw."""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

_RED: Final = "\x1b[1;31m"
_BOLD: Final = "\x1b[1m"
_OFF: Final = "\x1b[0m"


def colours(stream: TextIO) -> bool:
    """True when stream is a terminal that shows colour and nobody asked for none (NO_COLOR, TERM=dumb)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str, stream: TextIO | None = None) -> str:
    """The text in bold where colour is wanted, else unchanged."""
    return f"{_BOLD}{text}{_OFF}" if colours(stream or sys.stdout) else text


def printable(text: str) -> str:
    """The text with every control and unprintable character escaped, so that it cannot steer a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def print_error(text: str) -> None:
    """One error to stderr: `error: …`, then its help lines."""
    first, _, rest = text.partition("\n")
    label = f"{_RED}error:{_OFF}" if colours(sys.stderr) else "error:"
    lines = [f"{label} {printable(first)}", *(f"  {printable(line)}" for line in rest.splitlines())]
    print("\n".join(lines), file=sys.stderr, flush=True)


def size_text(size: int) -> str:
    """Bytes for people: `12.3 MB`, in powers of 1000."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"

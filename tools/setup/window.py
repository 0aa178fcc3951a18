"""What windows need from the system, installed where it is missing. `screen` also brings what their tests need."""

from __future__ import annotations

import sys

import system
from say import SetupError


def main() -> int:
    """Exit code 0 when all is there, 2 when a person must do something first."""
    try:
        system.install_missing(system.SCREEN if "screen" in sys.argv[1:] else system.WINDOW)
    except SetupError as problem:
        print(f"dev: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

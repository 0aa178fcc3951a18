"""What the tests of keys in hardware tokens need from the system, installed where it is missing."""

from __future__ import annotations

import sys

import system
from say import SetupError


def main() -> int:
    """Exit code 0 when all is there, 2 when a person must do something first."""
    try:
        system.install_missing(system.TOKEN)
    except SetupError as problem:
        print(f"dev: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

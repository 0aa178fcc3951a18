"""Whether this interpreter can make the environment, and the microseconds that a fixed piece of plain Python takes it.

Exit code 1 and no output where it cannot: another version, or one without venv and pip.
"""

from __future__ import annotations

import sys

ROUNDS = 9
STEPS = 30_000


def spin() -> int:
    """Plain Python, the same every time."""
    total = 0
    for number in range(STEPS):
        total += number * number % 7
    return total


def main() -> int:
    """Print the least of a few rounds: what else the machine does only adds."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return 1
    try:
        import ensurepip  # noqa: F401, PLC0415
        import timeit  # noqa: PLC0415
        import venv  # noqa: F401, PLC0415
    except ImportError:
        return 1
    print(round(min(timeit.repeat(spin, number=1, repeat=ROUNDS)) * 1e6))
    return 0


if __name__ == "__main__":
    sys.exit(main())

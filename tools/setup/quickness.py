"""Whether this interpreter can make the environment, and the microseconds that fixed pieces of plain Python take it.

Exit code 1 and no output where it cannot: another version, or one without venv and pip.

What is measured is what the framework and the verifier do all day: calls, small objects, text and parsing. A bare loop
over numbers hardly tells an optimized build from another, and these take half as long again in one that is not.
"""

from __future__ import annotations

import sys

ROUNDS = 12
OBJECTS = 6_000
PATHS = 2_500
PARSED = 2


class Point:
    """A small object with a method."""

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y

    def total(self) -> int:
        """The sum of both."""
        return self.x + self.y


def work() -> int:
    """Plain Python, the same every time."""
    total = 0
    for number in range(OBJECTS):
        total += Point(number, 2).total()
    for number in range(PATHS):
        parts = [part for part in f"a/b/../c/{number}".split("/") if part not in {".", ".."}]
        total += len("/".join(parts))
    for _ in range(PARSED):
        total += len(compile(SOURCE, "text", "exec").co_code)
    return total


SOURCE = "\n".join(
    f"def f{number}(a, b=({number}, 'x'), *rest, **more):\n    return [a[i] + b for i in rest if i in more]"
    for number in range(40)
)


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
    print(round(min(timeit.repeat(work, number=1, repeat=ROUNDS)) * 1e6))
    return 0


if __name__ == "__main__":
    sys.exit(main())

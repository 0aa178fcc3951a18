"""Says that it runs and then waits until its input ends, so that it can be looked at from outside."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    sys.stdin.read()

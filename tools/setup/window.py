"""What windows need from the system, installed where it is missing. `screen` also brings what their tests need."""

from __future__ import annotations

import sys

import system

if __name__ == "__main__":
    sys.exit(system.bring(system.SCREEN if "screen" in sys.argv[1:] else system.WINDOW))

"""What the tests of keys in hardware tokens need from the system, installed where it is missing."""

from __future__ import annotations

import sys

import system

if __name__ == "__main__":
    sys.exit(system.bring(system.TOKEN))

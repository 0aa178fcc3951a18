"""What windows need from the system, installed where it is missing.

`screen` also brings what their tests need, `browser` only a browser.
"""

from __future__ import annotations

import sys

import system

if __name__ == "__main__":
    asked = {"screen": system.SCREEN, "browser": system.BROWSER}
    sys.exit(system.bring(asked.get("".join(sys.argv[1:]), system.WINDOW)))

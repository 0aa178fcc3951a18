"""What windows need from the system, installed where it is missing.

`screen` also brings what their tests need, `browser` a browser; `browser` alone brings nothing else.
"""

from __future__ import annotations

import sys

import system

if __name__ == "__main__":
    known = {"screen": system.SCREEN, "browser": system.BROWSER}
    asked = tuple(need for name in sys.argv[1:] for need in known[name])
    sys.exit(system.bring(asked or system.WINDOW))

"""`python -m locara` is the `locara` command."""

from __future__ import annotations

import sys

from locara.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())

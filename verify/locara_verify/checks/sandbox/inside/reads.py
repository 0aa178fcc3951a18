"""Reads the named files and writes a new one beside those that are said to be writable; prints what it read.

Argument: a JSON object {name: [path, write to or ""]}. Output: {name: text}, in Latin-1.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path


def main() -> None:
    """Read, write, print."""
    found: dict[str, str] = {}
    for name, (path, new) in json.loads(sys.argv[1]).items():
        with suppress(OSError):
            found[name] = Path(path).read_bytes()[:4_096].decode("latin-1")
        if new:
            with suppress(OSError):
                Path(new).write_bytes(b"written inside")
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()

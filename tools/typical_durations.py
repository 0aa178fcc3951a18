"""Writes what checks take: `python tools/typical_durations.py REPORT…`, each a JSON report of an idle machine.

The first run on a machine begins with the checks that took longest here. Checks that no report names stay as they
were; those that are no more go.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "verify/locara_verify/typical.json"


def main() -> int:
    """0 when the file was written."""
    from locara_verify import checks  # noqa: PLC0415 - the checkout is put on the path first

    known = checks.load().checks.keys()
    typical: dict[str, dict[str, int]] = json.loads(PLACE.read_bytes()) if PLACE.exists() else {}
    for path in sys.argv[1:]:
        report = json.loads(Path(path).read_bytes())
        took = {span["check"]: span["ms"] for span in report["run"]["checks"] if span["state"] != "none"}
        typical[report["profile"]] = {**typical.get(report["profile"], {}), **took}
    kept = {
        profile: {name: ms for name, ms in sorted(took.items()) if name in known}
        for profile, took in sorted(typical.items())
    }
    PLACE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "verify")]
    sys.exit(main())

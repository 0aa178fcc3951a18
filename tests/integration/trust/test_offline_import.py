"""Every vector is judged the same, by the library loaded whole and by the library without its network half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
JUDGE = """
import json, sys
from pathlib import Path
from locara.trust.bundle.offline_import import NOT_FOR_CHECKS
from locara_verify.checks.attestation.judge import Client, facts
from locara_verify.strategies.bundles import vectors

client = Client()

def said(side):
    reason, believed = client.ask(side)
    return reason or repr(facts(believed))

verdicts = [(one.name, one.reason, said(one.bad), said(one.twin)) for one in vectors(Path("fixtures"))]
print(json.dumps({"verdicts": verdicts, "loaded": [name for name in NOT_FOR_CHECKS if name in sys.modules]}))
"""


def judged(before: str) -> tuple[list[list[str]], list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\n{JUDGE}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},  # sets are written in one order
        check=True,
        capture_output=True,
        text=True,
    )
    told = json.loads(done.stdout)
    return told["verdicts"], told["loaded"]


def test_no_check_uses_what_was_put_off() -> None:
    whole, loaded = judged("import sigstore.models, sigstore.verify.verifier")
    assert len(loaded) == 5
    part, used = judged("")
    assert used == [], "a check used a library that it was loaded without"
    assert len(part) >= 120 and part == whole
    assert all(reason == said for _, reason, said, _ in part)

"""What a sandbox loads before anything of its payload."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
sys.path[:] = {path!r}
import locara.sandbox.linux.stage2
from locara.sandbox.linux import landlock, readback, seccomp
print(sorted({{"dataclasses", "inspect", "locara.errors", "locara.records"}} & sys.modules.keys()))
"""


def test_it_defines_no_records_and_loads_nothing_that_they_need() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM.format(path=sys.path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")

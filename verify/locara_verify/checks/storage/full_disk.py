"""LC228: on a disk that is full nothing is half written, and the app is told so in clear words.

The app runs with all that it writes on a small file system of its own, made by bubblewrap for this check alone. The
room that is left is taken away before each write, in steps from none to nearly enough.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.starts import bare
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.process import bare_environment

RULE: Final = "LC228"
NAME: Final = "full-disk"
PROGRAM: Final = "locara_verify.checks.storage.full_disk_program"
BYTES: Final = 12_000_000
SECONDS: Final = 300.0
FIXTURE: Final = "models/locara-tiny-chat.gguf"

Json = Any


def _writing(document: dict[str, Json]) -> None:
    bare(document)
    document["capabilities"] = {"fs.app-data": "read-write", "fs.user-selected": "read-write"}


@check(NAME, rules=(RULE,), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Run the program of this check where the disk is small, and tell what it found."""
    folder = ctx.fresh_dir("disk")
    job = {
        "app": str(ctx.variant("full-disk", _writing, page=False)),
        "folder": str(folder),
        "fixture": str(ctx.fixtures / FIXTURE),
    }
    told = _told(folder, job)
    if isinstance(told, str):
        return CheckResult(inconclusive={RULE: told})
    tried: int = told["tried"]
    findings = tuple(
        Finding(RULE, fault, f"the disk was filled up before the write ({tried} writes tried)")
        for fault in told["wrong"]
    )
    broken = "; ".join(told["broken"])
    return CheckResult(
        findings,
        {RULE: tried},
        attacks=tried,
        inconclusive={RULE: f"the allow twin failed: {broken}"} if broken and not findings else {},
    )


def _told(folder: Path, job: Mapping[str, Json]) -> dict[str, Json] | str:
    """What the program says, or why it could not run."""
    from locara.errors import SandboxError  # noqa: PLC0415 - only live checks load the runtime
    from locara.sandbox.host import find_bwrap  # noqa: PLC0415

    try:
        bwrap = find_bwrap()
    except SandboxError as error:
        return error.message
    ours = {name: os.environ[name] for name in ("SUDO_UID", "SUDO_GID") if name in os.environ}
    environment = bare_environment(folder / "nobody") | ours
    # Only the small file system is new; the sandbox that is tried is made inside, as always.
    around = ["--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--die-with-parent"]
    around += ["--perms", "0755", "--size", str(BYTES), "--tmpfs", str(folder)]
    rights = ["--cap-add", "ALL"] if os.getuid() == 0 else []
    try:
        done = subprocess.run(
            [bwrap, *around, *rights, sys.executable, "-P", "-m", PROGRAM],
            input=json.dumps(job).encode(),
            env=environment,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the small file system could not be used: {error}"
    if done.returncode != 0:
        return f"the program broke: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}"
    found: dict[str, Json] = json.loads(done.stdout)
    return found

"""Programs of the checks that need a desktop's toolkit: run by the system's Python, which has it, on a screen of their
own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from locara_verify.checks.window.live import screen


def answer_of(script: Path, *arguments: str, home: Path, given: object, seconds: float) -> Any:  # noqa: ANN401 - JSON
    """What ``script`` writes as JSON when it reads ``given``; None when it writes none.

    Raises subprocess.TimeoutExpired after so many seconds.
    """
    with screen() as display:
        environ = {
            "DISPLAY": display.name,
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "GSETTINGS_BACKEND": "memory",
        }
        environ |= {"LIBGL_ALWAYS_SOFTWARE": "1", "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        done = subprocess.run(
            ["/usr/bin/python3", "-I", str(script), *arguments],
            env=environ,
            input=json.dumps(given).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    try:
        return json.loads(done.stdout)
    except ValueError:
        return None

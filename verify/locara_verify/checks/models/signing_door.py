"""Runs `locara models` for LC537 in a process of its own: jobs on stdin, what came of them on stdout.

A process, because the command reads the person's folders from the environment.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any


def entered(cache: Path) -> bool:
    """Whether a byte of anything is below the cache."""
    return any(one.is_file() and one.stat().st_size > 0 for one in cache.rglob("*"))


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One command in its folder; a changed file of the cache before it is part of the job."""
    from locara.cli.__main__ import main  # noqa: PLC0415 - the environment stands before it loads

    folder = Path(job["folder"])
    os.chdir(folder)
    for name, text in job["files"].items():
        place = folder / name
        place.unlink(missing_ok=True)
        if text is None:
            place.symlink_to("nothing")
        else:
            place.write_bytes(bytes.fromhex(text))
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["models", *job["args"], "--cache", str(folder / "cache")])
    return {"code": code, "said": said.getvalue(), "entered": entered(folder / "cache")}


if __name__ == "__main__":
    print(json.dumps([run(job) for job in json.load(sys.stdin)]))

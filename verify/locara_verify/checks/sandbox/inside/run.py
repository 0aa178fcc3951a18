"""Runs probes and prints one JSON object: {"results": {name: outcome}, "facts": {...}}. Argument: a JSON
request.

Every probe that is not inline gets a forked child and a time limit, so a probe that is killed or hangs
costs only itself.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from typing import Any

from . import desktop, files, kernel, network, processes  # noqa: F401 - importing them registers the probes
from .facts import facts
from .registry import Probe, attempt, probes

SECONDS = 4.0


def run_one(one: Probe, world: dict[str, Any]) -> str:
    """The outcome of one probe; `signal-N` when the kernel ended it, `timeout` when it did not end."""
    if one.inline:
        return attempt(one, world)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = "error"
        try:
            outcome = attempt(one, world)
        finally:
            os.write(writer, outcome.encode("utf-8", "replace")[:200])
            os._exit(0)
    os.close(writer)
    outcome = ""
    ready, _, _ = select.select([reader], [], [], SECONDS)
    if ready:
        outcome = os.read(reader, 400).decode("utf-8", "replace")
    os.close(reader)
    if not ready:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if not ready:
        return "timeout"
    return outcome or f"signal-{os.WTERMSIG(status)}"


def main() -> None:
    """Run what the request names, everything when it names nothing."""
    request = json.loads(sys.argv[1])
    world, wanted = request["world"], request["probes"]
    known = probes()
    names = list(known) if wanted is None else wanted
    results = {name: run_one(known[name], world) for name in names}
    sys.stdout.write(json.dumps({"results": results, "facts": facts()}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""The process one check runs in: one task on standard input, JSON lines on standard output.

A check may run native code on hostile bytes. Whatever that does to this process, the engine lives on.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from locara.errors import LocaraError
from locara_verify.budget import Budget
from locara_verify.check import CheckResult, registered
from locara_verify.context import Context
from locara_verify.target import load
from locara_verify.wire import WireError, result_to_json

_PROGRESS_EVERY: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1


def main() -> int:
    """Run the task on standard input. Exit code 0 when a result or a reason was sent, else 70."""
    task = json.loads(sys.stdin.buffer.read())
    # Native libraries print where they like. The real output moves away from descriptor 1 before any loads.
    out = os.dup(1)  # never closed: the end of the output is the end of the process
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    _die_with_parent(task["parent"])
    try:
        send(out, {"type": "result", "result": result_to_json(_run(task, out))})
    except (LocaraError, WireError) as error:
        text = error.diagnostics() if isinstance(error, LocaraError) else str(error)
        send(out, {"type": "inconclusive", "reason": text})
    except Exception as error:  # the engine reports it; the trace stays in the log
        traceback.print_exc()
        send(out, {"type": "inconclusive", "reason": f"the check failed: {type(error).__name__}: {error}"})
    return 0


def _run(task: Mapping[str, Any], out: int) -> CheckResult:
    importlib.import_module(task["module"])
    check = registered().get(task["check"])
    if check is None:
        raise WireError(f"{task['module']} registers no check {task['check']!r}")
    target = load(Path(task["target"]))
    if target.digest != task["digest"]:
        raise WireError("the app changed while it was being verified")
    context = Context(
        target=target,
        profile=Budget(**task["budget"]),
        seed=task["seed"],
        workdir=Path(task["workdir"]),
        fixtures=Path(task["fixtures"]),
        cache_root=None if task["cache_root"] is None else Path(task["cache_root"]),
        strict=task["strict"],
        report=_throttled(out),
    )
    case = task["case"]
    if case is None:
        return check.run(context)
    replay = getattr(sys.modules[check.module], "replay", None)
    if replay is None:
        raise WireError(f"the check {check.name} cannot repeat a single case")
    result = replay(context, case)
    if not isinstance(result, CheckResult):
        raise WireError(f"replay of {check.name} gave no result")
    return result


def send(out: int, message: Mapping[str, Any]) -> None:
    """Write one message as one line. Raises WireError for values that JSON cannot hold."""
    try:
        line = json.dumps(message, allow_nan=False, ensure_ascii=True).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"the result cannot be written as JSON: {error}") from error
    while line:
        line = line[os.write(out, line) :]


def _throttled(out: int) -> Callable[[int, int, str], None]:
    last = 0.0

    def report(done: int, total: int, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_EVERY:
            last = now
            send(out, {"type": "progress", "done": done, "total": total, "note": note})

    return report


def _die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when the engine goes; leave at once when it has gone already."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(70)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # the answer is out: the exit handlers of native libraries may not spoil it

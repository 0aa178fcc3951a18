"""The processes that checks run in: one that stays small and warm, and a fork of it for every task.

A check may run native code on hostile bytes. Whatever that does to its process, the engine lives on.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from locara.errors import LocaraError
from locara_verify.budget import Budget
from locara_verify.check import CheckResult, registered
from locara_verify.context import Context
from locara_verify.finding import Finding, overheard
from locara_verify.process import LIVE, START, TRUST
from locara_verify.scratch import in_memory
from locara_verify.supply import Supply
from locara_verify.target import load, rehearse
from locara_verify.wire import WireError, finding_to_json, result_to_json

WARM: Final = (
    "locara.core.grant",
    "locara.core.manifest",
    "locara.core.compile",
    "locara.core.decision",
    "locara.core.surface",
)
"""Imported once, before any fork. Nothing here may start a thread."""
WARM_SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    LIVE: ("locara.runtime.launch", "locara_verify.checks.escape.live", "locara_verify.checks.models.probe"),
    TRUST: ("locara.trust.attestation", "locara.trust.repository.client", "locara.trust.witness"),
}
"""Imported as well where several checks need all of it. How the Sigstore library is loaded is itself looked at."""

_PROGRESS_EVERY: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1
_sending = threading.Lock()
_FAULT: Final = 70


def serve(channel: socket.socket, engine: int, shared: Sequence[str]) -> None:
    """Fork a worker for each message until the engine goes. Tells the engine every start and every end.

    ``shared`` names what several tasks are going to need.
    """
    _die_with(engine)

    def reap(_number: int, _frame: FrameType | None) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            _tell(channel, ended=pid, status=os.waitstatus_to_exitcode(status))

    signal.signal(signal.SIGCHLD, reap)
    for module in (*WARM, *(module for name in shared for module in WARM_SHARED[name])):
        importlib.import_module(module)
    with suppress(Exception):  # it goes wrong once more where that is somebody's result
        rehearse()
    gc.collect()
    gc.freeze()
    # A check makes many objects and few circles of them: looking for those often takes time and finds little.
    gc.set_threshold(50_000, 20, 100)
    nursery = os.getpid()
    while True:
        asked, fds, _, _ = socket.recv_fds(channel, len(START), 3)
        if not asked:
            return
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            channel.close()
            _become_worker(fds, nursery)
        for fd in fds:
            os.close(fd)
        _tell(channel, started=pid)


def _tell(channel: socket.socket, **message: int) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


def _become_worker(fds: list[int], nursery: int) -> NoReturn:
    """Run the one task of this fork and leave. The answer is out by then: no exit handler may spoil it."""
    status = _FAULT
    try:
        os.setsid()
        _die_with(nursery)
        task, out, log = fds
        # Native libraries print where they like: descriptors 1 and 2 are the log, the protocol is elsewhere.
        for standard, fd in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(fd, standard)
        random.seed(0)
        with os.fdopen(task, "rb") as stream:
            message = json.load(stream)
        if message["in_memory"]:
            in_memory(Path(message["workdir"]))
        os.chdir(message["workdir"])
        run_task(message, out)
        status = 0
    except SystemExit:
        pass  # a check that leaves gives no result; the engine says so
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def run_task(task: Mapping[str, Any], out: int) -> None:
    """Run the check that ``task`` names and send its result, or the reason why there is none, to ``out``."""
    try:
        send(out, {"type": "result", "result": result_to_json(_result(task, out))})
    except (LocaraError, WireError) as error:
        text = error.diagnostics() if isinstance(error, LocaraError) else str(error)
        send(out, {"type": "inconclusive", "reason": text})
    except Exception as error:  # the engine reports it; the trace stays in the log
        traceback.print_exc()
        send(out, {"type": "inconclusive", "reason": f"the check failed: {type(error).__name__}: {error}"})


def _result(task: Mapping[str, Any], out: int) -> CheckResult:
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
        supply=None if task.get("supply") is None else Supply.from_json(task["supply"]),
        report=_throttled(out),
    )
    case = task["case"]
    with overheard(_telling(out)):
        if case is None:
            result = check.run(context)
        else:
            replay = getattr(sys.modules[check.module], "replay", None)
            if replay is None:
                raise WireError(f"the check {check.name} cannot repeat a single case")
            result = replay(context, case)
    if not isinstance(result, CheckResult):
        raise WireError(f"the check {check.name} gave no CheckResult")
    return result


def send(out: int, message: Mapping[str, Any]) -> None:
    """Write one message as one line. Raises WireError for values that JSON cannot hold."""
    try:
        line = json.dumps(message, allow_nan=False, ensure_ascii=True).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"the result cannot be written as JSON: {error}") from error
    with _sending:
        while line:
            line = line[os.write(out, line) :]


def _throttled(out: int) -> Callable[[int, int, str], None]:
    last = 0.0
    own = os.getpid()

    def report(done: int, total: int, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        # A process that the check forked has no say here, and may have been forked while a thread was sending.
        if now - last >= _PROGRESS_EVERY and os.getpid() == own:
            last = now
            send(out, {"type": "progress", "done": done, "total": total, "note": note})

    return report


def _telling(out: int) -> Callable[[Finding], None]:
    """Tells each finding at once: the check may never come to its end. What JSON cannot hold is left to the result."""
    own = os.getpid()

    def tell(found: Finding) -> None:
        if os.getpid() == own:
            with suppress(WireError):
                send(out, {"type": "finding", "finding": finding_to_json(found)})

    return tell


def _die_with(parent: int) -> None:
    """Ask the kernel to end this process when ``parent`` goes; leave at once when it has gone already."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(_FAULT)


if __name__ == "__main__":
    # The module is loaded once more under its own name, so that classes and registries exist once.
    importlib.import_module("locara_verify.worker").serve(
        socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3:]
    )

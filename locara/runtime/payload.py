"""What runs inside the sandbox: opens the session, then serves frames on stdin and stdout.

Nothing is served before the Grants are confirmed and the audit log is whole. The frame
stream is moved away from descriptors 0 and 1 first, so that a library that prints cannot write into it or
read from it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from locara.core.digest import Digest
from locara.errors import LocaraError
from locara.records import dataclass
from locara.runtime import frames
from locara.runtime.awake import confirm
from locara.runtime.replies import error_object
from locara.runtime.server import Server
from locara.runtime.session import Places, open_session
from locara.runtime.state import StartError
from locara.sandbox.broker_client import BrokerClient

_FAILED: Final = 1
_INTERNAL: Final = 70
_NEEDED: Final = frozenset({"--manifest", "--awake"})


def serve(args: list[str]) -> int:
    """Serve one app until its input ends. Exit code 0, or 1 when the app's own data or files made the start
    impossible."""
    # The person's Ctrl-C belongs to the launcher, which ends the whole sandbox.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    read_fd, write_fd = _take_streams()
    broker = BrokerClient(socket.socket(fileno=int(os.environ["LOCARA_BROKER_FD"])))
    try:
        handed, places = _handed(args), Places.inside()
        admitted = confirm(places.app, manifest=handed.manifest, awake=handed.awake)
        with open_session(places, admitted=admitted, broker=broker, clock=handed.clock) as session:
            Server(session, read_fd=read_fd, write_fd=write_fd).serve()
    except Exception as error:
        _refuse(write_fd, error)
        return _FAILED if isinstance(error, LocaraError) else _INTERNAL
    return 0


def _take_streams() -> tuple[int, int]:
    """Private descriptors of the frame stream; 0 becomes /dev/null and 1 becomes stderr."""
    read_fd, write_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return read_fd, write_fd


@dataclass(frozen=True, slots=True)
class _Handed:
    """What the launcher handed in: the manifest that was agreed to, the file of awake powers, the clock."""

    manifest: Digest
    awake: Digest
    clock: Callable[[], float]


def _handed(args: list[str]) -> _Handed:
    given = dict(zip(args[::2], args[1::2], strict=True))
    if not _NEEDED <= given.keys() <= {*_NEEDED, "--clock"}:
        raise ValueError("the launcher hands in the digests of the manifest and of what is awake")
    return _Handed(
        Digest.parse(given["--manifest"]), Digest.parse(given["--awake"]), _clock(given.get("--clock"))
    )


def _clock(start: str | None) -> Callable[[], float]:
    if start is None:
        return time.time
    shift = float(start) - time.time()
    return lambda: time.time() + shift


def _refuse(write_fd: int, error: Exception) -> None:
    frame: dict[str, object] = {"id": None, "ok": False, "error": error_object(error)}
    if isinstance(error, StartError):
        frame["refused"] = error.code
    with suppress(OSError):
        frames.write_all(write_fd, frames.encode(frame))
    if isinstance(error, LocaraError):
        print(f"error: {error.diagnostics()}", file=sys.stderr, flush=True)

"""Inside: the program's sandbox is made smaller still, read back from the kernel, and then the program begins.

Started by the first program of every sandbox, after all its layers hold. What is taken away here: the broker's
socket, every file but the program's own (a reader of ours keeps none at all), new processes and threads, new
sockets, memory and time. A layer that the kernel does not confirm ends it with 125, before any input is read.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from locara.programs.places import PROGRAM
from locara.sandbox.linux import landlock, readback, seccomp

REFUSED: Final = 125
_LIBRARIES: Final = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
_CACHE: Final = "/etc/ld.so.cache"
_OPEN_FILES: Final = 32
_WORDS: Final = ("PATH", "LANG", "TESSDATA_PREFIX", "OMP_THREAD_LIMIT", "ESPEAK_DATA_PATH")


def confine(config: dict[str, Any]) -> list[str]:
    """Close everything that the program does not need and return what the kernel does not confirm."""
    os.close(int(os.environ["LOCARA_BROKER_FD"]))
    is_ours = not config["argv"]
    for name, value in (
        ("RLIMIT_CPU", config["cpu"]),
        ("RLIMIT_AS", config["memory"]),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NOFILE", _OPEN_FILES),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_MEMLOCK", 0),
        ("RLIMIT_MSGQUEUE", 0),
    ):
        resource.setrlimit(getattr(resource, name), (value, value))
    landlock.restrict(landlock.Policy(() if is_ours else _policy(config)))
    seccomp.install(seccomp.lonely_program(threads=config["threads"]))
    return _faults(is_ours)


def _policy(config: dict[str, Any]) -> tuple[tuple[str, landlock.Access], ...]:
    return (
        *((path, "read") for path in (*_libraries(), *config["readable"])),
        (PROGRAM, "run"),
        (config["interpreter"], "run"),
    )


def _libraries() -> list[str]:
    """Folders of shared libraries. Where each architecture has its own, what else lies beside it is no library."""
    folders = [path for path in _LIBRARIES if os.path.isdir(path)]  # noqa: PTH112 - keeps imports few
    triplet = getattr(sys.implementation, "_multiarch", "")
    own = [f"{path}/{triplet}" for path in folders if triplet and os.path.isdir(f"{path}/{triplet}")]  # noqa: PTH112
    return [*(own or folders), *([_CACHE] if os.path.exists(_CACHE) else [])]  # noqa: PTH110


def _faults(is_ours: bool) -> list[str]:
    faults = []
    if not _is_refused(os.fork, errno.EPERM):
        faults.append("a process was started")
    if not _is_refused(lambda: socket.socket(socket.AF_UNIX).close(), errno.EPERM, errno.EAFNOSUPPORT):
        faults.append("a socket was made")
    if not _is_refused(lambda: _open(os.path.realpath(sys.executable)), errno.EACCES):
        faults.append("a file that is not the program's opens")
    if is_ours:
        faults += readback.exec_faults()
    return faults


def _is_refused(attempt: Callable[[], object], *errors: int) -> bool:
    try:
        outcome = attempt()
    except OSError as error:
        return error.errno in errors
    if outcome == 0:  # the child of a fork that should not be
        os._exit(REFUSED)
    return False


def _open(path: str) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    os.close(fd)
    return 1


def main() -> None:
    """Confine, then become the program or read the file."""
    config = json.loads(sys.argv[1])
    # Loaded while files still open; it reads nothing before `confine` returned.
    reader = importlib.import_module(config["reader"]) if config["reader"] else None
    try:
        faults = confine(config)
    except Exception as error:
        faults = [type(error).__name__]
    if faults:
        os._exit(REFUSED)
    if reader is not None:
        os._exit(int(reader.run(config["options"])))
    environment = {name: os.environ[name] for name in _WORDS if name in os.environ}
    os.execve(PROGRAM, config["argv"], environment)  # noqa: S606


if __name__ == "__main__":
    main()

"""Stands in for a program beside an app: confined as one, then it tries everything and says what worked.

Argument: a JSON request {"world", "probes", "config"}. Every attempt runs in this very process, since a confined
program can start no other. `before` is what worked of `OWN` in the same process a moment earlier, which shows that
the attempts are good ones.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from . import files, kernel, network, processes  # noqa: F401 - importing them registers the probes
from .registry import attempt, probes

ESCAPED = "ESCAPED"
_NORESERVE = 0x4000
_HUGE = 3 << 30
_STEPS, _WIDE = 1, 12
_TOPS = (
    "/", "/app", "/data", "/dev", "/etc", "/etc/ld.so.cache", "/lib", "/lib64", "/proc/self/maps", "/program",
    "/program-data", "/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/share", "/var",
)  # fmt: skip


def fork() -> None:
    """A second process."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def thread() -> None:
    """A second thread."""
    try:
        one = threading.Thread(target=lambda: None)
        one.start()
    except RuntimeError as error:
        raise OSError(1, "no thread") from error
    one.join()


def memory_file() -> None:
    """A file without a name, which could hold a program."""
    os.close(os.memfd_create("x"))


def socket_pair() -> None:
    """A channel of its own."""
    for end in socket.socketpair():
        end.close()


def own_environment() -> None:
    """Its own environment, through /proc."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - the system call is what is tested
        file.read()


def framework_code() -> None:
    """A file of the framework's code, which the sandbox shows and the program needs no more."""
    import locara.errors  # noqa: PLC0415 - loaded before the sandbox closes

    with open(locara.errors.__file__, "rb") as file:  # noqa: PTH123
        file.read(1)


def huge_memory() -> None:
    """More address space than any call may have."""
    mmap.mmap(-1, _HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE).close()


def many_files() -> None:
    """More open descriptors than a call may have."""
    opened = []
    try:
        for _ in range(200):
            opened.append(os.dup(0))
    finally:
        for fd in opened:
            os.close(fd)


def broker() -> None:
    """The socket to the app's broker."""
    os.fstat(int(os.environ["LOCARA_BROKER_FD"]))


OWN: tuple[Callable[[], None], ...] = (
    fork, thread, memory_file, socket_pair, own_environment, framework_code, huge_memory, many_files, broker,
)  # fmt: skip


def shown() -> list[str]:
    """Some of everything that the sandbox shows: two files of each folder, and the folders, some steps down."""
    found = []
    tops = (*_TOPS, os.path.dirname(os.path.dirname(json.__file__)), *sys.path)  # noqa: PTH120 - imports are few
    for top in tops:
        steps = top.count("/") + _STEPS
        found.append(top)
        for place, folders, names in os.walk(top):
            folders[:] = [] if place.count("/") >= steps else sorted(folders)[:_WIDE]
            found += [place, *(f"{place}/{name}" for name in sorted(names)[:2])]
    return found


def opens(path: str) -> bool:
    """Whether a file is read or a folder listed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    os.close(fd)
    return True


def works(one: Callable[[], None]) -> str:
    """`open`, or the name of what stopped it."""
    try:
        one()
    except (OSError, MemoryError, ValueError) as error:
        return type(error).__name__ if not isinstance(error, OSError) else f"errno-{error.errno}"
    return "open"


def main() -> None:
    """Try, be confined, try again, and last of all try to become another program."""
    request = json.loads(sys.argv[1])
    from locara.programs.inside import confine  # noqa: PLC0415 - the import path is set by the launcher

    known, world = probes(), request["world"]
    before: dict[str, str] = {one.__name__: works(one) for one in OWN}
    opened = [path for path in shown() if opens(path)]
    faults = confine(request["config"])
    after = {one.__name__: works(one) for one in OWN}
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in request["limits"]}
    kept = [path for path in opened if opens(path)]
    results: dict[str, Any] = {name: attempt(known[name], world) for name in request["probes"]}
    answer: dict[str, Any] = {
        "faults": faults,
        "before": before,
        "after": after,
        "limits": limits,
        "results": results,
    }
    answer |= {"opened": len(opened), "kept": kept}
    _write(json.dumps(answer).encode() + b"\n")
    try:
        os.execve(sys.executable, ["python", "-I", "-S", "-c", f"print({ESCAPED!r})"], {})  # noqa: S606
    except OSError:
        os._exit(0)


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()

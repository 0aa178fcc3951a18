"""What the kernel says about this process, read inside the sandbox. Setters' return values prove nothing;
this does.

Each check is named after the layer it proves and answers with the faults it saw, none when the layer holds.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from locara.sandbox.linux.bwrap import SANDBOX_UID, SENTINEL

NAMESPACES: Final = ("user", "pid", "net", "ipc", "uts")
_CAPABILITY_SETS: Final = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def status() -> dict[str, str]:
    """/proc/self/status as a mapping."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - keeps imports few
        pairs = (line.split(":", 1) for line in file if ":" in line)
        return {name.strip(): value.strip() for name, value in pairs}


def namespace_ids() -> dict[str, str]:
    """The kernel's name of each namespace this process is in."""
    return {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES}  # noqa: PTH115


def identity_faults(facts: Mapping[str, str]) -> list[str]:
    """An ordinary uid, the same in all four places, and not the host's root under another name."""
    faults = []
    for key in ("Uid", "Gid"):
        if set(facts.get(key, "").split()) != {str(SANDBOX_UID)}:
            faults.append(f"{key} is {facts.get(key)!r}, not {SANDBOX_UID}")
    # Files of the host's root belong to nobody here, unless the host's root is who we are.
    if os.stat("/proc/sys/kernel").st_uid == os.getuid():  # noqa: PTH116
        faults.append("the sandbox's user is the host's root")
    return faults


def namespace_faults(name: str, host: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """The namespace is not the one the launcher is in."""
    if not host.get(name) or host[name] == here.get(name):
        return [f"the {name} namespace is shared with the host"]
    return []


def capability_faults(facts: Mapping[str, str]) -> list[str]:
    """Every capability set is empty and none can be gained."""
    faults = [
        f"{key} is {facts.get(key)!r}" for key in _CAPABILITY_SETS if int(facts.get(key) or "1", 16) != 0
    ]
    return faults + ([] if facts.get("NoNewPrivs") == "1" else ["NoNewPrivs is not set"])


def seccomp_faults(facts: Mapping[str, str]) -> list[str]:
    """A filter is in force, and it is ours: a call that does nothing is refused."""
    faults = [] if facts.get("Seccomp") == "2" else [f"Seccomp is {facts.get('Seccomp')!r}, not 2"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0) == 0 or ctypes.get_errno() != errno.EPERM:
        faults.append("the filter let an unshare call through")
    return faults


def exec_faults() -> list[str]:
    """No program can be started: refused before the kernel even looks for the file."""
    try:
        os.execve("/nonexistent/program", ["program"], {})  # noqa: S606
    except OSError as error:
        return (
            []
            if error.errno == errno.EACCES
            else [f"execve answered {errno.errorcode.get(error.errno or 0)}"]
        )


def sentinel_readable() -> bool:
    """Whether the file outside every Landlock rule opens; must be True before the domain and False after."""
    try:
        os.close(os.open(SENTINEL, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.EACCES:
            return False
        raise
    return True


def bind_faults(expected: Iterable[Sequence[object]]) -> list[str]:
    """Each (dest, device, inode, writable) is the very file the launcher opened, read-only where it must
    be.
    """
    faults = []
    for dest, device, inode, writable in expected:
        path = str(dest)
        seen = os.stat(path, follow_symlinks=False)  # noqa: PTH116
        if (seen.st_dev, seen.st_ino) != (device, inode):
            faults.append(f"{path} is not the file that was opened at the start")
        flags = os.statvfs(path).f_flag
        if not writable and not flags & os.ST_RDONLY:
            faults.append(f"{path} is writable")
        if not flags & os.ST_NOSUID or not flags & os.ST_NODEV:
            faults.append(f"{path} honours set-uid files or devices")
    if not os.statvfs("/").f_flag & os.ST_RDONLY:
        faults.append("the root directory is writable")
    return faults


def environment_faults(expected: Mapping[str, str]) -> list[str]:
    """The environment is exactly the one of the plan. Values are never quoted: they may be a person's
    secrets.
    """
    os.environ.pop("PWD", None)  # bubblewrap's own, "/"
    here = dict(os.environ)
    names = sorted(name for name in here.keys() | expected.keys() if here.get(name) != expected.get(name))
    return [f"the environment differs in {', '.join(names)}"] if names else []


def descriptor_faults(allowed: Sequence[int]) -> list[str]:
    """No descriptor is open beyond the allowed ones."""
    here = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return [
        f"descriptor {fd} is open on {target}" for fd in here if fd not in allowed and (target := _target(fd))
    ]


def _target(fd: int) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115
    except FileNotFoundError:
        return None  # the listing's own descriptor, closed by now

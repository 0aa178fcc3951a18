"""The bubblewrap command line: what is mounted, which namespaces are new. Pure functions from values to
arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

SANDBOX_UID: Final = 1000
SENTINEL: Final = "/outside-landlock"
"""A file every mount namespace shows and no Landlock policy opens: reading it must fail once the domain
holds.
"""


class Mount(NamedTuple):
    """A source, by descriptor or by staged path, and its place inside."""

    dest: str
    writable: bool
    fd: int | None = None
    path: str | None = None


class Namespaces(NamedTuple):
    """Which namespaces are new and what else bubblewrap takes away."""

    net: bool = True
    pid: bool = True
    ipc: bool = True
    uts: bool = True
    drop_capabilities: bool = True
    disable_userns: bool = True
    new_session: bool = True


def arguments(
    mounts: Sequence[Mount],
    links: Sequence[tuple[str, str]],
    environment: Mapping[str, str],
    *,
    namespaces: Namespaces,
    clear_env: bool,
    sentinel_fd: int,
    seccomp_fd: int | None,
    scratch: str,
    scratch_bytes: int,
) -> list[str]:
    """Options only; the command follows after `--`. Mount points are made parents first; the root ends up
    read-only.
    """
    args = ["--unshare-user", "--uid", str(SANDBOX_UID), "--gid", str(SANDBOX_UID), "--unshare-cgroup-try"]
    args += [flag for flag, on in _namespace_flags(namespaces) if on]
    args += ["--hostname", "locara"] if namespaces.uts else []
    args += ["--cap-drop", "ALL"] if namespaces.drop_capabilities else []
    args += ["--die-with-parent"]
    args += ["--clearenv"] if clear_env else []
    for name, value in sorted(environment.items()):
        args += ["--setenv", name, value]
    args += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    args += ["--perms", "0700", "--size", str(scratch_bytes), "--tmpfs", scratch]
    for mount in sorted(mounts, key=lambda m: m.dest):
        args += _mount(mount)
    for target, link in links:
        args += ["--symlink", target, link]
    args += ["--perms", "0444", "--file", str(sentinel_fd), SENTINEL, "--remount-ro", "/", "--chdir", "/"]
    if seccomp_fd is not None:
        args += ["--seccomp", str(seccomp_fd)]
    return args


def _namespace_flags(namespaces: Namespaces) -> tuple[tuple[str, bool], ...]:
    return (
        ("--unshare-net", namespaces.net),
        ("--unshare-pid", namespaces.pid),
        ("--unshare-ipc", namespaces.ipc),
        ("--unshare-uts", namespaces.uts),
        ("--disable-userns", namespaces.disable_userns),
        ("--assert-userns-disabled", namespaces.disable_userns),
        ("--new-session", namespaces.new_session),
    )


def _mount(mount: Mount) -> list[str]:
    if mount.fd is not None:
        return ["--bind-fd" if mount.writable else "--ro-bind-fd", str(mount.fd), mount.dest]
    if mount.path is not None:
        return ["--bind" if mount.writable else "--ro-bind", mount.path, mount.dest]
    raise ValueError(f"the mount for {mount.dest} has no source")

"""Real root never runs the sandbox: what it may read is staged first, then an ordinary user starts
bubblewrap.

With real root inside, a hardened bubblewrap still leaves host-global /proc/sys files open for writing, so
the uid is dropped before it, on a build machine as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from locara.errors import SandboxError
from locara.records import dataclass
from locara.sandbox.linux import kernel_calls as kernel

NOBODY: Final = 65534
STAGE: Final = "/tmp"  # noqa: S108 - covered by a fresh tmpfs that only this thread and its children see


@dataclass(frozen=True, slots=True)
class Identity:
    """The ordinary user the sandbox runs as when the launcher is root. Neither id is ever 0."""

    uid: int
    gid: int

    def __post_init__(self) -> None:
        if self.uid <= 0 or self.gid <= 0:
            raise ValueError("an ordinary identity is never root")


def ordinary_identity(real_uid: int, environ: Mapping[str, str]) -> Identity | None:
    """None for an ordinary user; for root the user behind sudo when there is one, else nobody."""
    if real_uid != 0:
        return None
    try:
        uid, gid = int(environ["SUDO_UID"]), int(environ["SUDO_GID"])
    except (KeyError, ValueError):
        return Identity(NOBODY, NOBODY)
    return Identity(uid, gid) if uid > 0 and gid > 0 else Identity(NOBODY, NOBODY)


def stage(fds: Sequence[int]) -> list[str]:
    """Mount what each descriptor names below a private tmpfs, in the calling thread's own mount namespace.

    Afterwards the returned paths are reachable by any uid started from this thread, even when the originals
    lie under a 0700 directory; no path is walked again, so nothing can be swapped in between. Needs real
    root.
    """
    trees: list[int] = []
    try:
        trees += [kernel.clone_tree(fd) for fd in fds]
        directories = [os.path.isdir(f"/proc/self/fd/{fd}") for fd in fds]  # noqa: PTH112 - a descriptor, not a path
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("locara", STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=1m")
        targets = []
        for index, (tree, directory) in enumerate(zip(trees, directories, strict=True)):
            target = f"{STAGE}/{index}"
            if directory:
                os.mkdir(target, 0o755)  # noqa: PTH102
            else:
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
            kernel.attach_tree(tree, target)
            targets.append(target)
    except OSError as error:
        raise SandboxError(
            f"the private mount namespace that root needs could not be made: {error.strerror}",
            code="layer_missing",
            fix="start the app as an ordinary user, or give this container CAP_SYS_ADMIN",
        ) from error
    finally:
        for tree in trees:
            os.close(tree)
    return targets

"""What a program inside sees of itself: environment, descriptors, ids, import path. Read from the kernel."""

# What is tested is the system call itself, so it is made without pathlib in between.
# ruff: noqa: PTH109, PTH115, PTH208

from __future__ import annotations

import os
import resource
import sys
from typing import Any


def facts() -> dict[str, Any]:
    """Everything the launch hygiene is judged by. Values of the environment are given in full: it must be
    ours.
    """
    fds = []
    for name in os.listdir("/proc/self/fd"):
        try:
            fds.append([int(name), os.readlink(f"/proc/self/fd/{name}")])
        except FileNotFoundError:
            continue  # the listing's own
    return {
        "environment": dict(os.environ),
        "fds": sorted(fds),
        "uids": list(os.getresuid()),
        "gids": list(os.getresgid()),
        "groups": os.getgroups(),
        "cwd": os.getcwd(),
        "argv": sys.argv[:1],
        "path": list(sys.path),
        "isolated": [sys.flags.isolated, sys.flags.no_site, sys.flags.dont_write_bytecode],
        "site_loaded": any(name in sys.modules for name in ("site", "sitecustomize", "usercustomize")),
        "core_limit": list(resource.getrlimit(resource.RLIMIT_CORE)),
        "host_name": os.uname().nodename,
        "session": os.getsid(0),
        "loaded_before": _loaded_before(),
    }


def _loaded_before() -> bool:
    """Whether what runs as the payload was loaded once before, when its layers may not have been closed yet."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name in sys.modules

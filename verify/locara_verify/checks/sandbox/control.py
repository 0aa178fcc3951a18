"""The control: the same probes, by the same interpreter and the same user, with no sandbox at all.

A denial inside proves something only if the attempt works outside. As root there are two controls: the
ordinary user first, then, for what needs privileges, root itself in a mount namespace of its own, where
nothing can be harmed.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from locara.records import dataclass
from locara.sandbox.launcher import LaunchPlan
from locara.sandbox.linux import kernel_calls as kernel
from locara_verify.checks.sandbox.outside import Outside
from locara_verify.checks.sandbox.plans import INSIDE, RUN

T = TypeVar("T")

_SECONDS: Final = 120.0
_CLONE_NEWUTS: Final = 0x04000000
_BOOT: Final = (
    "import sys, runpy; sys.path[:0] = [sys.argv[2]]; runpy.run_module(sys.argv[3], run_name='__main__')"
)


@dataclass(frozen=True, slots=True)
class Control:
    """Outcomes by probe, and what reached the canaries meanwhile."""

    outcomes: Mapping[str, str]
    hits: Mapping[str, int]
    changes: tuple[str, ...]
    who: str


def controls(plan: LaunchPlan, there: Outside, names: Iterable[str]) -> list[Control]:
    """Run the probes unsandboxed as the sandbox's user and, on a root host, the unproven ones as root."""
    wanted = list(names)
    first = _run(plan, there, wanted, as_root=False)
    found = [first]
    if os.getuid() == 0:
        unproven = [name for name in wanted if first.outcomes.get(name) != "open"]
        found.append(_run(plan, there, unproven, as_root=True))
    return found


def _run(plan: LaunchPlan, there: Outside, names: list[str], *, as_root: bool) -> Control:
    there.reset()
    request = json.dumps({"world": there.world(inside=False), "probes": names})
    command = [plan.interpreter, "-I", "-S", "-B", "-c", _BOOT, request, str(INSIDE.parent), RUN]
    who: dict[str, Any] = {}
    if plan.identity is not None and not as_root:
        who = {"user": plan.identity.uid, "group": plan.identity.gid, "extra_groups": []}

    def call() -> subprocess.CompletedProcess[bytes]:
        if os.getuid() == 0:
            _private_mounts(plan, hidden_code=not as_root)
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            env={"PATH": "/usr/bin:/bin", **{key: os.environ[key] for key in (there.facts["env_name"],)}},
            pass_fds=[there.leaked_fd],
            cwd="/",
            **who,
        )

    done = on_own_thread(call)
    outcomes = json.loads(done.stdout)["results"]
    changes = tuple(there.changes())
    return Control(outcomes, there.canaries.take(), changes, "root" if as_root else "user")


def on_own_thread(call: Callable[[], T]) -> T:
    """Run `call` on a thread that ends with it: namespaces it leaves are left by nobody else."""
    values: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            values.append(call())
        except BaseException as error:  # handed over, not swallowed
            errors.append(error)

    thread = threading.Thread(target=run, name="control")
    thread.start()
    thread.join()
    for error in errors:
        raise error
    return values[0]


def _private_mounts(plan: LaunchPlan, *, hidden_code: bool) -> None:
    """A mount namespace for this thread; with `hidden_code`, the interpreter's trees are made reachable in
    it.

    An ordinary user cannot start an interpreter below root's 0700 home, so the closed directory is covered
    there by an open one that shows the code trees and nothing else.
    """
    code = [INSIDE, *(source.path for source in plan.sources if str(source.path) == source.dest)]
    closed = _closed_parents(code) if hidden_code else {}
    trees = {path: kernel.clone_tree(os.open(path, os.O_PATH)) for paths in closed.values() for path in paths}
    kernel.unshare(kernel.CLONE_NEWNS | _CLONE_NEWUTS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    for parent, paths in closed.items():
        kernel.mount("locara", str(parent), "tmpfs", kernel.MS_NOSUID, "mode=0755,size=1m")
        for path in paths:
            if path.is_relative_to(parent) and not path.exists():
                path.mkdir(parents=True)
            kernel.attach_tree(trees[path], str(path))


def _closed_parents(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    closed: dict[Path, list[Path]] = {}
    for path in sorted(set(paths)):
        parent = next((p for p in reversed(path.parents) if not p.stat().st_mode & stat.S_IXOTH), None)
        if parent is None or any(path.is_relative_to(known) for known in closed.get(parent, [])):
            continue
        closed.setdefault(parent, []).append(path)
    return closed

"""The sandbox that an app's tests run in: the app and the code of this verifier to read, and nothing to reach."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from locara.core.grant import Grants
from locara.errors import SandboxError
from locara.sandbox.host import find_bwrap
from locara.sandbox.linux import seccomp
from locara.sandbox.linux.identity import ordinary_identity
from locara.sandbox.plan import ALL_LAYERS, LaunchPlan, Payload, Source, code_sources
from locara.sandbox.profile import SCRATCH, Profile

INSIDE: Final = "locara_verify.own_tests.inside"
REQUIRED: Final = ALL_LAYERS - {"landlock", "exec", "seccomp"}
"""What is read back before the first test runs. Landlock is left to the sandboxes inside: under a domain nothing can be
mounted. Tests may start programs, and the filter opens what a sandbox of an app is made with."""

_CACHE: Final = "/cache"
_SYSTEM: Final = "/usr"
_LINKS: Final = ("/bin", "/sbin")
_SCRATCH_BYTES: Final = 1 << 30


def tests_plan(app: Path, models: Path, arguments: Sequence[str]) -> LaunchPlan:
    """How the tests of the app in the real folder ``app`` are started, with the person's cached ``models``.

    They see the app, the system's programs, this Python and the cache, all for reading, and a folder in memory for
    what they write. They have no network, none of the person's files, processes, sockets or variables.
    """
    import locara_verify  # noqa: PLC0415 - its own place is asked, wherever it was installed

    code, links, import_path = code_sources((Path(locara_verify.__file__).parent,))
    trees = [Source(Path(_SYSTEM), _SYSTEM, "dir"), *code]
    if sys.prefix != sys.base_prefix:
        trees += [
            Source(Path(os.path.realpath(sys.prefix)), place, "dir") for place in _spellings(sys.prefix)
        ]
    trees.append(Source(app, str(app), "dir"))
    sources = [tree for tree in trees if not _within_another(tree, trees)]
    if models.is_dir():
        sources.append(Source(Path(os.path.realpath(models)), f"{_CACHE}/Locara/models", "dir"))
    return LaunchPlan(
        grants=Grants.none("locara/own-tests"),
        profile=Profile((), "none"),
        sources=tuple(sources),
        links=(*links, *((str(Path(link).readlink()), link) for link in _LINKS if Path(link).is_symlink())),
        environment={**_environment(app), "PYTHONPATH": os.pathsep.join(import_path)},
        interpreter=os.path.realpath(sys.executable),
        import_path=import_path,
        payload=Payload(INSIDE, (sys.executable, *arguments)),
        identity=ordinary_identity(os.getuid(), os.environ),
        seccomp=seccomp.nesting_program(),
        landlock=None,
        exec_filter=False,
        disable_userns=False,
        scratch_bytes=_SCRATCH_BYTES,
        required=REQUIRED,
    )


def _spellings(place: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((os.path.realpath(place), os.path.abspath(place))))  # noqa: PTH100 - links stay


def _within_another(tree: Source, trees: Sequence[Source]) -> bool:
    """Whether another tree shows it already at the same place, or is the same and comes first."""
    for other in trees:
        if other.dest == tree.dest:
            return other is not tree
        inside = Path(tree.dest).is_relative_to(other.dest) and tree.path.is_relative_to(other.path)
        if inside and tree.path.relative_to(other.path) == Path(tree.dest).relative_to(other.dest):
            return True
    return False


def _environment(app: Path) -> Mapping[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": f"{SCRATCH}/home",
        "TMPDIR": SCRATCH,
        "XDG_CACHE_HOME": _CACHE,
        "LANG": "C.UTF-8",
        "USER": "locara",
        "LOGNAME": "locara",
        "LOCARA_APP": str(app),
        "HYPOTHESIS_STORAGE_DIRECTORY": f"{SCRATCH}/hypothesis",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


@functools.cache
def nests() -> bool:
    """Whether this host starts a sandbox inside another; some (AppArmor's profile of bubblewrap) forbid it."""
    try:
        program = find_bwrap()
    except SandboxError:
        return False
    outer = [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--"]
    inner = [
        program,
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--",
        "/bin/true",
    ]
    who = ordinary_identity(os.getuid(), os.environ)
    as_user: dict[str, Any] = {}
    if who is not None:
        as_user = {"user": who.uid, "group": who.gid, "extra_groups": []}
    trial = subprocess.run([*outer, *inner], capture_output=True, check=False, env={}, cwd="/", **as_user)
    return trial.returncode == 0

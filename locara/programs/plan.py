"""A `Launch` -> the plan of its sandbox: no Grants at all, no network, no folder, and less than an app gets."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final

from locara.core.grant import Grants
from locara.programs.launch import Launch
from locara.programs.places import PROGRAM
from locara.sandbox.launcher import ALL_LAYERS, LaunchPlan, Payload
from locara.sandbox.linux import seccomp
from locara.sandbox.linux.identity import ordinary_identity
from locara.sandbox.linux.landlock import Access, Policy
from locara.sandbox.plan import code_sources
from locara.sandbox.profile import Profile

INSIDE: Final = "locara.programs.inside"
_SCRATCH_BYTES: Final = 4096  # bubblewrap wants a size; Landlock leaves it closed


def program_plan(launch: Launch) -> LaunchPlan:
    """The sandbox of one call. A program of the system must be executed once, by `inside`, so that layer is
    closed there and not here; a reader of ours runs with every layer of an app and then gives up the rest."""
    code, links, import_path = code_sources(())
    sources = (*code, *launch.sources)
    is_ours = not launch.argv
    paths: tuple[tuple[str, Access], ...] = tuple((source.dest, "read") for source in sources)
    if not is_ours:
        paths = (*paths, (PROGRAM, "run"), (launch.interpreter, "run"))
    return LaunchPlan(
        grants=Grants.none(f"locara/{launch.name}"),
        profile=Profile((), "none"),
        sources=sources,
        links=links,
        environment={"PATH": "/usr/bin", "LANG": "C.UTF-8", **launch.environment},
        interpreter=os.path.realpath(sys.executable),
        import_path=import_path,
        payload=Payload(INSIDE, (json.dumps(_config(launch)),)),
        identity=ordinary_identity(os.getuid(), os.environ),
        seccomp=seccomp.program(inet=False),
        landlock=Policy(paths),
        exec_filter=is_ours,
        scratch_bytes=_SCRATCH_BYTES,
        required=ALL_LAYERS if is_ours else ALL_LAYERS - {"exec"},
    )


def _config(launch: Launch) -> dict[str, Any]:
    return {
        "argv": list(launch.argv),
        "interpreter": launch.interpreter,
        "reader": launch.reader,
        "options": dict(launch.options),
        "readable": list(launch.readable),
        "threads": launch.threads,
        "memory": launch.limits.memory,
        "cpu": launch.limits.cpu,
    }

"""LC431: the probes of the app's sandbox, run in the place of the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.sandbox.control import controls
from locara_verify.checks.sandbox.hygiene import carried, dirty, full_home, shown_of_home
from locara_verify.checks.sandbox.inside.registry import probes
from locara_verify.checks.sandbox.outside import outside
from locara_verify.checks.sandbox.plans import run_probes
from locara_verify.checks.sandbox.probes import judge
from locara_verify.checks.window.plans import no_window, window_of
from locara_verify.context import Context
from locara_verify.finding import JSON, Finding

BY_DESIGN: Final = frozenset(
    {
        "exec_interpreter",
        "memfd_exec",
        "make_unix_socket",
        "init_cmdline",
        "read_sysctl",
        "read_machine",
        "session_folders",
    }
)
"""What a window does by design. Its engine starts programs of the system, it reaches its display server, and it reads
/proc, which tells the kernel's settings, numbers of the whole machine and, by process 1, the place of the framework,
mounted there anyway. The folder of display sockets holds the one it is drawn on (session_sockets must still find no
other)."""

_PLACES: Final[dict[str, JSON]] = {
    "scratch": "/tmp",  # noqa: S108 - inside
    "app": "/page",
    "manifest": "/page/index.html",
    "beside": ["/tmp/.X11-unix/X1"],  # noqa: S108 - where the other display would be, were its folder shown
}


@check("window.probes", rules=("LC431",), needs=frozenset({"kernel"}), applies=no_window)
def run_all(ctx: Context) -> CheckResult:
    """Every probe in the window's real launch plan, against a control on the same host."""
    probed = _probe(ctx, [name for name in probes() if name not in BY_DESIGN])
    with window_of(ctx) as clean, dirty(), window_of(ctx) as careless:
        faults = carried(clean.environment, careless.environment)
    with full_home(ctx.fresh_dir("home")), window_of(ctx) as homely:
        faults += shown_of_home(clean.sources, homely.sources)
    found = tuple(Finding("LC431", fault, because="planned again by a careless launcher") for fault in faults)
    return replace(probed, findings=(*probed.findings, *found))


def replay(ctx: Context, case: Mapping[str, JSON]) -> CheckResult:
    """One probe again, with the twins that must work."""
    twins = [name for name, one in probes().items() if one.allow]
    return _probe(ctx, [str(case["probe"]), *twins])


def _probe(ctx: Context, names: list[str]) -> CheckResult:
    with window_of(ctx) as plan, outside(plan.identity) as there:
        ctx.progress(0, 2, "controls without a sandbox")
        found = controls(plan, there, names)
        ctx.progress(1, 2, "probes in the window's sandbox")
        return judge(run_probes(plan, there, names, places=_PLACES), found, "LC431")

"""LC101: all layers are in force, by the first program's own readback and by the kernel's word from
outside.
"""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import PIPE

from locara.sandbox.launcher import ALL_LAYERS, LaunchPlan, Payload, Process, start
from locara.sandbox.linux.readback import NAMESPACES
from locara_verify.check import CheckResult, check
from locara_verify.checks.sandbox.plans import app_plan
from locara_verify.context import Context
from locara_verify.finding import Finding

_CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@check("sandbox.layers", rules=("LC101",), needs=frozenset({"kernel"}))
def run(ctx: Context) -> CheckResult:
    """Start the app's plan with a payload that waits, and look at it from both sides."""
    plan = app_plan(ctx)
    findings = [
        _finding(f"the plan does not require {layer}") for layer in sorted(ALL_LAYERS - plan.required)
    ]
    with waiting(plan) as process:
        proven = frozenset(process.report.get("proven", ()))
        findings += [
            _finding(f"the layer {layer} was not confirmed inside") for layer in sorted(ALL_LAYERS - proven)
        ]
        member = innermost(process.pid)
        faults, looked = outside_faults(member, plan)
    findings += [_finding(f"seen from outside: {fault}") for fault in faults]
    note = f"Landlock version {process.report.get('landlock_abi')}, layers {', '.join(sorted(proven))}"
    return CheckResult(
        findings=tuple(findings), attempts={"LC101": len(ALL_LAYERS) + looked}, probes=looked, notes=(note,)
    )


def waiting(plan: LaunchPlan) -> Process:
    """The plan, running a program that waits for the end of its input."""
    from dataclasses import replace  # noqa: PLC0415

    process = start(replace(plan, payload=Payload("inside.wait")), stdin=PIPE, stdout=PIPE)
    if process.stdout is not None:
        process.stdout.readline()
    return process


def innermost(pid: int) -> int:
    """The last process of the chain below `pid`: the payload itself."""
    while True:
        children = [int(child) for child in _children(pid)]
        if not children:
            return pid
        pid = children[0]


def _children(pid: int) -> list[str]:
    found: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text("ascii").split()
    return found


def outside_faults(pid: int, plan: LaunchPlan) -> tuple[list[str], int]:
    """(what is wrong, how many things were looked at) for a running payload, as the host's kernel tells
    it.
    """
    lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    faults = []
    if status.get("Seccomp") != "2" or int(status.get("Seccomp_filters", "0")) < 2:
        faults.append(f"seccomp mode {status.get('Seccomp')} with {status.get('Seccomp_filters')} filters")
    if status.get("NoNewPrivs") != "1":
        faults.append("no_new_privs is off")
    faults += [f"{name} is {status.get(name)}" for name in _CAPABILITY_SETS if int(status.get(name, "1"), 16)]
    expected = os.getuid() if plan.identity is None else plan.identity.uid
    uids = {int(uid) for uid in status.get("Uid", "0").split()}
    if uids != {expected} or 0 in uids:
        faults.append(f"it runs as {sorted(uids)}, not as {expected}")
    names = (*NAMESPACES, "mnt", "cgroup")
    for name in names:
        if Path(f"/proc/{pid}/ns/{name}").readlink() == Path(f"/proc/self/ns/{name}").readlink():
            faults.append(f"the {name} namespace is shared")
    roots = Path(f"/proc/{pid}/root")
    for place in ("home", "root", "sys", "var", "mnt"):
        if (roots / place).exists() and any((roots / place).iterdir()) and not _holds_code(place, plan):
            faults.append(f"/{place} is visible and not empty")
    return faults, 3 + len(_CAPABILITY_SETS) + len(names) + 5


def _holds_code(place: str, plan: LaunchPlan) -> bool:
    return any(source.dest.startswith(f"/{place}/") for source in plan.sources)


def _finding(message: str) -> Finding:
    return Finding("LC101", message, because="every layer is required; there is no fallback")

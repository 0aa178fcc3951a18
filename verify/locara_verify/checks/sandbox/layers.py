"""LC101: all layers are in force, by the first program's own readback and by the kernel's word from
outside.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import Any

from locara.sandbox.launcher import ALL_LAYERS, LaunchPlan, Payload, Process, start
from locara.sandbox.linux.readback import NAMESPACES
from locara_verify.check import CheckResult, check
from locara_verify.checks.sandbox.plans import app_plan
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.target import load

_CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@check("sandbox.layers", rules=("LC101",), needs=frozenset({"kernel"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """The app's own plan, then that of the same app with folders of the person: mounts differ by the grants."""
    first = look(ctx)
    wider = ctx.variant("folders", _with_folders)
    second = look(replace(ctx, target=load(wider)))
    return replace(
        first,
        findings=first.findings + second.findings,
        attempts={"LC101": first.attempts["LC101"] + second.attempts["LC101"]},
        probes=first.probes + second.probes,
    )


def _with_folders(document: dict[str, Any]) -> None:
    document["capabilities"]["fs.user-paths"] = {"documents": "read", "music": "read-write"}


def look(ctx: Context) -> CheckResult:
    """Start a plan with a payload that waits, and look at it from both sides."""
    plan = app_plan(ctx)
    findings = [
        _finding(f"the plan does not require {layer}") for layer in sorted(ALL_LAYERS - plan.required)
    ]
    with _in_groups_of_root(), waiting(plan) as process:
        proven = frozenset(process.report.get("proven", ()))
        findings += [
            _finding(f"the layer {layer} was not confirmed inside") for layer in sorted(ALL_LAYERS - proven)
        ]
        member = innermost(process.pid)
        faults, looked = outside_faults(member, plan)
        shown = mounts_of(member)
    strange = mount_faults(shown, json.loads(ctx.target.manifest_bytes), plan)
    faults, looked = [*faults, *strange], looked + len(shown)
    findings += [_finding(f"seen from outside: {fault}") for fault in faults]
    note = f"Landlock version {process.report.get('landlock_abi')}, layers {', '.join(sorted(proven))}"
    return CheckResult(
        findings=tuple(findings), attempts={"LC101": len(ALL_LAYERS) + looked}, probes=looked, notes=(note,)
    )


@contextmanager
def _in_groups_of_root() -> Iterator[None]:
    """As root, hold a group that must not come along; otherwise nothing."""
    before = os.getgroups()
    if os.getuid() == 0:
        os.setgroups([0])
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.setgroups(before)


def waiting(plan: LaunchPlan) -> Process:
    """The plan, running a program that waits for the end of its input."""
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
    group = os.getgid() if plan.identity is None else plan.identity.gid
    gids = {int(gid) for gid in status.get("Gid", "0").split()}
    if gids != {group} or (
        plan.identity is not None and (0 in gids or not _ordinary(status.get("Groups", "")))
    ):
        faults.append(
            f"it runs in the groups {sorted(gids)} and {status.get('Groups', '').strip()!r}, not in {group}"
        )
    names = (*NAMESPACES, "mnt", "cgroup")
    for name in names:
        if Path(f"/proc/{pid}/ns/{name}").readlink() == Path(f"/proc/self/ns/{name}").readlink():
            faults.append(f"the {name} namespace is shared")
    roots = Path(f"/proc/{pid}/root")
    for place in ("home", "root", "sys", "var", "mnt"):
        if (roots / place).exists() and any((roots / place).iterdir()) and not _holds_code(place, plan):
            faults.append(f"/{place} is visible and not empty")
    return faults, 5 + len(_CAPABILITY_SETS) + len(names) + 5


def _ordinary(groups: str) -> bool:
    """No group of the launcher came along: root's own would open what belongs to it."""
    return all(int(group) not in {0, *os.getgroups()} for group in groups.split())


def mounts_of(pid: int) -> dict[str, bool]:
    """Every mount point a process sees, with whether it can be written, as the host's kernel tells it."""
    found = {}
    for line in Path(f"/proc/{pid}/mountinfo").read_text("utf-8", "replace").splitlines():
        fields = line.split(" ")
        found[fields[4]] = "rw" in fields[5].split(",")
    return found


def mount_faults(shown: Mapping[str, bool], document: Mapping[str, Any], plan: LaunchPlan) -> list[str]:
    """Mounts below the app's own places that its manifest does not speak of, and writable ones that it may only
    read.

    Made from the JSON of the manifest, not from the product's reading of it. Code is shown at its own paths and
    has to be read-only, whatever it is.
    """
    may = document.get("capabilities", {})
    build = document.get("build", {}).get("out", "dist")
    roots = {
        f"/roots/{name}": access == "read-write" for name, access in may.get("fs.user-paths", {}).items()
    }
    roots |= {
        f"/roots/shared/{item['id']}": item["access"] == "read-write"
        for item in may.get("shared-folders", [])
    }
    pins = {pin.partition("@sha256:")[2] for pin in may.get("models", [])}
    tools = {pin.partition("@sha256:")[2] for pin in may.get("tools", [])}
    expected = {
        "/app/locara.json": False,
        "/app/db": False,
        f"/app/{build}": False,
        "/data": True,
        "/tmp": True,  # noqa: S108 - inside
    }
    expected |= roots | dict.fromkeys((f"/models/{pin}/model.gguf" for pin in pins), False)
    expected |= dict.fromkeys((f"/tools/{pin}" for pin in tools), False)
    places = ("/app", "/data", "/models", "/roots", "/tools")
    faults = []
    for place, writable in shown.items():
        ours = any(place == top or place.startswith(f"{top}/") for top in places)
        if ours and place not in expected:
            faults.append(f"{place} is shown, and the manifest does not speak of it")
        if writable and not expected.get(place, False) and not place.startswith(("/proc", "/dev/")):
            faults.append(f"{place} can be written")
    missing = {"/app/locara.json", "/data"} - shown.keys()
    faults += [f"{place} is not shown" for place in sorted(missing)]
    return faults


def _holds_code(place: str, plan: LaunchPlan) -> bool:
    return any(source.dest.startswith(f"/{place}/") for source in plan.sources)


def _finding(message: str) -> Finding:
    return Finding("LC101", message, because="every layer is required; there is no fallback")

"""LC102: every probe, inside and as its own control. LC103: with a layer gone, the probes that guard it
notice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from locara.errors import SandboxError
from locara.sandbox.launcher import LaunchPlan, Payload, start
from locara.sandbox.linux.landlock import Policy
from locara_verify.check import CheckResult, check
from locara_verify.checks.sandbox.control import Control, controls
from locara_verify.checks.sandbox.inside import desktop, files, kernel, network, processes  # noqa: F401 - they register
from locara_verify.checks.sandbox.inside.registry import probes
from locara_verify.checks.sandbox.outside import Outside, outside
from locara_verify.checks.sandbox.plans import ProbeError, Run, app_part, app_plan, run_probes
from locara_verify.checks.sandbox.variants import VARIANTS, Variant
from locara_verify.context import Context
from locara_verify.finding import JSON, Finding

CHECKS = {"LC102": "sandbox.probes", "LC431": "window.probes"}
"""The check that runs the probes for each rule that judges them."""

_CANARIES = ("tcp", "udp", "abstract", "path", "session", "datagram")
_UNCLEAR = re.compile(r"timeout|error|signal-(?!31$)\d+|errno-.*|\w+: .*")


def is_unclear(outcome: str) -> bool:
    """Whether an outcome says nothing about the sandbox: the probe itself broke (SIGSYS is the filter's
    answer).
    """
    return _UNCLEAR.fullmatch(outcome) is not None


def proven(name: str, found: Iterable[Control]) -> bool:
    """Whether a control showed that the attempt works on this host without a sandbox."""
    return any(control.outcomes.get(name) == "open" for control in found)


def judge(run: Run, found: list[Control], rule: str = "LC102") -> CheckResult:
    """The rule (LC102, or another that runs probes) from one sandboxed run and its controls."""
    known = probes()
    denied = [name for name, one in known.items() if not one.allow and name in run.outcomes]
    findings = [_escape(rule, name, run, found) for name in denied if run.outcomes[name] == "open"]
    findings += [
        _effect(rule, f"{count} hits on the {canary} canary")
        for canary, count in sorted(run.hits.items())
        if count
    ]
    findings += [_effect(rule, change) for change in run.changes]
    reasons = [
        f"{name} must work inside and did not: {run.outcomes[name]}"
        for name, one in known.items()
        if one.allow and run.outcomes.get(name, "open") != "open"
    ]
    reasons += [
        f"{name} gave no clear outcome: {run.outcomes[name]}"
        for name in denied
        if is_unclear(run.outcomes[name])
    ]
    reasons += [
        f"the control of {name} failed: {found[0].outcomes.get(name)}"
        for name in denied
        if known[name].essential and not proven(name, found)
    ]
    unseen = [canary for canary in _CANARIES if not any(control.hits.get(canary) for control in found)]
    if unseen and len(denied) > len(_CANARIES):
        reasons.append(f"the control reached no canary for {', '.join(unseen)}")
    unprovable = [name for name in denied if run.outcomes[name] != "open" and not proven(name, found)]
    notes = (
        [f"not provable on this host (refused without a sandbox too): {', '.join(unprovable)}"]
        if unprovable
        else []
    )
    shown = len(denied) - len(unprovable)
    notes.append(f"{shown} of {len(denied)} probes work without a sandbox and are stopped by it")
    return CheckResult(
        findings=tuple(findings),
        attempts={rule: shown},
        probes=len(run.outcomes),
        inconclusive={rule: "; ".join(reasons)} if reasons else {},
        notes=tuple(notes),
    )


def _escape(rule: str, name: str, run: Run, found: list[Control]) -> Finding:
    doc = (probes()[name].attempt.__doc__ or name).strip()
    outcomes: dict[str, JSON] = {control.who: control.outcomes.get(name) for control in found}
    return Finding(
        rule,
        f"from inside the sandbox the probe {name} succeeded: {doc}",
        because="the probe ran as the payload of the very launch plan",
        evidence={"probe": name, "inside": run.outcomes[name], "control": outcomes},
        replay={"check": CHECKS[rule], "case": {"probe": name}},
    )


def _effect(rule: str, what: str) -> Finding:
    return Finding(
        rule,
        f"something outside the sandbox was reached: {what}",
        because="the canaries keep their own record, whatever the probes returned",
        evidence={"effect": what},
    )


@check("sandbox.probes", rules=("LC102",), needs=frozenset({"kernel"}), quick=True)
def run_all(ctx: Context) -> CheckResult:
    """Every probe in the app's real launch plan, against a control on the same host."""
    return _probe(ctx, list(probes()))


def replay(ctx: Context, case: Mapping[str, JSON]) -> CheckResult:
    """One probe again, with the twins that must work."""
    twins = [name for name, one in probes().items() if one.allow]
    return _probe(ctx, [str(case["probe"]), *twins])


def _probe(ctx: Context, names: list[str]) -> CheckResult:
    plan = app_plan(ctx)
    with outside(plan.identity) as there:
        ctx.progress(0, 2, "controls without a sandbox")
        found = controls(plan, there, names)
        ctx.progress(1, 2, "probes in the sandbox")
        return judge(run_probes(plan, there, names, part=app_part(ctx)), found)


@check("sandbox.layers-dropped", rules=("LC103",), needs=frozenset({"kernel"}))
def run_variants(ctx: Context) -> CheckResult:
    """One layer after the other is taken from the plan; its probes must open and the readback must refuse."""
    plan = app_plan(ctx)
    usable = [variant for variant in VARIANTS if os.getuid() == 0 or not variant.needs_root]
    findings: list[Finding] = []
    notes = [f"needs root, left out: {variant.name}" for variant in VARIANTS if variant not in usable]
    broken: list[str] = []
    attempts = 0
    with outside(plan.identity) as there:
        flips = sorted({name for variant in usable for name in variant.flips})
        found = controls(plan, there, flips)
        for done, variant in enumerate(usable):
            ctx.progress(done, len(usable), variant.name)
            findings += _refused(variant, plan, there)
            expected = [name for name in variant.flips if proven(name, found)]
            attempts += len(expected) + bool(variant.layers)
            if not expected:
                broken.append(f"{variant.name}: no probe can show it on this host")
                continue
            try:
                run = run_probes(variant.silent(plan, there), there, expected, part=app_part(ctx))
            except (SandboxError, ProbeError) as error:
                broken.append(f"{variant.name}: {error}")
                continue
            findings += [
                _unnoticed(variant, name, run.outcomes[name])
                for name in expected
                if run.outcomes[name] != "open"
            ]
    findings += _never_confined(plan)
    attempts += 1
    return CheckResult(
        findings=tuple(findings),
        attempts={"LC103": attempts},
        probes=attempts,
        inconclusive={"LC103": "; ".join(broken)} if broken else {},
        notes=tuple(notes),
    )


def _never_confined(plan: LaunchPlan) -> list[Finding]:
    """A start whose confinement cannot be made: nothing runs."""
    rules = Policy((), ()) if plan.landlock is None else plan.landlock
    absent = rules._replace(paths=(*rules.paths, ("/nowhere/at/all", "read")))
    try:
        process = start(replace(plan, landlock=absent, payload=Payload("inside.wait")))
    except SandboxError:
        return []
    process.kill()
    process.close()
    message = "a sandbox was started although its rules could not be applied"
    return [Finding("LC103", message, because="one of them is about a path that does not exist")]


def _refused(variant: Variant, plan: LaunchPlan, there: Outside) -> list[Finding]:
    """The start of a plan that lacks a required layer must be refused, and the reason must name the layer."""
    if not variant.layers:
        return []
    try:
        start(variant.edit(plan, there)).close()
    except SandboxError as error:
        silent = [layer for layer in variant.layers if f"{layer}:" not in error.message]
        if error.code == "readback_failed" and not silent:
            return []
        if "identity" in variant.layers and error.code == "launch_failed":
            return []  # refused earlier still: nothing is ever started by real root
        because = f"it was refused with {error.code}: {error.message}"
    else:
        because = "it was not refused"
    return [
        Finding(
            "LC103",
            f"a start without the {' and '.join(variant.layers)} layer was not refused for that reason",
            because=because,
            evidence={"variant": variant.name, "layers": list(variant.layers)},
        )
    ]


def _unnoticed(variant: Variant, name: str, outcome: str) -> Finding:
    return Finding(
        "LC103",
        f"with '{variant.name}' the probe {name} still reports a denial, so its denial proves nothing",
        because=f"its outcome was {outcome}",
        evidence={"variant": variant.name, "probe": name, "outcome": outcome},
    )

"""LC908: the sandbox is quick to start: all its layers, proven from inside, beside a bare interpreter."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.bench.compare import measure, slowness
from locara_verify.checks.bench.inference import Bound, judge, report
from locara_verify.checks.models.probe import Tally
from locara_verify.context import Context

if TYPE_CHECKING:
    from locara.sandbox.launcher import LaunchPlan

RULE: Final = "LC908"
NAME: Final = "bench-start"
PAYLOAD: Final = "keyword"
"""A module of the standard library that ends at once."""
STARTED: Final = Bound(RULE, "a start of the sandbox", None, 0.100)


def plan_for(ctx: Context) -> LaunchPlan:
    """The app's own launch plan with a payload that does nothing."""
    from locara.runtime.app_home import AppHome  # noqa: PLC0415 - loads the framework
    from locara.sandbox.launcher import LaunchSpec, Payload, build_plan  # noqa: PLC0415
    from locara_verify.target import MANIFEST  # noqa: PLC0415

    manifest = ctx.target.manifest
    if manifest is None:
        raise ValueError("only apps with a valid manifest are started")
    found = {digest: ctx.model_cache.blob(digest) for digest in ctx.grants.models.values()}
    return build_plan(
        LaunchSpec(
            grants=ctx.grants,
            manifest_path=ctx.target.path / MANIFEST,
            app_dir=ctx.target.path,
            data_dir=AppHome.of(ctx.grants, root=ctx.fresh_dir("home")).path,
            payload=Payload(PAYLOAD, ()),
            models={digest: path for digest, path in found.items() if path is not None},
            app_parts=("db", manifest.build.out),
        )
    )


@check(NAME, rules=(RULE,), needs=frozenset({"live", "kernel"}), exclusive=True)
def run(ctx: Context) -> CheckResult:
    """Start the sandbox until every layer is read back, and a bare interpreter, in turn."""
    from locara.sandbox.launcher import start  # noqa: PLC0415 - loads the framework

    tally = Tally()
    plan = plan_for(ctx)

    def sandboxed() -> float:
        clock = time.perf_counter()
        with start(plan, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            taken = time.perf_counter() - clock
            process.wait()
        return taken

    def bare() -> float:
        clock = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", f"import json, runpy, {PAYLOAD}"], check=True)
        return time.perf_counter() - clock

    ctx.progress(0, 1, "starting the sandbox")
    slow = slowness(time.perf_counter)
    pairs = measure(
        sandboxed,
        bare,
        seconds=ctx.profile.bench_seconds / 3,
        seed=ctx.seed_for(RULE),
        holds=STARTED.within(slow),
        clear=STARTED.clear(slow),
    )
    slow = max(slow, slowness(time.perf_counter))
    judge(tally, STARTED, pairs, slow)
    return tally.result(
        {"sandbox_start": {**report(pairs, unit="ms", scale=1e3), "slowness": round(slow, 2)}}
    )

"""The running app from outside: calls, streamed tokens, and the start of its sandbox."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from locara.runtime.launch import RunningApp
from locara.sandbox.launcher import start
from locara_verify.checks.bench.calls import answering, calling, echo
from locara_verify.checks.bench.compare import Cost
from locara_verify.checks.bench.launches import PAYLOAD, plan_for
from locara_verify.checks.bench.processor import clock_of
from locara_verify.checks.models.probe import roles
from locara_verify.context import Context
from tests.bench.conftest import Compare


def test_call(compare: Compare, app: RunningApp) -> None:
    with echo() as exchange:
        compare(
            "one call", calling(app.client), exchange, unit="us", scale=1e6, note="raw = two bare processes"
        )


def test_streamed_token(compare: Compare, app: RunningApp, context: Context) -> None:
    model = roles(context).chat
    assert model is not None
    clock = clock_of(app.pid)
    compare(
        "a streamed token",
        answering(app.client, model, clock, stream=True),
        answering(app.client, model, clock, stream=False),
        unit="us",
        scale=1e6,
        note="raw = the same answer in one piece",
    )


def test_sandbox_start(
    compare: Compare, context: Context, wall: Callable[[Callable[[], object]], Cost]
) -> None:
    plan = plan_for(context)

    def sandboxed() -> None:
        with start(plan, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            process.wait()

    bare = wall(
        lambda: subprocess.run([sys.executable, "-I", "-c", f"import json, runpy, {PAYLOAD}"], check=True)
    )
    compare(
        "start and end of a sandbox", wall(sandboxed), bare, unit="ms", scale=1e3, note="raw = bare python"
    )


def test_app_start(benchmark: Any, context: Context) -> None:
    """From nothing to the first answer, database and all."""

    def begin() -> None:
        with context.open_app() as running:
            running.client.call("app.info")

    benchmark.group = "app start"
    benchmark.pedantic(begin, rounds=5, warmup_rounds=1)

"""LC907: calls and streamed tokens of the running app are quick enough to stay in the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Final

from locara.errors import ModelError
from locara_verify.check import CheckResult, check
from locara_verify.checks.bench.compare import Cost, Pairs, interval, measure, slowness
from locara_verify.checks.bench.inference import ENDLESS, report
from locara_verify.checks.bench.processor import clock_of
from locara_verify.checks.models.answers import ENDLESS as LONG_ANSWER
from locara_verify.checks.models.probe import CALL_SECONDS, Tally, roles
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.runtime.client import Client

RULE: Final = "LC907"
NAME: Final = "bench-calls"
CALLS: Final = 50
TOKENS: Final = 60
SLOWEST_CALL: Final = 1e-3
"""Seconds: 1,000 calls a second, one after the other."""
SLOWEST_TOKEN: Final = 100e-6
"""Processor seconds that streaming may add to a token: 10,000 tokens a second."""
EXCHANGE: Final = 40e-6
"""Seconds that an exchange with a bare process takes where these bounds were set."""

ECHO: Final = """
import json, os
def take(count):
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part: raise SystemExit
        data += part
    return data
while True:
    body = json.loads(take(int.from_bytes(take(4), "big")))
    reply = json.dumps({"id": body["id"], "ok": True, "result": {}}).encode()
    os.write(1, len(reply).to_bytes(4, "big") + reply)
"""


@contextmanager
def echo() -> Iterator[Cost]:
    """The cost of one exchange with a bare process: the same frames, the same JSON, nothing else."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        pipes = process.stdin, process.stdout
        if pipes[0] is None or pipes[1] is None:
            raise OSError("the bare process has no pipes")
        to, back = pipes[0].fileno(), pipes[1].fileno()

        def cost() -> float:
            start = time.perf_counter()
            for number in range(CALLS):
                data = json.dumps({"id": number, "cmd": "app.commands", "args": {}}).encode()
                os.write(to, len(data).to_bytes(4, "big") + data)
                size = int.from_bytes(os.read(back, 4), "big")
                json.loads(os.read(back, size))
            return (time.perf_counter() - start) / CALLS

        try:
            yield cost
        finally:
            process.kill()


def calling(client: Client) -> Cost:
    """The cost of one call of the app."""

    def cost() -> float:
        start = time.perf_counter()
        for _ in range(CALLS):
            client.call("app.commands", timeout=CALL_SECONDS)
        return (time.perf_counter() - start) / CALLS

    return cost


def answering(client: Client, model: str, clock: Callable[[], float], *, stream: bool) -> Cost:
    """The cost of one token of a long answer by ``clock``."""
    messages: JSON = [{"role": "user", "content": ENDLESS}]
    args: Mapping[str, JSON] = {
        "model": model,
        "messages": messages,
        "maxTokens": TOKENS,
        "schema": LONG_ANSWER,
        "stream": stream,
    }

    def cost() -> float:
        start = clock()
        call = client.stream("llm.chat", args, timeout=CALL_SECONDS)
        for _ in call:
            pass
        tokens = int(call.result["usage"]["outputTokens"])
        return (clock() - start) / max(1, tokens)

    return cost


@check(NAME, rules=(RULE,), needs=frozenset({"live"}), exclusive=True)
def run(ctx: Context) -> CheckResult:
    """Measure calls against a bare process, and a streamed answer against the same answer in one piece."""
    tally = Tally()
    seconds = ctx.profile.bench_seconds / 3
    slow = slowness(time.perf_counter)
    bench: dict[str, JSON] = {}
    with ctx.open_app() as app, echo() as exchange:
        ctx.progress(0, 2, "calls")

        def slowest(pairs: Pairs) -> float:
            return SLOWEST_CALL * max(slow, median(pairs.raw) / EXCHANGE)

        def quick(pairs: Pairs) -> bool:
            return interval(pairs.ours, pairs.seed).low <= slowest(pairs)

        pairs = measure(
            calling(app.client),
            exchange,
            seconds=seconds,
            seed=ctx.seed_for(RULE),
            holds=quick,
            clear=lambda pairs: interval(pairs.ours, pairs.seed).high <= slowest(pairs),
        )
        cost = interval(pairs.ours, pairs.seed)
        slow = max(slow, median(pairs.raw) / EXCHANGE)
        tally.expect(
            RULE,
            quick(pairs),
            "calls are slow",
            f"{cost.middle * 1e6:.0f} us, allowed {SLOWEST_CALL * slow * 1e6:.0f}",
        )
        bench["call"] = {**report(pairs, unit="us", scale=1e6), "per_second": round(1 / cost.middle)}
        model = _chat_model(ctx)
        if model is not None:
            ctx.progress(1, 2, "streamed tokens")
            clock = clock_of(app.pid)
            slow = max(slow, slowness(clock))
            most = SLOWEST_TOKEN * slow
            streamed = measure(
                answering(app.client, model, clock, stream=True),
                answering(app.client, model, clock, stream=False),
                seconds=seconds,
                seed=ctx.seed_for(NAME),
                holds=lambda pairs: pairs.extra().low <= most,
                clear=lambda pairs: pairs.extra().high <= most,
            )
            extra = streamed.extra()
            tally.expect(
                RULE,
                extra.low <= most,
                "streaming makes tokens slow",
                f"{extra.middle * 1e6:.0f} us more for each [{extra.low * 1e6:.0f}, {extra.high * 1e6:.0f}]",
            )
            bench["streamed_token"] = report(streamed, unit="us", scale=1e6)
    return tally.result(bench)


def _chat_model(ctx: Context) -> str | None:
    try:
        return roles(ctx).chat
    except ModelError:
        return None

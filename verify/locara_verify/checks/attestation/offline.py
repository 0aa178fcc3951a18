"""LC703: checking an attestation uses no network and keeps no cache that somebody could edit."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.attestation.forged import load
from locara_verify.checks.attestation.judge import Client
from locara_verify.context import Context
from locara_verify.finding import Finding

RULE: Final = "LC703"
NAME: Final = "attestation-offline"
_NETWORK: Final = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "socket.bind",
)
_SOME: Final = 4


class Watch:
    """What the interpreter itself reports of connections and of files opened for writing, while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, args: tuple[object, ...]) -> None:
        if not self.on:
            return
        if event in _NETWORK:
            self.seen.append(event)
        elif event == "open" and _writes(args):
            self.seen.append(f"open {args[0]!s:.200}")


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Check good and forged attestations under the interpreter's own audit of sockets and files."""
    from locara.trust.bundle.instance import public_good  # noqa: PLC0415 - loads the framework

    listed, missing = load(ctx)
    if missing:
        return CheckResult(inconclusive={RULE: missing})
    client = Client()
    client.ask(listed[0].twin)  # loads the libraries, which read files of their own
    watch = Watch()
    if not _control(watch, ctx):
        return CheckResult(inconclusive={RULE: "the interpreter does not report connections on this host"})
    bad = {one.reason: one.bad for one in listed}  # each way to a refusal once
    twins = [one.twin for one in listed[:: max(1, len(listed) // _SOME)]]
    asked = [*bad.values(), *twins]
    watch.on = True
    for side in asked:
        client.ask(side)
    public_good()
    watch.on = False
    findings = tuple(
        Finding(RULE, f"checking an attestation did {what}", "reported by the interpreter's audit hook")
        for what in dict.fromkeys(watch.seen)
    )
    return CheckResult(findings, {RULE: len(asked) + 1}, probes=len(asked) + 1)


def _control(watch: Watch, ctx: Context) -> bool:
    """A connection to nowhere and a written file, both of which must be reported."""
    watch.on = True
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as nowhere:
        nowhere.connect(str(ctx.workdir / "nowhere"))
    (ctx.fresh_dir("control") / "written").write_text("x")
    watch.on = False
    heard = len(watch.seen) >= 2
    watch.seen.clear()
    return heard


def _writes(args: tuple[object, ...]) -> bool:
    mode, flags = (*args[1:3], None, None)[:2]
    if isinstance(mode, str) and set(mode) & set("wax+"):
        return True
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))

"""LC203 at the broker itself: texts that are nearly a handle, and requests where nobody is there to ask."""

from __future__ import annotations

import contextlib
import itertools
import json

from locara.core.compile import compile_grants
from locara.core.manifest import parse_manifest
from locara.sandbox.broker import Services
from locara_verify.check import CheckResult, check
from locara_verify.checks.desktop.stage import EVERYTHING
from locara_verify.checks.escape.handed import OUTSIDE, answering, new_folder
from locara_verify.checks.escape.outside import FORGERY, Case, talking
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each


@check("escape-nearly", rules=(FORGERY,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Everything that is nearly the person's word."""
    findings: list[Finding] = []
    tried: dict[str, int] = {}
    case = Case(ctx, "read-write", "read-write", findings, tried)
    near(case)
    nobody(case)
    return CheckResult(first_of_each(findings), tried, attacks=sum(tried.values()))


def near(case: Case) -> None:
    """Patterns that a handle fits, and texts that are nearly one: only the very handle is its name."""
    folder = new_folder(case)
    with answering(case, [folder], [folder]) as peer:
        pick = {"op": "pick", "kind": "directory", "access": "read-write"}
        key, _ = (peer.ask(**pick).reply["handles"][0]["handle"] for _ in range(2))
        texts = (
            *(
                "*",
                "?" * len(key),
                f"{key[:-1]}*",
                "[!/]*",
                ".*",
                f"^{key}$",
                "%",
                "_" * len(key),
                f"{key}|x",
                "",
            ),
            *(
                f"{key} ",
                f" {key}",
                f"{key}\0",
                f"{key}\n",
                key[:-1],
                key[1:],
                key + key[-1],
                f"./{key}",
                key.swapcase(),
            ),
            "".join(chr(ord(c) + 0xFEE0) for c in key),
        )
        for text, operation in itertools.product(
            texts, ("stat", "list", "open", "mkdir", "remove", "release")
        ):
            reply = peer.ask(op=operation, handle=text, path="000" if operation == "open" else "")
            case.judge(FORGERY, reply.ok, "what is nearly a handle names something", f"{operation}: {text!r}")
        left = peer.ask(op="stat", handle=key, path="").ok and (folder / "000").exists()
        case.judge(FORGERY, not left, "what is nearly a handle ended one", key)


def nobody(case: Case) -> None:
    """Everything is granted, and outside nobody is there to ask: nothing is handed over, and no device is on."""
    document = json.loads(case.ctx.target.manifest_bytes)
    document["capabilities"] |= {**EVERYTHING, "fs.user-selected": "read-write"}
    grants = compile_grants(parse_manifest(json.dumps(document).encode()))
    for message in OUTSIDE:
        if message["op"] != "background":
            with talking(grants, Services()) as peer, contextlib.ExitStack() as held:
                reply = peer.hold(held, **message).reply
            given = reply.get("ok") is True and any(reply.get(name) for name in reply.keys() - {"ok"})
            told = f"{message['op']}: {json.dumps(reply)[:200]}"
            case.judge(FORGERY, given, "something was handed over though nobody was asked", told)

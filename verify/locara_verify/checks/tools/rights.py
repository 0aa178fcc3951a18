"""LC607: a tool can do what it needs and the app is granted, and no more than either."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.decide.translate import to_ask, to_request
from locara_verify.checks.models.probe import Tally, survives
from locara_verify.checks.tools.modules import component, echo, make, numbers, prober
from locara_verify.checks.tools.stage import stage
from locara_verify.context import Context
from locara_verify.oracle import policy
from locara_verify.strategies import manifests, requests

if TYPE_CHECKING:
    from locara.core.request import Request

RULE: Final = "LC607"
NAME: Final = "tool-composition"
SAMPLES: Final = 24

Json = Any


@check(NAME, rules=(RULE,), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Generated pairs against the oracle, then two apps that lack what a tool needs."""
    tally = Tally()
    decisions = algebra(ctx, tally)
    live(ctx, tally)
    result = tally.result()
    return CheckResult(
        findings=result.findings,
        attempts=result.attempts,
        attacks=result.attacks,
        decisions=decisions,
        inconclusive=result.inconclusive,
        notes=result.notes,
    )


def algebra(ctx: Context, tally: Tally) -> int:
    """`compose` on pairs of generated manifests; every question is answered by the oracle, twice."""
    rng, decisions = ctx.rng(NAME), 0
    for number in range(max(50, ctx.profile.decisions // 200)):
        app, tool = manifests.valid(rng), manifests.valid(rng)
        if rng.random() < 0.5:
            tool["capabilities"] = {
                key: value for key, value in app["capabilities"].items() if rng.random() < 0.7
            }
            for part in ("modalities", "profiles", "tooling"):
                tool.pop(part, None)
            if rng.random() < 0.3:
                tool["capabilities"] |= repinned(tool["capabilities"])
        decisions += SAMPLES
        problem = wrong(rng, app, tool)
        tally.expect(
            RULE, problem is None, "the rights of a tool are not what it and the app share", problem or ""
        )
        if number % 200 == 0:
            ctx.progress(number, 0, "compositions")
    return decisions


def repinned(capabilities: Mapping[str, Json]) -> dict[str, Json]:
    """The pins of models and tools, each name now with other bytes."""
    return {
        kind: [f"{pin[:-1]}{'1' if pin[-1] == '0' else '0'}" for pin in capabilities[kind]]
        for kind in ("models", "tools")
        if capabilities.get(kind)
    }


def of_pins(*sides: Mapping[str, Json]) -> list[dict[str, Json]]:
    """A question for each model and tool that one of the sides pins under a name that another has, too."""
    asks = []
    for key, kind in (("models", "model"), ("tools", "tool")):
        pins = [set(side["capabilities"].get(key) or ()) for side in sides]
        names = [{pin.partition("@")[0] for pin in each} for each in pins]
        both = set[str].intersection(*names)
        asks += [
            {"kind": kind, kind: pin} for pin in sorted(set().union(*pins)) if pin.partition("@")[0] in both
        ]
    return asks


def wrong(rng: random.Random, app: Mapping[str, Json], tool: Mapping[str, Json]) -> str | None:
    """The first way in which `compose` is wrong about a pair, or None."""
    from locara.core.compile import compile_grants  # noqa: PLC0415
    from locara.core.composition import compose  # noqa: PLC0415 - loads the framework
    from locara.core.decision import decide  # noqa: PLC0415
    from locara.core.manifest import parse_manifest  # noqa: PLC0415

    grants = [compile_grants(parse_manifest(json.dumps(value).encode())) for value in (app, tool)]
    found = compose(*grants)
    if (said := misnamed(found.missing, app, tool)) is not None:
        return said
    lacking = set(tool.get("tooling", [])) - set(app.get("tooling", []))
    if set(found.missing_tooling) != lacking:
        return f"missing tooling is {found.missing_tooling}, not {lacking}"
    grown = {named.kind for named in found.missing}
    asks = [requests.ask(rng, rng.choice((app, tool))) for _ in range(SAMPLES)]
    for ask in (*of_pins(app, tool), *asks):
        in_app, in_tool = policy.judge(app, ask).allowed, policy.judge(tool, ask).allowed
        request = to_request(ask)
        allowed = decide(found.rights, request).allowed
        if allowed and not (in_app and in_tool):
            return (
                f"{ask} is allowed to the tool, and {'the app' if not in_app else 'the tool'} may not do it"
            )
        # A bare id that the two pin to different bytes names two things: denied, though each may do its own.
        bare = ask["kind"] in ("model", "tool") and "@" not in str(ask[ask["kind"]])
        if in_app and in_tool and not allowed and not bare:
            return f"{ask} is allowed to both and denied to the tool"
        if in_tool and not in_app and request.kind not in grown:
            return f"{ask} is missing and no request of its kind is reported"
    return None


def misnamed(missing: Sequence[Request], app: Mapping[str, Json], tool: Mapping[str, Json]) -> str | None:
    """What is called missing and is not, or a folder that more apps could read and that is not called missing."""
    from locara.core.request import FsRequest  # noqa: PLC0415 - loads the framework

    further = further_partners(app, tool)
    if unsaid := further - {named.root for named in missing if isinstance(named, FsRequest)}:
        return f"{sorted(unsaid)} would be shared with further apps, and is not called missing"
    for named in missing:
        ask = to_ask(named)
        if isinstance(named, FsRequest) and named.root in further:
            continue
        if policy.judge(app, ask).allowed or not policy.judge(tool, ask).allowed:
            return f"{named} is called missing and is not"
    return None


def further_partners(app: Mapping[str, Json], tool: Mapping[str, Json]) -> frozenset[str]:
    """The shared folders, as roots, that the tool declares with an app of which the app itself says nothing."""
    ours, theirs = (
        {folder["id"]: {*folder["with"]} for folder in value["capabilities"].get("shared-folders", ())}
        for value in (app, tool)
    )
    return frozenset(f"shared/{name}" for name, apps in theirs.items() if apps - ours.get(name, apps))


def live(ctx: Context, tally: Tally) -> None:
    """A tool that reads files and one that runs code, in apps that do and do not declare that."""
    reader = make("reader", prober(("own.txt",), (3,)), needs={"fs.app-data": "read"})
    runner = make("runner", echo(), needs={"tooling": ["code-exec.javascript"]}, abi="quickjs")
    python = make("python", component(""), needs={"tooling": ["code-exec.python"]}, abi="python")
    blind = make("blind", prober(("own.txt",), (3, 4, 5)))
    cast = [reader, runner, python, blind, make("echo", echo())]
    with stage(ctx, tally, cast, granted={"fs.app-data": False}) as on, survives(tally, RULE, on.app.client):
        for tool, line in (
            ("reader", '"fs.app-data": "read"'),
            ("runner", '"tooling": ["code-exec.javascript"]'),
            ("python", '"tooling": ["code-exec.python"]'),
        ):
            answer = on.invoke(tool, {"code": "1"})
            told = answer.code == "capability_denied" and answer.fix == line
            tally.expect(RULE, told, f"the {tool} ran without what it needs", f"{answer.code}: {answer.fix}")
        answer = on.invoke("echo", 1)
        tally.expect(RULE, answer.code == "ok", "a tool that needs nothing was refused", answer.code)
    granted, tooling = {"fs.app-data": "read-write"}, ["code-exec.javascript", "code-exec.python"]
    with (
        stage(ctx, tally, cast, granted=granted, tooling=tooling) as on,
        survives(tally, RULE, on.app.client),
    ):
        args = {"root": "$APP_DATA", "path": "own.txt", "data": "own", "encoding": "utf8", "mode": "replace"}
        on.app.client.call("fs.write", args, timeout=20.0)
        if 0 not in numbers(on.invoke("reader").output):
            tally.undecided(RULE, "the allow twin failed: a tool with its need granted cannot read")
        answer = on.invoke("blind")
        none = answer.code == "ok" and not numbers(answer.output)
        tally.expect(
            RULE, none, "a tool has the rights of the one before it", f"{answer.code}: {answer.output}"
        )
        used = [
            entry
            for entry in on.app.client.call("audit.capabilityLog", {"limit": 200})["entries"]
            if (entry["cmd"], entry["capability"]) == ("tools.invoke", "fs.app-data") and entry["allowed"]
        ]
        tally.expect(RULE, bool(used), "what a tool was given is not in the log", "it read the app's data")
        if (answer := on.invoke("python", {"code": "1"})).code != "ok":
            tally.undecided(RULE, f"the allow twin failed: a component was refused ({answer.code})")
        # It is no QuickJS, so it passes the gate and is refused for what it is.
        answer = on.invoke("runner", {"code": "1"})
        if answer.code != "tool_unavailable":
            tally.undecided(
                RULE, f"the allow twin failed: the tooling was declared and refused ({answer.code})"
            )

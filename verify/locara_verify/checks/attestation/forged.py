"""LC702: what a holder of some keys, or of none, can forge is refused, each for its own reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.attestation import publishers, recalled, sets
from locara_verify.checks.attestation.judge import Client
from locara_verify.context import Context
from locara_verify.finding import JSON, Finding
from locara_verify.strategies.bundles import Side, Vector, vectors, vouching

RULE: Final = "LC702"
NAME: Final = "attestation-forged"


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Show every forgery and its honest twin to the product's own verifier."""
    listed, missing = load(ctx)
    if missing:
        return CheckResult(inconclusive={RULE: missing})
    return judge(ctx, listed).joined(sets.run(ctx), "of several").joined(publishers.run(), "of an index")


def replay(ctx: Context, case: dict[str, JSON]) -> CheckResult:
    """One vector again."""
    listed, missing = load(ctx)
    found = [one for one in listed if one.name == case.get("vector")]
    if missing or not found:
        return CheckResult(inconclusive={RULE: missing or "there is no such vector in this version"})
    return judge(ctx, found)


def load(ctx: Context) -> tuple[list[Vector], str]:
    """The vectors, or why there are none."""
    try:
        return vectors(ctx.fixtures), ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [], f"the forged attestations cannot be read: {error}"


def judge(ctx: Context, listed: list[Vector]) -> CheckResult:
    """A finding for every forgery that is believed, refused for another reason, or whose twin is refused."""
    client = Client()
    findings: list[Finding] = []
    twins: dict[str, str] = {}
    for number, vector in enumerate(listed):
        ctx.progress(number, len(listed), vector.name)
        reason, _ = client.ask(vector.bad)
        if reason != vector.reason:
            told = f"is refused as {reason}" if reason else "is believed"
            findings.append(
                _finding(vector, f"the forgery {vector.name} {told}, and must be refused as {vector.reason}")
            )
        same = repr(vector.twin)  # most forgeries have one twin, which is asked about once
        if same not in twins:
            twins[same] = client.ask(vector.twin)[0]
        if control := twins[same]:
            findings.append(_finding(vector, f"the honest twin of {vector.name} is refused as {control}"))
    near = list(misnamed(listed[0].twin))
    for what, reason, side in near:
        got = client.ask(side)[0]
        if got != reason:
            told = f"is refused as {got}" if got else "is believed"
            message = f"an attestation {told} where {what} is expected, and must be refused as {reason}"
            findings.append(Finding(RULE, message, "asked the verifier of attestations, offline"))
    stolen = vouching(listed[0].twin.trust)
    for key, where in stolen.items():
        for number, (revoked, wanted) in enumerate(((key, "signer_revoked"), (key[::-1], ""))):
            got = client.ask(listed[0].twin, revoked=revoked)[0]
            if got != wanted:
                told = f"the key was revoked and the attestation is {got or 'believed'}"
                message = (
                    told
                    if number == 0
                    else f"another key was revoked and the attestation is refused as {got}"
                )
                findings.append(Finding(RULE, message, f"the key of {where}"))
    _, believed = client.ask(listed[0].twin)
    lists, unheard = (0, []) if believed is None else recalled.wrong(believed)
    for what, came in unheard:
        message = f"what a list of revocations says of an attestation has another effect: {came}"
        findings.append(Finding(RULE, message, f"it names {what}"))
    tried = len(listed) + len(near) + 2 * len(stolen) + lists
    return CheckResult(tuple(findings), {RULE: tried}, attacks=tried, probes=tried)


def misnamed(twin: Side) -> Iterator[tuple[str, str, Side]]:
    """The honest twin before clients that expect a name beside the one it has, in every way names are confused."""
    for key in ("identity", "source", "builder"):
        name = twin.want[key] or ""
        scheme, _, rest = name.partition("://")
        host, _, path = rest.partition("/")
        near = {
            f"{scheme}://{host}./{path}", f"{scheme}://{host}:443/{path}", f"{scheme}://{host.upper()}/{path}x",
            f"{scheme}://x.{host}/{path}", f"{scheme}://*.{host}/{path}", f"{scheme}://*/{path}", f"{scheme}://{host}/*",
            f"{scheme}://{host.replace('a', chr(0x430)).replace('e', chr(0x435))}/{path}", f"{scheme}://{host}/{path}*",
            f"{scheme}://{host}%00/{path}", f"{scheme}://{host}/{path.swapcase()}", f"http://{host}/{path}x", ".*", "*",
            f"{scheme}://{host}/./{path}", f"{scheme}://{host}//{path}", f"{scheme}://{host}/%2e/{path}", name[:-1],
        }  # fmt: skip
        for other in sorted(near - {name}):
            yield ascii(other), f"{key}_mismatch", replace(twin, want={**twin.want, key: other})


def _finding(vector: Vector, message: str) -> Finding:
    return Finding(
        RULE,
        message,
        "asked the verifier of attestations, offline",
        evidence={"vector": vector.name, "expected": vector.reason},
        replay={"check": NAME, "case": {"vector": vector.name}},
    )

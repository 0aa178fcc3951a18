"""LC702: what a holder of some keys, or of none, can forge is refused, each for its own reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.attestation import publishers, recalled, sets, times
from locara_verify.checks.attestation.judge import Client
from locara_verify.context import Context
from locara_verify.finding import JSON, Finding
from locara_verify.strategies.bundles import Side, Vector, vectors, vouching

RULE: Final = "LC702"
SIGNED: Final = "2026-07-01T12:00:00+00:00"
"""When every vector was signed."""
_OUT_OF_USE: Final = ("", "authority_retired", "log_retired", "time_invalid")
NAME: Final = "attestation-forged"


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Show every forgery and its honest twin to the product's own verifier."""
    listed, missing = load(ctx)
    if missing:
        return CheckResult(inconclusive={RULE: missing})
    result = judge(ctx, listed).joined(sets.run(ctx), "of several").joined(publishers.run(), "of an index")
    return result.joined(times.run(ctx, listed[0].twin.want), "of two times")


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
    near = [*misnamed(listed[0].twin), *other_artifacts(listed[0].twin)]
    for what, reason, side in near:
        got = client.ask(side)[0]
        if got != reason:
            told = f"is refused as {got}" if got else "is believed"
            message = f"an attestation {told} where {what} is expected, and must be refused as {reason}"
            findings.append(Finding(RULE, message, "asked the verifier of attestations, offline"))
    spans = [one for side in (listed[0].twin, *of_an_older_log(listed)) for one in spanned(side)]
    for what, allowed, side in spans:
        got = client.ask(side)[0]
        if (got == "") != allowed or got not in _OUT_OF_USE:
            message = f"an attestation is {got or 'believed'} where it is signed {'with' if allowed else 'without'} it"
            findings.append(Finding(RULE, message, f"in use {what}"))
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
    tried = len(listed) + len(near) + len(spans) + 2 * len(stolen) + lists
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
            f"{scheme}://{host}/%{ord(path[:1] or '/'):02x}{path[1:]}", f"{scheme}://{host}/{_wide(path)}",
            f"{scheme}://{host}/./{path}", f"{scheme}://{host}//{path}", f"{scheme}://{host}/%2e/{path}", name[:-1],
        }  # fmt: skip
        for other in sorted(near - {name}):
            yield ascii(other), f"{key}_mismatch", replace(twin, want={**twin.want, key: other})


def _wide(text: str) -> str:
    """The text in letters of full width, which compatible forms of Unicode take for the plain ones."""
    return "".join(chr(ord(one) + 0xFEE0) if one.isalnum() else one for one in text)


def of_an_older_log(listed: list[Vector]) -> list[Side]:
    """The honest twin that an older log has, when there is one among these."""
    return [one.twin for one in listed if one.name == "older-retired"][:1]


def spanned(twin: Side) -> Iterator[tuple[str, bool, Side]]:
    """The honest twin before clients whose authorities and logs were in use at other times, one at a time.

    Everything that vouches for it does so at one moment: whoever began a second later or ended a second before vouches
    for nothing, and whoever was there for that second alone is enough.
    """
    trust = json.loads(twin.trust)
    signed = datetime.fromisoformat(SIGNED)
    second = timedelta(seconds=1)
    long = signed - timedelta(days=30)
    for kind in ("certificateAuthorities", "tlogs", "ctlogs", "timestampAuthorities"):
        for place, one in enumerate(trust["trustedRoot"].get(kind, ())):
            if not _counts(twin, one, kind):
                continue
            holder = one if "validFor" in one else one["publicKey"]
            before = holder["validFor"]
            for begins, ends, allowed in (
                (signed + second, None, False),
                (long, signed - second, False),
                (signed, signed + second, True),
            ):
                end = {} if ends is None else {"end": ends.isoformat()}
                holder["validFor"] = {"start": begins.isoformat(), **end}
                told = f"from {begins:%H:%M:%S} to {'now' if ends is None else f'{ends:%H:%M:%S}'}: {kind} {place}"
                yield told, allowed, replace(twin, trust=json.dumps(trust).encode())
            holder["validFor"] = before


def _counts(twin: Side, one: dict[str, JSON], kind: str) -> bool:
    """Whether this authority or log is one that the bundle was signed with."""
    material = json.loads(twin.bundle)["verificationMaterial"]
    if kind == "tlogs":
        return bool(one["logId"] == material["tlogEntries"][0]["logId"])
    return kind != "timestampAuthorities" or bool(material.get("timestampVerificationData"))


def other_artifacts(twin: Side) -> Iterator[tuple[str, str, Side]]:
    """The honest twin before clients that have another file, whose digest is the right one but for one digit."""
    digest = twin.want["artifact"] or ""
    for place in (0, 7, 15, 31, 32, 62, 63):
        digit = "0" if digest[place] != "0" else "1"
        other = digest[:place] + digit + digest[place + 1 :]
        yield f"artifact {place}", "subject_mismatch", replace(twin, want={**twin.want, "artifact": other})


def _finding(vector: Vector, message: str) -> Finding:
    return Finding(
        RULE,
        message,
        "asked the verifier of attestations, offline",
        evidence={"vector": vector.name, "expected": vector.reason},
        replay={"check": NAME, "case": {"vector": vector.name}},
    )

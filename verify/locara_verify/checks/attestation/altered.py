"""LC701: an attestation with any one value altered is refused, or is believed to say exactly the same.

Some bytes of a bundle mean nothing (the status word of a timestamp, say). So it is not refusal that is asked for,
but that nobody can make a client believe another thing than what was signed. Altering must be noticed somewhere:
a run in which nothing was refused has proven nothing.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.attestation.forged import load
from locara_verify.checks.attestation.judge import Client, facts
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.strategies.bundles import Side, donor, edits

RULE: Final = "LC701"
NAME: Final = "attestation-altered"
_SHARE: Final = 10  # one in ten of the fuzzer's budget: each takes ten milliseconds
_LEAST_REFUSED: Final = 0.5


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Alter a good attestation in every place, by the seed, and compare what is believed before and after."""
    listed, missing = load(ctx)
    if missing:
        return CheckResult(inconclusive={RULE: missing})
    good, other = listed[0].twin, donor(ctx.fixtures)
    count = max(40, ctx.profile.fuzz_examples // _SHARE)
    rng = ctx.rng(NAME)
    client = Client()
    reason, control = client.ask(good)
    if control is None:
        finding = Finding(RULE, f"an untouched attestation is refused as {reason}", "asked first, as control")
        return CheckResult((finding,), {RULE: 1})
    findings: list[Finding] = []
    refused = 0
    for number, (place, raw) in enumerate(edits(good.bundle, other, rng, count)):
        ctx.progress(number, count, place)
        reason, believed = client.ask(Side(raw, good.trust, good.want, good.now))
        refused += believed is None
        if reason == "unexpected":
            findings.append(_finding(place, raw, "broke the verifier in a way that nobody foresaw"))
        if believed is not None and facts(believed) != facts(control):
            findings.append(_finding(place, raw, "is believed, and says something else"))
    if not findings and refused < count * _LEAST_REFUSED:
        return CheckResult(
            inconclusive={RULE: f"only {refused} of {count} altered attestations were noticed at all"}
        )
    return CheckResult(
        tuple(findings), {RULE: count}, attacks=count, notes=(f"{refused} of {count} alterations refused",)
    )


def replay(ctx: Context, case: dict[str, Any]) -> CheckResult:
    """One altered attestation again."""
    listed, missing = load(ctx)
    if missing:
        return CheckResult(inconclusive={RULE: missing})
    good = listed[0].twin
    client = Client()
    _, control = client.ask(good)
    raw = base64.b64decode(case["bundle"])
    reason, believed = client.ask(Side(raw, good.trust, good.want, good.now))
    differs = believed is not None and control is not None and facts(believed) != facts(control)
    if differs or reason == "unexpected":
        return CheckResult((_finding(case["place"], raw, "is believed, or breaks the verifier"),), {RULE: 1})
    return CheckResult((), {RULE: 1}, attacks=1)


def _finding(place: str, raw: bytes, what: str) -> Finding:
    case = {"place": place, "bundle": base64.b64encode(raw).decode()}
    return Finding(
        RULE,
        f"an attestation altered at {place} {what}",
        "compared with what is believed of the untouched one",
        evidence={"place": place},
        replay={"check": NAME, "case": case},
    )

"""LC006: badges and risk of generated manifests, judged a second time from the text."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.label import privacy_label
from locara.core.manifest import parse_manifest
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.oracle import label
from locara_verify.strategies import manifests

RULE: Final = "LC006"
NAME: Final = "manifest/labels"
MOST_FINDINGS: Final = 5
EXAMPLES: Final[Mapping[str, int]] = {"quick": 600, "ci": 2_000, "strict": 3_000, "soak": 50_000}
LEAST_SHARE: Final = 20  # one in so many must be of each tier, or the tiers are not told apart

Json = Any


def draw(rng: random.Random) -> dict[str, Json]:
    """A manifest of few capabilities, so that each line of the table decides alone now and then."""
    value = manifests.minimal()
    chosen = manifests.capabilities(rng)
    kept = rng.sample(sorted(chosen), min(len(chosen), rng.randint(0, 3)))
    value["capabilities"] = {key: chosen[key] for key in kept}
    form = rng.random()
    if form < 0.3:
        # Around the edge between a few hosts and many.
        count = rng.choice((1, 4, 5, 6, 7))
        value["capabilities"]["net"] = {"allowed_hosts": [f"h{n}.example.org" for n in range(count)]}
    elif form < 0.6:
        value["capabilities"].pop("net", None)
    return value


def problem(document: Mapping[str, Json]) -> str | None:
    """A sentence when the label and the second judge differ, else None."""
    shown = privacy_label(compile_grants(parse_manifest(json.dumps(document).encode())))
    if set(shown.badges) != label.badges(document) or len(shown.badges) != len(set(shown.badges)):
        return f"badges {shown.badges}, the text says {sorted(label.badges(document))}"
    due = label.risk(document)
    if shown.risk != due:
        return f"risk {shown.risk}, the text says {due}"
    if (shown.risk == "low") != (not shown.reasons):
        return f"risk {shown.risk} for the reasons {shown.reasons}"
    return label.untold(document, shown.data_handling)


def _finding(document: Mapping[str, Json], because: str) -> Finding:
    case: dict[str, Any] = {"capabilities": document["capabilities"]}
    return Finding(
        RULE,
        "the privacy label is not what the manifest gives",
        because=because,
        evidence=case,
        replay={"check": NAME, "case": case},
    )


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Compare labels of generated manifests and count how many were of each tier."""
    rng = ctx.rng(NAME)
    findings: list[Finding] = []
    total = EXAMPLES.get(ctx.profile.profile, EXAMPLES["ci"])
    tiers: Counter[str] = Counter()
    for _ in range(total):
        document = draw(rng)
        tiers[label.risk(document)] += 1
        wrong = problem(document)
        if wrong is not None and len(findings) < MOST_FINDINGS:
            findings.append(_finding(document, wrong))
    rare = [tier for tier in ("low", "medium", "high") if tiers[tier] * LEAST_SHARE < total]
    return CheckResult(
        findings=tuple(findings),
        attempts={RULE: total},
        inconclusive={RULE: f"too few generated apps are of risk {rare}"} if rare and not findings else {},
    )


def replay(_ctx: Context, case: Mapping[str, Json]) -> CheckResult:
    """Judge one manifest's label again."""
    document = {**manifests.minimal(), "capabilities": case["capabilities"]}
    wrong = problem(document)
    return CheckResult(findings=(_finding(document, wrong),) if wrong is not None else (), attempts={RULE: 1})

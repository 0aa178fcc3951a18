"""LC207: the gate of an app decides each request by itself, whatever it decided before, and records what it decided."""

from __future__ import annotations

import json
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.decide.oracle import compiled, printable
from locara_verify.checks.decide.translate import to_request
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each
from locara_verify.oracle import policy
from locara_verify.strategies import manifests, requests

RULE: Final = "LC207"
NAME: Final = "escape-each-time"
QUESTIONS: Final = 120
"""Of one manifest to one gate. Each is asked again after all others."""
EXAMPLES: Final = 40
"""Of so many examples of a fuzzer one is a manifest."""
LEAST: Final = 6


class Record:
    """In the place of the log: for each request whether it was recorded as allowed, with a reason."""

    def __init__(self) -> None:
        self.said: list[bool] = []

    def append(self, *_about: object, allowed: bool, because: str) -> None:
        """As the log does it; what has no reason is no record."""
        if because:
            self.said.append(allowed)


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """The target's own manifest and generated ones, a gate for each."""
    rng, findings = ctx.rng(NAME), []
    own: dict[str, Any] = json.loads(ctx.target.manifest_bytes)
    expected: list[bool] = []
    for number in range(max(LEAST, ctx.profile.fuzz_examples // EXAMPLES)):
        value = own if number == 0 else manifests.valid(rng)
        questions = [requests.ask(rng, value) for _ in range(QUESTIONS)]
        answers = [policy.judge(value, ask).allowed for ask in questions]
        order = [*range(QUESTIONS), *rng.sample(range(QUESTIONS), QUESTIONS)]
        expected += [answers[at] for at in order]
        findings += _judged(value, [(questions[at], answers[at]) for at in order])
    few = min(sum(expected), len(expected) - sum(expected)) < len(expected) // 20
    return CheckResult(
        first_of_each(findings),
        {RULE: len(expected)},
        decisions=len(expected),
        inconclusive={RULE: f"{sum(expected)} of {len(expected)} requests are allowed"} if few else {},
    )


def _judged(value: dict[str, Any], questions: list[tuple[policy.Ask, bool]]) -> list[Finding]:
    """What one gate does otherwise than the policy says of each request alone."""
    from locara.errors import CapabilityDenied  # noqa: PLC0415 - loads the runtime
    from locara.runtime.gate import Gate  # noqa: PLC0415 - as above

    record: Any = Record()
    gate, findings = Gate(compiled(value), record), []
    for number, (ask, expected) in enumerate(questions):
        try:
            gate.require(to_request(ask))
            said = "allowed"
        except CapabilityDenied:
            said = "denied"
        recorded = record.said[number:]
        if (said == "allowed") is expected and recorded == [expected]:
            continue
        told = (
            f"it was {said} and recorded as {recorded}, the policy says {'allowed' if expected else 'denied'}"
        )
        findings.append(
            Finding(
                RULE,
                f"a gate that decided {number} requests before decides one about {ask['kind']} otherwise",
                because=told,
                evidence={"ask": {key: printable(item) for key, item in ask.items()}},
            )
        )
        break  # what it does from here on follows from this
    return findings

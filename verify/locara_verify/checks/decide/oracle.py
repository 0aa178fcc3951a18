"""LC010: the product's decisions against the independent policy, many questions per generated manifest."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cache
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.decision import Decision, decide
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.decide.translate import to_request
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.oracle import policy
from locara_verify.strategies import manifests, requests
from locara_verify.strategies.draws import Quick

RULE: Final = "LC010"
NAME: Final = "decision-oracle"
QUESTIONS_PER_MANIFEST: Final = 400
OWN_SHARE: Final = 10  # one in so many questions is about the target's own manifest
TEXT_EVERY: Final = 50  # the sentences of a decision are built lazily; one in so many is read
LEAST_SHARE: Final = 0.05  # of allowed and of denied decisions; below it the run proved one side only
MOST_FINDINGS: Final = 5
FOREIGN_EVERY: Final = 8  # one question in so many is asked again with content that is no text


class Refuses:
    """Content that can be neither compared nor looked up: whatever is asked of it raises."""

    def __eq__(self, _other: object) -> bool:
        raise RuntimeError("not comparable")

    def __hash__(self) -> int:
        raise RuntimeError("not hashable")

    def __repr__(self) -> str:
        return "<raises>"


FOREIGN: Final[tuple[object, ...]] = (None, True, 0, 443.0, b"read", [], ["read"], {}, ("read",), Refuses())

Json = Any


@dataclass(slots=True)
class Tally:
    """What was asked and answered so far."""

    asked: int = 0
    allowed: int = 0
    findings: list[Finding] = field(default_factory=list)
    kinds: dict[str, list[int]] = field(default_factory=dict)

    def count(self, kind: str, *, allowed: bool) -> None:
        """Count one decision."""
        self.asked += 1
        self.allowed += allowed
        if kind not in self.kinds:
            self.kinds[kind] = [0, 0]
        self.kinds[kind][allowed] += 1


def compiled(value: Mapping[str, Json]) -> Grants:
    """The Grants of a manifest given as JSON value."""
    return compile_grants(parse_manifest(json.dumps(value, ensure_ascii=False).encode("utf-8")))


def question(grants: Grants, value: Mapping[str, Json], ask: policy.Ask, *, read_text: bool) -> str | None:
    """Ask both; a sentence when the product's answer is wrong, else None."""
    return compared(grants, value, ask, policy.judge(value, ask), read_text=read_text)


def compared(
    grants: Grants, value: Mapping[str, Json], ask: policy.Ask, expected: policy.Judgement, *, read_text: bool
) -> str | None:
    """The same, where the independent answer is known."""
    try:
        decision = decide(grants, to_request(ask))
        if decision.allowed is not expected.allowed:
            return f"decide says {word(decision.allowed)}, the policy says {word(expected.allowed)}"
        return text_problem(decision, expected, ask) if read_text else None
    except Exception as error:  # whatever it is, a question must not raise
        return f"decide raised {type(error).__name__}: {error}"


def text_problem(decision: Decision, expected: policy.Judgement, ask: policy.Ask) -> str | None:
    """What is wrong with the words of a decision, or None."""
    capability, because, fix = decision.capability, decision.because, decision.fix
    if expected.capability and capability != expected.capability:
        return f"the decision names {capability!r}; the question is about {expected.capability!r}"
    shown = printed(because + fix)
    if not because.strip() or not (shown.isascii() and shown.isprintable()):
        return "the reason is empty or holds characters that do not show"
    if expected.allowed:
        return (
            None
            if "locara.json:" in because
            else f"the reason does not name the line of the grant: {because!r}"
        )
    return fix_problem(fix, ask)


def fix_problem(fix: str, ask: policy.Ask) -> str | None:
    """What is wrong when the line that a denial proposes is all that a manifest says, or None."""
    if not fix or not policy.possible(ask):
        return None if not fix and not policy.possible(ask) else f"a denial proposes {fix!r}"
    better, grants = proposed(fix)
    if not decide(grants, to_request(ask)).allowed or not policy.judge(better, ask).allowed:
        return f"the proposed line does not grant what was asked: {fix}"
    return None


@cache
def proposed(fix: str) -> tuple[Mapping[str, Json], Grants]:
    """A manifest that says what a denial proposes and no more, and its grants: many denials propose the same."""
    line = json.loads("{" + fix.replace("…", "0" * 64) + "}")
    better = {**manifests.minimal(), "capabilities": line}
    return better, compiled(better)


def printed(text: str) -> str:
    """``text`` without the characters a declaration may rightly show."""
    return text.replace("…", "")


def word(allowed: bool) -> str:
    """A decision as a word."""
    return "allowed" if allowed else "denied"


def shrink(value: Mapping[str, Json], ask: policy.Ask) -> Mapping[str, Json]:
    """Drop capabilities and list items from the manifest as long as both sides still disagree."""
    smallest = {key: item for key, item in value.items() if key not in ("profiles", "modalities", "tooling")}
    if not disagrees(smallest, ask):
        return value
    shorter = True
    while shorter:
        shorter = False
        for candidate in smaller(smallest):
            if disagrees(candidate, ask):
                smallest, shorter = candidate, True
                break
    return smallest


def disagrees(value: Mapping[str, Json], ask: policy.Ask) -> bool:
    """Tell whether the two sides differ on one question about a manifest (False when it does not parse)."""
    try:
        grants = compiled(value)
    except Exception:  # a candidate of the shrinker may be no manifest at all
        return False
    return question(grants, value, ask, read_text=True) is not None


def smaller(value: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Copies of a manifest with one capability, or one item of a list inside one, left out."""
    for key, part in value.get("capabilities", {}).items():
        without = copy.deepcopy(dict(value))
        del without["capabilities"][key]
        yield without
        inner = part.get("allowed_hosts", part.get("hosts")) if isinstance(part, dict) else part
        for index in range(len(inner) if isinstance(inner, list) and len(inner) > 1 else 0):
            fewer = copy.deepcopy(dict(value))
            target = fewer["capabilities"][key]
            listed: Json = (
                target.get("allowed_hosts", target.get("hosts")) if isinstance(target, dict) else target
            )
            del listed[index]
            yield fewer


def finding(value: Mapping[str, Json], ask: policy.Ask, problem: str) -> Finding:
    """The finding for one question, on the smallest manifest that shows it."""
    small = shrink(value, ask)
    case = {"manifest": dict(small), "ask": {key: printable(item) for key, item in ask.items()}}
    return Finding(
        rule_id=RULE,
        message=f"a decision about {ask['kind']} is wrong",
        because=problem,
        evidence={"capabilities": small.get("capabilities", {}), "ask": case["ask"]},
        replay={"check": NAME, "case": case},
    )


def printable(item: Json) -> Json:
    """A question's field as JSON can carry it (lone surrogates escaped)."""
    return item.encode("utf-8", "backslashreplace").decode() if isinstance(item, str) else item


def interrogate(tally: Tally, rng: random.Random, value: Mapping[str, Json], count: int) -> None:
    """Ask ``count`` questions about one manifest."""
    grants = compiled(value)
    for number in range(count):
        ask = requests.ask(rng, value)
        expected = policy.judge(value, ask)
        problem = compared(grants, value, ask, expected, read_text=number % TEXT_EVERY == 0)
        tally.count(ask["kind"], allowed=expected.allowed)
        if problem is not None and len(tally.findings) < MOST_FINDINGS:
            tally.findings.append(finding(value, ask, problem))
        if number % FOREIGN_EVERY == 0 and len(tally.findings) < MOST_FINDINGS:
            tally.findings += foreign(grants, value, ask, rng.choice(FOREIGN))


def foreign(grants: Grants, value: Mapping[str, Json], ask: policy.Ask, odd: object) -> Iterator[Finding]:
    """The same question with ``odd`` in one field after the other: what is of no known form is never permitted."""
    for name in (part for part in ask if part != "kind"):
        changed = {**ask, name: odd}
        problem = compared(grants, value, changed, policy.Judgement(False, ""), read_text=False)
        if problem is not None:
            told = {**ask, name: repr(odd)}
            yield Finding(
                rule_id=RULE,
                message=f"a decision about {ask['kind']} with foreign content is wrong",
                because=problem,
                evidence={"capabilities": value.get("capabilities", {}), "ask": told},
            )


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Ask ``profile.decisions`` questions: a tenth about the target, the rest about generated manifests."""
    rng = Quick(ctx.seed_for(NAME))
    tally = Tally()
    total = ctx.profile.decisions
    own = json.loads(ctx.target.manifest_bytes)
    interrogate(tally, rng, own, total // OWN_SHARE)
    while tally.asked < total and len(tally.findings) < MOST_FINDINGS:
        interrogate(tally, rng, manifests.valid(rng), min(QUESTIONS_PER_MANIFEST, total - tally.asked))
        ctx.progress(tally.asked, total, "decisions")
    denied = tally.asked - tally.allowed
    inconclusive = {}
    if not tally.findings and min(tally.allowed, denied) < LEAST_SHARE * tally.asked:
        inconclusive[RULE] = f"{tally.allowed} of {tally.asked} decisions were allowed: one side is too rare"
    return CheckResult(
        findings=tuple(tally.findings),
        attempts={RULE: tally.asked},
        decisions=tally.asked,
        inconclusive=inconclusive,
        notes=(f"{tally.allowed} allowed, {denied} denied ({kinds(tally)})",),
    )


def kinds(tally: Tally) -> str:
    """The allowed and all decisions of each kind."""
    return ", ".join(f"{kind} {yes}/{yes + no}" for kind, (no, yes) in sorted(tally.kinds.items()))


def replay(_ctx: Context, case: Mapping[str, Json]) -> CheckResult:
    """Ask one question again."""
    value, ask = case["manifest"], case["ask"]
    problem = question(compiled(value), value, ask, read_text=True)
    found = () if problem is None else (finding(value, ask, problem),)
    return CheckResult(findings=found, attempts={RULE: 1}, decisions=1)

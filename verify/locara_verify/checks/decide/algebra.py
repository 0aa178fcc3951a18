"""LC011: scopes obey the laws of sets, and every verdict about them comes with a true witness."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from locara.core import scope as scopes
from locara.core.capability import Kind
from locara.core.changes import gains
from locara.core.compile import compile_grants
from locara.core.decision import decide
from locara.core.grant import Grants, intersect, widening
from locara.core.manifest import parse_manifest
from locara.core.request import FsRequest, Request
from locara.core.scope import Scope
from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.decide.translate import to_ask, to_request
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.oracle import policy
from locara_verify.strategies import manifests, requests

RULE: Final = "LC011"
NAME: Final = "scope-algebra"
SAMPLES: Final = 60  # membership questions per pair of manifests
MOST_FINDINGS: Final = 5

Json = Any


@dataclass(frozen=True, slots=True)
class Version:
    """One manifest, compiled."""

    value: Mapping[str, Json]
    grants: Grants

    @classmethod
    def of(cls, value: Mapping[str, Json]) -> Version:
        """Compile the JSON value of a manifest."""
        data = json.dumps(value, ensure_ascii=False).encode("utf-8")
        return cls(value, compile_grants(parse_manifest(data)))

    def permits(self, ask: policy.Ask) -> bool:
        """The independent answer."""
        return policy.judge(self.value, ask).allowed


@dataclass(slots=True)
class Tally:
    """What was tried so far."""

    laws: int = 0
    sampled: int = 0
    widened: int = 0
    findings: list[Finding] = field(default_factory=list)


def broken_laws(a: Scope, b: Scope, c: Scope) -> Iterator[str]:
    """Names of the laws that do not hold for three scopes of one kind. Equal sets must be equal values."""
    union, both, minus = scopes.union, scopes.intersect, scopes.difference
    nothing = scopes.empty(a.kind)
    laws = (
        ("a or a = a", union(a, a) == a),
        ("a and a = a", both(a, a) == a),
        ("a minus a = nothing", minus(a, a) == nothing),
        ("a or nothing = a", union(a, nothing) == a),
        ("a and nothing = nothing", both(a, nothing) == nothing),
        ("a or b = b or a", union(a, b) == union(b, a)),
        ("a and b = b and a", both(a, b) == both(b, a)),
        ("(a or b) or c = a or (b or c)", union(union(a, b), c) == union(a, union(b, c))),
        ("(a and b) and c = a and (b and c)", both(both(a, b), c) == both(a, both(b, c))),
        ("a and (b or c) = (a and b) or (a and c)", both(a, union(b, c)) == union(both(a, b), both(a, c))),
        ("a or (b and c) = (a or b) and (a or c)", union(a, both(b, c)) == both(union(a, b), union(a, c))),
        ("a or (a and b) = a", union(a, both(a, b)) == a),
        ("(a minus b) or (a and b) = a", union(minus(a, b), both(a, b)) == a),
        ("(a minus b) and b = nothing", both(minus(a, b), b) == nothing),
        (
            "a minus (b or c) = (a minus b) and (a minus c)",
            minus(a, union(b, c)) == both(minus(a, b), minus(a, c)),
        ),
        (
            "a minus (b and c) = (a minus b) or (a minus c)",
            minus(a, both(b, c)) == union(minus(a, b), minus(a, c)),
        ),
        ("a within a or b", scopes.subset(a, union(a, b)) is None),
        ("a and b within a", scopes.subset(both(a, b), a) is None),
        (
            "a within b exactly when a minus b is nothing",
            (scopes.subset(a, b) is None) == scopes.is_empty(minus(a, b)),
        ),
        ("nothing exactly when there is no witness", (scopes.witness(a) is None) == scopes.is_empty(a)),
        (
            "mutual subsets are equal",
            (scopes.subset(a, b) is None and scopes.subset(b, a) is None) == (a == b),
        ),
    )
    yield from (name for name, holds in laws if not holds)


def false_witnesses(kind: Kind, old: Version, new: Version) -> Iterator[str]:
    """What is wrong with the witnesses about two scopes, against the product's membership and the policy."""
    a, b = old.grants.scope(kind), new.grants.scope(kind)
    named = scopes.witness(a)
    if named is not None and not (scopes.covers(a, named) and old.permits(to_ask(named))):
        yield f"the witness {named} is not in its scope"
    outside = scopes.subset(a, b)
    if outside is not None:
        if not scopes.covers(a, outside) or scopes.covers(b, outside):
            yield f"{outside} is not in the one and outside the other"
        if not old.permits(to_ask(outside)) or new.permits(to_ask(outside)):
            yield f"the policy does not see {outside} in the one and outside the other"


def wrong_membership(old: Version, new: Version, ask: policy.Ask) -> str | None:
    """Membership of one question in union, intersection and difference, against the policy."""
    request = to_request(ask)
    a, b = old.grants.scope(request.kind), new.grants.scope(request.kind)
    in_a, in_b = old.permits(ask), new.permits(ask)
    expected = {
        "a": in_a,
        "b": in_b,
        "a or b": in_a or in_b,
        "a and b": in_a and in_b,
        "a minus b": in_a and not in_b,
    }
    found = {
        "a": scopes.covers(a, request),
        "b": scopes.covers(b, request),
        "a or b": scopes.covers(scopes.union(a, b), request),
        "a and b": scopes.covers(scopes.intersect(a, b), request),
        "a minus b": scopes.covers(scopes.difference(a, b), request),
    }
    wrong = [name for name in expected if expected[name] != found[name]]
    return f"membership in {', '.join(wrong)} is wrong" if wrong else None


def wrong_widening(old: Version, new: Version, asks: Sequence[Mapping[str, Json]]) -> str | None:
    """Whether ``widening`` is right: every witness is new power, and no sampled new power is missed."""
    witnesses: tuple[Request, ...] = tuple(widening(old.grants, new.grants))
    shared = with_more(old, new)
    for named in witnesses:
        of_more = isinstance(named, FsRequest) and named.root.removeprefix("shared/") in shared
        if not new.permits(to_ask(named)) or (old.permits(to_ask(named)) and not of_more):
            return f"{named} is called a widening and is none"
    grown = {named.kind for named in witnesses}
    for ask in asks:
        if new.permits(ask) and not old.permits(ask) and to_request(ask).kind not in grown:
            return f"{ask} became possible and no widening of its kind is reported"
    told = {named.root for named in witnesses if isinstance(named, FsRequest)}
    if missed := sorted(name for name in shared if f"shared/{name}" not in told):
        return f"the folder {missed[0]} is shared with more apps and no widening says so"
    told_gains = gains(old.grants, new.grants)
    said = {gain.kind for gain in told_gains}
    if said != grown:
        return f"the words for an update name {sorted(said)}, and what it widens is {sorted(grown)}"
    spoken = " ".join(gain.sentence for gain in told_gains)
    for name in shared:
        if silent := [app for app in sorted(shared[name]) if app not in spoken]:
            return f"the words for an update do not say that {name} is shared with {silent[0]}"
    return None


def with_more(old: Version, new: Version) -> dict[str, set[str]]:
    """The folders that the new version shares with apps that it did not share them with before, and those apps."""
    before, after = ({item["id"]: set(item["with"]) for item in shares(one.value)} for one in (old, new))
    return {
        name: apps - before.get(name, set()) for name, apps in after.items() if apps - before.get(name, set())
    }


def shares(value: Mapping[str, Json]) -> Sequence[Mapping[str, Json]]:
    """The shared folders of a manifest."""
    listed: Sequence[Mapping[str, Json]] = value.get("capabilities", {}).get("shared-folders", [])
    return listed


def wrong_intersection(old: Version, new: Version, asks: Sequence[Mapping[str, Json]]) -> str | None:
    """Whether what both allow is that: every question, each pin, and each app that a folder is shared with."""
    both = intersect(old.grants, new.grants)
    for name in ("models", "tools"):
        ours, theirs = (
            dict(pin.split("@") for pin in one.value["capabilities"].get(name, [])) for one in (old, new)
        )
        kept = {one: str(digest) for one, digest in getattr(both, name).items()}
        if kept != {one: digest for one, digest in ours.items() if theirs.get(one) == digest}:
            return f"both pin {kept}"
    for name in ("modalities", "tooling"):
        common = set(old.value.get(name, ())) & set(new.value.get(name, ()))
        if set(getattr(both, name)) != common:
            return f"both have the {name} {sorted(getattr(both, name))}, not {sorted(common)}"
    partners = {folder.id: set(folder.partners) for folder in both.shared_folders}
    ours, theirs = ({item["id"]: set(item["with"]) for item in shares(one.value)} for one in (old, new))
    wanted = {name: apps & theirs[name] for name, apps in ours.items() if apps & theirs.get(name, set())}
    if partners != wanted:
        return f"both share {partners}, not {wanted}"
    for ask in asks:
        clash = ask["kind"] in {"model", "tool"} and "@" not in str(ask[ask["kind"]])
        wanted_too = old.permits(ask) and new.permits(ask)
        allowed = decide(both, to_request(ask)).allowed
        if allowed != wanted_too and not (clash and not allowed):
            return f"what both allow says {allowed} to {ask}"
    return None


def pair(rng: random.Random) -> tuple[dict[str, Json], dict[str, Json]]:
    """An old and a new manifest: unrelated, or one grown or narrowed from the other."""
    old = manifests.valid(rng)
    if rng.random() < 0.3:
        return old, manifests.valid(rng)
    new = copy.deepcopy(old)
    source = manifests.capabilities(rng)
    for key in rng.sample(sorted(source), min(len(source), rng.randint(0, 3))):
        new["capabilities"][key] = source[key]
    for key in rng.sample(sorted(new["capabilities"]), min(len(new["capabilities"]), rng.randint(0, 2))):
        del new["capabilities"][key]
    for part in ("modalities", "profiles", "tooling"):
        new.pop(part, None)
    return (old, new) if rng.random() < 0.5 else (new, old)


def examine(tally: Tally, rng: random.Random, values: tuple[Mapping[str, Json], Mapping[str, Json]]) -> None:
    """Try every law, witness and sample on one pair of manifests."""
    old, new = Version.of(values[0]), Version.of(values[1])
    third = Version.of(manifests.valid(rng)).grants
    problems: list[str] = []
    for kind in Kind:
        trio = (old.grants.scope(kind), new.grants.scope(kind), third.scope(kind))
        tally.laws += 1
        problems += [f"{kind}: the law {name} does not hold" for name in broken_laws(*trio)]
        problems += [f"{kind}: {text}" for text in false_witnesses(kind, old, new)]
    asks = [requests.ask(rng, rng.choice(values)) for _ in range(SAMPLES)]
    for ask in asks:
        tally.sampled += 1
        wrong = wrong_membership(old, new, ask)
        problems += [f"{ask}: {wrong}"] if wrong else []
    wrong = wrong_intersection(old, new, asks)
    problems += [wrong] if wrong else []
    wrong = wrong_widening(old, new, asks)
    problems += [wrong] if wrong else []
    tally.widened += bool(widening(old.grants, new.grants))
    if problems and len(tally.findings) < MOST_FINDINGS:
        tally.findings.append(finding(values, problems))


def finding(values: tuple[Mapping[str, Json], Mapping[str, Json]], problems: list[str]) -> Finding:
    """The finding for one pair."""
    old, new = (dict(value) for value in values)
    return Finding(
        rule_id=RULE,
        message="the set algebra of scopes is wrong",
        because=problems[0].encode("utf-8", "backslashreplace").decode(),
        evidence={"problems": len(problems), "old": old.get("capabilities"), "new": new.get("capabilities")},
        replay={"check": NAME, "case": {"old": old, "new": new}},
    )


def sharing(*partners: str) -> dict[str, Json]:
    """A manifest with one folder that it shares with these apps."""
    folder = {"id": "probe", "with": list(partners), "access": "read"}
    return {**manifests.minimal(), "capabilities": {"shared-folders": [folder]}}


def chosen(number: int, own: dict[str, Json], rng: random.Random) -> tuple[dict[str, Json], dict[str, Json]]:
    """The pair of a round: now and then the target's own manifest, one that cannot widen, and one that must."""
    match number % 20:
        case 0:
            return own, manifests.valid(rng)
        case 1:
            same = manifests.valid(rng)
            return same, same
        case 2:
            return manifests.minimal(), {**manifests.minimal(), "capabilities": {"net": True}}
        case 3:
            return sharing("a/b"), sharing("a/b", "c/d")
        case _:
            return pair(rng)


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Generate pairs of manifests, the target's own among them, until the budget is used."""
    rng = ctx.rng(NAME)
    tally = Tally()
    own = json.loads(ctx.target.manifest_bytes)
    pairs = max(30, ctx.profile.decisions // 900)
    for number in range(pairs):
        examine(tally, rng, chosen(number, own, rng))
        ctx.progress(number, pairs, "pairs of manifests")
    inconclusive = {}
    if not tally.findings and not 0 < tally.widened < pairs:
        inconclusive[RULE] = "the pairs of manifests are one-sided: all of them widen, or none does"
    return CheckResult(
        findings=tuple(tally.findings),
        attempts={RULE: tally.laws + tally.sampled},
        decisions=tally.sampled,
        inconclusive=inconclusive,
        notes=(f"{pairs} pairs, {tally.widened} of them widen",),
    )


def replay(ctx: Context, case: Mapping[str, Json]) -> CheckResult:
    """Examine one pair again."""
    tally = Tally()
    for turn in range(20):
        examine(tally, ctx.rng(f"{NAME}-replay-{turn}"), (case["old"], case["new"]))
    return CheckResult(findings=tuple(tally.findings[:1]), attempts={RULE: tally.laws + tally.sampled})

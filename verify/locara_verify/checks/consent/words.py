"""LC411 and LC413: the words of the consent against another reading of the manifest, and sequences of updates
against a table of powers and times."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from locara.core.changes import gains
from locara.core.compile import compile_grants
from locara.core.consent import ConsentText, consent_text
from locara.core.decision import decide
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.core.request import NetRequest
from locara.runtime.standing import Standing
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.gained import covers, declared_one_by_one, unnamed_partners
from locara_verify.checks.consent.objects import misnamed
from locara_verify.checks.decide.translate import to_ask
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.oracle import policy
from locara_verify.strategies import manifests, requests

WORDS: Final = "LC411"
SLEEP: Final = "LC413"
WEEK: Final = 604_800.0
MOST: Final = 5
SAMPLES: Final = 12

# Written down again on purpose: what each power is called where a person reads it.
LINES: Final = {
    "net": r"connect to .+",
    "fs.user-selected": (
        r"(read and change|read) the files and folders that you pick, and find them again later only if you say so"
    ),
    "fs.app-data": r"(read and change|read) files in its own private folder",
    "fs.user-paths": r"at any time, .+ everything in your .+ folder",
    "device.microphone": r"use the microphone",
    "device.camera": r"use the camera",
    "device.system-audio": r"record the sound of other apps",
    "models": r"run AI models on this computer: .+",
    "tools": r"run tools: .+",
    "shared-folders": r"share folders with other apps: .+",
    "clipboard": r"(read and change|read|change) the clipboard",
    "notifications": r"notify you by .+",
    "background": r"run in the background .+",
    "open-external": r"open web pages of .+ in your browser",
}

# What a modality or tooling lets an app do without a model or a tool.
SKILLS: Final = {
    "read the text in pictures and PDF files that it can open": ("image-to-text", "ocr"),
    "speak text with a computer voice": ("text-to-speech", "audio.synthesize"),
}

Json = Any


def declared(capabilities: Mapping[str, Json]) -> frozenset[str]:
    """The keys that a manifest gives something under, by an own reading."""
    found = {
        key
        for key in ("net", "fs.user-selected", "models", "tools", "shared-folders", "open-external", "fs.user-paths")
        if capabilities.get(key)
    }  # fmt: skip
    found |= {key for key in capabilities if key.startswith("device.") and capabilities[key] is True}
    if capabilities.get("fs.app-data", "read-write"):
        found.add("fs.app-data")
    if any(capabilities.get("clipboard", {}).values()):
        found.add("clipboard")
    if capabilities.get("notifications", {}).get("modes"):
        found.add("notifications")
    if capabilities.get("background", {}).get("mode"):
        found.add("background")
    return frozenset(found)


def faults(value: Mapping[str, Json], text: ConsentText) -> Iterator[str]:
    """What is wrong with the text of a manifest."""
    capabilities = value["capabilities"]
    wanted = declared(capabilities)
    said = [line for line in text.may if line in SKILLS]
    able = {*value.get("modalities", ()), *value.get("tooling", ())}
    if said != [line for line, words in SKILLS.items() if able.intersection(words)]:
        yield f"of pictures and speech it says {said}, which is not what is declared"
    powers = [line for line in text.may if line not in SKILLS]
    named = {line: [key for key, words in LINES.items() if re.fullmatch(words, line)] for line in powers}
    told = [key for keys in named.values() for key in keys]
    if any(len(keys) != 1 for keys in named.values()):
        yield "a line of it names no power, or more than one"
    if sorted(told) != sorted(wanted):
        yield f"it names {sorted(told)} where the manifest declares {sorted(wanted)}"
    if len(text.may_not) != len(LINES) - len(wanted) or len(set(text.may_not)) != len(text.may_not):
        yield "it does not say of each other power that the app may not use it"
    if any(
        not character.isprintable() for line in (text.title, *text.may, *text.models) for character in line
    ):
        yield "a character of it could steer a terminal"
    by_key = {keys[0]: line for line, keys in named.items() if keys}
    yield from misnamed({"fs.app-data": "read-write", **capabilities}, by_key)
    yield from unlisted(capabilities.get("models", ()), text.models)


def unlisted(pins: Sequence[str], lines: Sequence[str]) -> Iterator[str]:
    """Models that are not listed with their own fingerprint, and lines about others."""
    wanted = [
        (f"{name}: ", digest.removeprefix("sha256:")[:12]) for name, _, digest in map(_halves, sorted(pins))
    ]
    if len(wanted) != len(lines) or not all(
        line.startswith(name) and digest in line
        for line, (name, digest) in zip(sorted(lines), sorted(wanted), strict=False)
    ):
        yield "the models that it lists are not the pinned ones, each with its fingerprint"


def _halves(pin: str) -> tuple[str, str, str]:
    return pin.partition("@")


def untrue(old: Mapping[str, Json], new: Mapping[str, Json], rng: random.Random) -> Iterator[str]:
    """What is wrong with what an update says it adds."""
    found = gains(compiled(old), compiled(new))
    sentences = [gain.sentence for gain in found]
    for gain in found:
        asks = [to_ask(request) for request in gain.witnesses]
        if not asks or not all(policy.judge(new, ask).allowed for ask in asks):
            yield f"it claims {gain.sentence!r}, which the update does not allow"
        elif "share the folder" not in gain.sentence and any(policy.judge(old, ask).allowed for ask in asks):
            yield f"it claims {gain.sentence!r}, which was allowed before"
    for ask in (*declared_one_by_one(new), *(requests.ask(rng, new) for _ in range(SAMPLES))):
        after = policy.judge(new, ask)
        only_now = after.allowed and not policy.judge(old, ask).allowed
        if only_now and not any(covers(sentence, ask, new) for sentence in sentences):
            yield f"it does not name what {json.dumps(ask)} asks for, which is allowed only now"
    yield from unnamed_partners(old, new, sentences)


def compiled(value: Mapping[str, Json]) -> Grants:
    """The grants of a manifest's JSON value."""
    return compile_grants(parse_manifest(json.dumps(value, ensure_ascii=False).encode()))


def update_of(rng: random.Random, old: Mapping[str, Json]) -> dict[str, Json]:
    """Another version: some of its capabilities are those of an unrelated manifest, some are gone."""
    new, other = copy.deepcopy(dict(old)), manifests.valid(rng)["capabilities"]
    for key in LINES:
        chance = rng.random()
        if chance < 0.15 and key in other:
            new["capabilities"][key] = other[key]
        elif chance < 0.25:
            new["capabilities"].pop(key, None)
    for folder in new["capabilities"].get("shared-folders", ()):
        if rng.random() < 0.3 and len(folder["with"]) < 15:
            folder["with"] += [f"other/app-{number}" for number in rng.sample(range(100), rng.randint(1, 2))]
    new["modalities"], new["tooling"] = [], []
    new.pop("profiles", None)
    return new


@check("consent.words", rules=(WORDS, SLEEP), quick=True)
def run(ctx: Context) -> CheckResult:
    """The target's own text, then generated manifests, pairs of versions and sequences of updates."""
    findings: list[Finding] = []
    rng = ctx.rng("consent-words")
    count = max(60, ctx.profile.fuzz_examples // 8)
    own = json.loads(ctx.target.manifest_bytes)
    for number in range(count):
        value = own if number == 0 else manifests.valid(rng) if number % 8 else manifests.plenty(rng)
        problems = [*faults(value, consent_text(compiled(value)))]
        old = {**value, "modalities": [], "tooling": []}
        old.pop("profiles", None)
        problems += untrue(old, update_of(rng, old), rng)
        findings += [_finding(WORDS, problem, value) for problem in problems]
        if number % 50 == 0:
            ctx.progress(number, count, "consent texts")
    findings += [_finding(WORDS, problem, {}) for problem in untrue(manifests.minimal(), _ports(), rng)]
    sequences = max(20, count // 20)
    for _ in range(sequences):
        findings += [_finding(SLEEP, problem, {}) for problem in astray(rng)]
    findings += [_finding(SLEEP, problem, {}) for problem in crowded(rng)]
    return CheckResult(
        findings=tuple(_few(findings)),
        attempts={WORDS: count * 2, SLEEP: sequences},
        decisions=count * SAMPLES,
    )


def _ports() -> dict[str, Json]:
    """An update to hosts on the usual port and on others, which no draw may leave out."""
    net = {"allowed_hosts": ["a.test", "*.b.test"], "allowed_ports": [443, 22, 8443]}
    return {**manifests.minimal(), "capabilities": {"net": net}}


def astray(rng: random.Random) -> Iterator[str]:
    """Play one sequence of versions and clocks, and tell where the product leaves the table."""
    now = 1_800_000_000.0
    powers = {
        "device.camera": {"kind": "device", "device": "camera"},
        "device.microphone": {"kind": "device", "device": "microphone"},
        "clipboard": {"kind": "clipboard", "access": "read"},
        "net": {"kind": "net", "host": "a.test", "port": 443},
        "fs.user-selected": {"kind": "fs", "root": "user-selected", "path": "", "access": "read"},
    }
    given = {"clipboard": {"read": True}, "net": {"allowed_hosts": ["a.test"]}, "fs.user-selected": "read"}
    wakes: dict[str, float] = {}
    standing: Standing | None = None
    newest = now
    for step in range(14):
        now += rng.choice((0.0, 3_600.0, 3 * 86_400.0, WEEK, -WEEK, -400 * 86_400.0))
        newest = max(newest, now) if standing is not None else now
        asked = [key for key in powers if rng.random() < 0.5]
        value = {**manifests.minimal(), "version": f"1.{step}.0"}
        value["capabilities"] = {key: given.get(key, True) for key in asked} | {"fs.app-data": False}
        starts = newest if standing is None else newest + WEEK
        wakes = {key: wakes.get(key, starts) for key in asked}
        grants = compiled(value)
        standing = Standing.first(grants, now) if standing is None else standing.moved_to(grants, now)
        awake = policy_of(standing.awake)
        for key in powers:
            if awake(key) != (key in wakes and wakes[key] <= newest):
                yield f"{key} is {'awake' if awake(key) else 'asleep'} at step {step}, the table says otherwise"


def crowded(rng: random.Random) -> Iterator[str]:
    """An update every few hours, each with a host more: more sleep than are told apart, and none wakes early."""
    now, wakes = 1_800_000_000.0, {"first.test": 0.0}
    standing: Standing | None = None
    for step in range(40):
        if step:
            wakes[f"h{step:02}.test"] = now + WEEK
        hosts = {"net": {"allowed_hosts": list(wakes)}, "fs.app-data": False}
        grants = compiled({**manifests.minimal(), "version": f"1.{step}.0", "capabilities": hosts})
        standing = Standing.first(grants, now) if standing is None else standing.moved_to(grants, now)
        now += rng.randint(1, 5) * 3_600.0
    last = max(wakes.values())
    for later in sorted({*wakes.values(), *(at - 1.0 for at in wakes.values()), last + 1.0}):
        if standing is None or later < now:
            continue
        seen = standing.seen_at(later).awake
        for host, at in wakes.items():
            awake = decide(seen, NetRequest(host, 443)).allowed
            if awake and at > later:
                yield f"of many updates in a week the {host[:3]} works {at - later:.0f} s before its time"
                return
            if not awake and later >= last:
                yield f"of many updates in a week the {host[:3]} never works"
                return


def policy_of(grants: Grants) -> Any:  # noqa: ANN401 - a small function
    """Whether grants give anything under a key."""
    keys = {grant.kind.value for grant in grants.grants}
    return lambda key: key in keys


def _finding(rule: str, problem: str, value: Mapping[str, Json]) -> Finding:
    subject = "the consent text" if rule == WORDS else "the cool-down"
    return Finding(
        rule,
        f"{subject} is wrong: {problem}",
        because="compared with an independent reading",
        evidence={"capabilities": value.get("capabilities", {})} if value else {},
    )


def _few(findings: list[Finding]) -> Iterator[Finding]:
    for rule in (WORDS, SLEEP):
        yield from [found for found in findings if found.rule_id == rule][:MOST]

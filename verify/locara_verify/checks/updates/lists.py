"""LC772, LC773: which lists of revocations are taken, and what follows from them, against an oracle.

Taking is judged by the files of the person's folder: after a refusal they are the ones from before.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

from locara.errors import LocaraError
from locara.runtime.revocation import LIST_NAME, URGENT_NAME, follow, take_lists, verdict_on
from locara.runtime.state import StateFolder
from locara.trust.revocation.document import Known, parse_listed, parse_urgent
from locara.trust.revocation.judgement import Operation, Subject, judge
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room
from locara_verify.oracle import revocations as oracle

TAKEN: Final = "LC772"
FOLLOWS: Final = "LC773"
NOW: Final = 1_800_000_000.0
DAY: Final = 86_400.0
CASES: Final = 1_500
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
_OPERATIONS: Final[tuple[Operation, ...]] = ("run", "run", "install", "update")
AGES: Final = (0.0, 6.9, 7.0, 7.1, 13.9, 14.1, 29.9, 30.1, 400.0)


@check("revocation-lists", rules=(TAKEN, FOLLOWS))
def run(ctx: Context) -> CheckResult:
    """Sequences of lists, then verdicts."""
    findings: list[Finding] = []
    tried = {TAKEN: 0, FOLLOWS: 0}
    seen: dict[str, set[object]] = {TAKEN: set(), FOLLOWS: set()}
    for said, wanted, what in (*_taking(ctx), *_following(ctx)):
        rule = TAKEN if isinstance(wanted, bool) else FOLLOWS
        tried[rule] += 1
        seen[rule].add(wanted)
        if said != wanted and has_room(findings, rule):
            findings.append(Finding(rule, _MESSAGE[rule], because=f"{said}, not {wanted}: {what}"[:600]))
    failed = {finding.rule_id for finding in findings}
    thin = {
        rule: f"the cases did not cover both sides: {sorted(map(str, outcomes))}"
        for rule, outcomes in seen.items()
        if len(outcomes) < (2 if rule == TAKEN else 3) and rule not in failed
    }
    return CheckResult(tuple(findings), tried, attacks=sum(tried.values()), inconclusive=thin)


_MESSAGE: Final = {
    TAKEN: "a list of revocations is taken that must not be, or refused for no reason",
    FOLLOWS: "a revocation, or the age of the lists, has another effect than it must have",
}


def _entry(rng: random.Random, name: str) -> dict[str, Any]:
    ways: tuple[dict[str, Any], ...] = (
        {"app": "acme/notes"},
        {"app": "acme/notes", "versions": {"from": "1.2.0", "before": "1.3.0"}},
        {"app": "acme/notes", "versions": {"before": "1.2.0"}},
        {"app": "acme/other"},
        {"manifest": rng.choice((A, B))},
        {"artifact": rng.choice((A, B))},
        {"commit": rng.choice(("c", "d")) * 40},
        {"signer": "ci", "signedAfter": NOW + rng.choice((-1.0, 0.0, 1.0))},
        {"signer": rng.choice(("ci", "other"))},
        {"model": rng.choice((A, B))},
        {"tool": rng.choice((A, B))},
        {"key": rng.choice((A, B))},
    )
    about = {
        "id": name,
        "severity": rng.choice(("block", "warn")),
        "kind": "defect",
        "reason": "x",
        "time": 1.0,
    }
    return about | rng.choice(ways)


def _lists(rng: random.Random, seq: int, ids: list[str]) -> dict[str, Any]:
    return {
        "format": "locara-revocations/2",
        "seq": seq,
        "updated": NOW,
        "entries": [_entry(rng, name) for name in ids],
        "lifted": [],
        "popular": rng.choice(([], [], ["acme/notes"])),
    }


def _urgent(rng: random.Random, seq: int, ids: list[str], after: int) -> dict[str, Any]:
    entries = [_entry(rng, name) for name in ids]
    form = {"format": "locara-revocations-urgent/1", "seq": seq, "updated": NOW, "after": after}
    return {**form, "entries": entries}


def _known(listed: dict[str, Any], urgent: dict[str, Any] | None) -> Known:
    second = None if urgent is None else parse_urgent(json.dumps(urgent).encode())
    return Known(parse_listed(json.dumps(listed).encode()), second)


def _taking(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """Pairs of lists: the first is in place, the second arrives."""
    rng = ctx.rng("lists-taken")
    for number in range(120):
        old = _lists(rng, 5, ["R-1", "R-2"])
        old_urgent = _urgent(rng, 3, ["U-1"], 5) if number % 4 else None
        new = json.loads(json.dumps(old))
        new_urgent = json.loads(json.dumps(old_urgent)) if old_urgent else None
        told = _changed(rng, new, new_urgent)
        if told == "gone":
            new_urgent = None
        wanted = oracle.taken((old, old_urgent), (new, new_urgent), NOW)
        state = StateFolder(ctx.fresh_dir("lists") / "state")
        take_lists(state, _known(old, old_urgent), now=NOW)
        before = _files(state)
        try:
            take_lists(state, _known(new, new_urgent), now=NOW)
            said = True
        except LocaraError:
            said = False
        if not said and _files(state) != before:
            said = True  # refused, and yet in place
        yield said, wanted, f"{told}: {json.dumps([new['seq'], new_urgent and new_urgent['seq']])}"


def _changed(rng: random.Random, new: dict[str, Any], urgent: dict[str, Any] | None) -> str:
    """One change of the lists, and what it was."""
    what = rng.choice(
        ("nothing", "older", "same number", "vanished", "lifted", "added", "future", "nearly future")
    )
    what = (
        rng.choice((what, "gone", "urgent older", "urgent vanished", "taken over", "mixed"))
        if urgent
        else what
    )
    if what not in {"nothing", "older", "same number"}:
        new["seq"] += 1
    if what == "older":
        new["seq"] -= 1
    elif what == "same number":
        new["entries"].pop()
        new["lifted"] = ["R-2"]
    elif what in {"vanished", "lifted"}:
        new["entries"].pop()
        new["lifted"] = ["R-2"] if what == "lifted" else []
    elif what == "added":
        new["entries"].append(_entry(rng, "R-3"))
    elif what in {"future", "nearly future"}:
        new["updated"] = NOW + (601 if what == "future" else 600)
    if urgent is not None and what in {"urgent older", "urgent vanished", "taken over", "mixed"}:
        urgent["seq"] += -1 if what == "urgent older" else 1
        if what in {"urgent vanished", "taken over"}:
            new["entries"] += urgent["entries"] if what == "taken over" else []
            urgent["entries"] = []
        urgent["after"] = new["seq"] + (what == "mixed")
    return what


def _files(state: StateFolder) -> list[bytes | None]:
    places = (state.path / name for name in (LIST_NAME, URGENT_NAME))
    return [place.read_bytes() if place.exists() else None for place in places]


def _following(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """Lists, subjects, ages and clocks; some through the files of a person's folder as a start reads them."""
    rng = ctx.rng("lists-followed")
    for number in range(CASES):
        listed = _lists(rng, 5, [f"R-{n}" for n in range(rng.choice((0, 0, 1, 2)))])
        urgent = _urgent(rng, 3, [f"U-{n}" for n in range(rng.choice((0, 1)))], 5) if number % 3 else None
        if urgent and rng.random() < 0.2:
            listed["lifted"] = [entry["id"] for entry in urgent["entries"]]
        subject = _subject(rng)
        operation: Operation = rng.choice(_OPERATIONS)
        now, clock = (NOW + rng.choice(AGES) * DAY for _ in range(2))
        wanted = oracle.action(listed, urgent, subject, operation, latest=max(now, clock))
        known = _known(listed, urgent)
        thing = Subject(**{key: _value(value) for key, value in subject.items()})
        if number % 40 == 0:
            state = StateFolder(ctx.fresh_dir("lists") / "state")
            follow(state, now=clock)
            take_lists(state, known, now=NOW)
            said: object = verdict_on(state, thing, operation, now=now).action
        else:
            said = judge(known, thing, operation, now=now, clock=clock).action
        yield (
            said,
            wanted,
            json.dumps([listed, urgent, subject, operation, (now - NOW) / DAY, (clock - NOW) / DAY]),
        )


def _subject(rng: random.Random) -> dict[str, Any]:
    return {
        "app": "acme/notes",
        "version": rng.choice(("1.1.9", "1.2.0", "1.2.10", "1.3.0")),
        "manifest": A,
        "artifact": rng.choice((A, None)),
        "commit": rng.choice(("c" * 40, None)),
        "signer": rng.choice(("ci", None)),
        "signed_at": rng.choice((NOW, None)),
        "models": rng.choice(([], [A])),
        "tools": rng.choice(([], [A])),
        "keys": rng.choice(([], [A])),
        "networked": rng.random() < 0.5,
    }


def _value(value: object) -> Any:  # noqa: ANN401 - fields of a subject
    return frozenset(value) if isinstance(value, list) else value

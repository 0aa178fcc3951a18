"""LC772, LC773: which lists of revocations are taken, and what follows from them, against an oracle.

Taking is judged by the files of the person's folder: after a refusal they are the ones from before.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

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
_NUMBERED: Final = ("0.0.0", "0.9.10", "1.2.0", "1.2.9", "1.2.10", "1.10.0", "2.0.0", "9.9.9", "10.0.0")
AGES: Final = (0.0, 6.9, 7.0, 7.1, 13.9, 14.1, 29.9, 30.1, 400.0)


@check("revocation-lists", rules=(TAKEN, FOLLOWS))
def run(ctx: Context) -> CheckResult:
    """Sequences of lists, then verdicts."""
    findings: list[Finding] = []
    tried = {TAKEN: 0, FOLLOWS: 0}
    seen: dict[str, set[object]] = {TAKEN: set(), FOLLOWS: set()}
    for said, wanted, what in (*_taking(ctx), *_following(ctx), *_versions()):
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
    """Pairs of lists: the first is in place, the second arrives. Each change beside an urgent list and without one."""
    rng = ctx.rng("lists-taken")
    cases = [
        (what, beside) for beside in (True, False) for what in _CHANGES if beside or what not in _OF_URGENT
    ]
    for what, beside in cases * 2:
        old = _lists(rng, 5, ["R-1", "R-2"])
        old_urgent = _urgent(rng, 3, ["U-1"], 5) if beside else None
        new = json.loads(json.dumps(old))
        new_urgent = json.loads(json.dumps(old_urgent))
        _CHANGES[what](rng, new, new_urgent)
        if what == "the urgent list is gone":
            new_urgent = None
        wanted = oracle.taken((old, old_urgent), (new, new_urgent), NOW)
        state = StateFolder(ctx.fresh_dir("lists") / "state")
        take_lists(state, _known(old, old_urgent), now=NOW)
        before = _files(state)
        try:
            take_lists(state, _known(new, new_urgent), now=NOW)
            said: object = _files(state) == [new, new_urgent] or "taken, and not in place"
        except LocaraError:
            said = _files(state) != before  # refused, and yet in place
        yield said, wanted, f"{what}: {json.dumps([old, new, old_urgent, new_urgent])}"


def _sets(number: int = 1, **members: Any) -> Change:  # noqa: ANN401 - values of a list
    """The list as it was but for its number and these members."""

    def change(_rng: random.Random, new: dict[str, Any], _urgent: Any) -> None:  # noqa: ANN401 - the urgent list
        new["seq"] += number
        new |= members

    return change


def _sets_urgent(number: int = 1, of_list: int = 0, **members: Any) -> Change:  # noqa: ANN401 - values of a list
    """The urgent list as it was but for its number and these members, beside a list of as high a number or more."""

    def change(_rng: random.Random, new: dict[str, Any], urgent: dict[str, Any]) -> None:
        new["seq"] += of_list
        urgent["seq"] += number
        urgent |= members

    return change


def _fewer(_rng: random.Random, new: dict[str, Any], _urgent: Any) -> None:  # noqa: ANN401 - the urgent list
    new["seq"] += 1
    new["entries"].pop()


def _lifted(_rng: random.Random, new: dict[str, Any], _urgent: Any) -> None:  # noqa: ANN401 - the urgent list
    new["seq"] += 1
    new["lifted"] = [new["entries"].pop()["id"]]


def _lifted_unnumbered(_rng: random.Random, new: dict[str, Any], _urgent: Any) -> None:  # noqa: ANN401 - the urgent list
    new["lifted"] = [new["entries"].pop()["id"]]


def _added(rng: random.Random, new: dict[str, Any], _urgent: Any) -> None:  # noqa: ANN401 - the urgent list
    new["seq"] += 1
    new["entries"].append(_entry(rng, "R-3"))


def _added_urgent(rng: random.Random, _new: dict[str, Any], urgent: dict[str, Any]) -> None:
    urgent["seq"] += 1
    urgent["entries"].append(_entry(rng, "U-2"))


def _taken_over(_rng: random.Random, new: dict[str, Any], urgent: dict[str, Any]) -> None:
    new["seq"] += 1
    new["entries"] += urgent["entries"]
    urgent |= {"seq": urgent["seq"] + 1, "entries": [], "after": new["seq"]}


def _lifted_urgent(_rng: random.Random, new: dict[str, Any], urgent: dict[str, Any]) -> None:
    new |= {"seq": new["seq"] + 1, "lifted": [urgent["entries"].pop()["id"]]}
    urgent["seq"] += 1


Change: TypeAlias = Callable[[random.Random, dict[str, Any], dict[str, Any]], None]
_CHANGES: Final[dict[str, Change]] = {
    "nothing": _sets(0),
    "a number more": _sets(),
    "a number less": _sets(-1),
    "another time, the same number": _sets(0, updated=NOW - 1),
    "a lifted one more, the same number": _sets(0, lifted=["R-9"]),
    "another popular one, the same number": _sets(0, popular=["acme/popular"]),
    "lifted, the same number": _lifted_unnumbered,
    "an entry less": _fewer,
    "an entry lifted": _lifted,
    "an entry more": _added,
    "nearly from the future": _sets(updated=NOW + 600),
    "from the future": _sets(updated=NOW + 601),
    "the urgent list is gone": _sets(),
    "an urgent number more": _sets_urgent(),
    "an urgent number less": _sets_urgent(-1),
    "an urgent number less, a number more": _sets_urgent(-1, 1),
    "another urgent time": _sets_urgent(updated=NOW + 60),
    "another urgent time, the same number": _sets_urgent(0, updated=NOW + 60),
    "beside another list, the same number": _sets_urgent(0, after=4),
    "beside a list to come": _sets_urgent(after=6),
    "beside the new list": _sets_urgent(1, 1, after=6),
    "urgently from the future": _sets_urgent(updated=NOW + 601),
    "an urgent entry less": _sets_urgent(entries=[]),
    "an urgent entry less, a number more": _sets_urgent(1, 1, entries=[]),
    "an urgent entry more": _added_urgent,
    "an urgent entry taken over": _taken_over,
    "an urgent entry lifted": _lifted_urgent,
}
_OF_URGENT: Final = frozenset(what for what in _CHANGES if "urgent" in what or "beside" in what)


def _files(state: StateFolder) -> list[object]:
    places = (state.path / name for name in (LIST_NAME, URGENT_NAME))
    return [json.loads(place.read_bytes()) if place.exists() else None for place in places]


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


def _versions() -> Iterator[tuple[object, object, str]]:
    """Every range of these versions against each of them: by number, never by letter, with its beginning and without
    its end."""
    listed = {"format": "locara-revocations/2", "seq": 1, "updated": NOW, "lifted": [], "popular": []}
    subject = {
        **dict.fromkeys(("manifest", "artifact", "commit", "signer", "signed_at")),
        "app": "acme/notes",
    }
    subject |= {"models": [], "tools": [], "keys": [], "networked": False}
    about = {
        "id": "R-1",
        "severity": "block",
        "kind": "defect",
        "reason": "x",
        "time": 1.0,
        "app": "acme/notes",
    }
    for first, before in itertools.product((None, *_NUMBERED), repeat=2):
        if before is not None and _NUMBERED.index(before) <= _NUMBERED.index(first or _NUMBERED[0]):
            continue  # holds nothing, which is an error
        span = {key: value for key, value in (("from", first), ("before", before)) if value is not None}
        one = {**listed, "entries": [{**about, "versions": span}]}
        known = _known(one, None)
        for version in _NUMBERED:
            thing = {**subject, "version": version}
            wanted = oracle.action(one, None, thing, "run", latest=NOW)
            said = judge(known, Subject(app="acme/notes", version=version), "run", now=NOW).action
            yield said, wanted, f"{version}, and {span} is revoked"


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

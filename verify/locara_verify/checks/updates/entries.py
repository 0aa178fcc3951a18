"""LC772, entries of lists: what names two things, nothing, or a thing by anything but its one spelling.

An entry that is read otherwise than it was meant revokes nothing, and nobody hears of it. So a list with one such entry
is refused whole, both when it arrives and where it lies; its twin differs in that one thing, is taken, and blocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from locara.errors import LocaraError
from locara.runtime.revocation import LIST_NAME, URGENT_NAME, take_lists, verdict_on
from locara.runtime.state import StateFolder
from locara.trust.revocation.document import Known, parse_listed, parse_urgent
from locara.trust.revocation.judgement import Subject, judge
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room

RULE: Final = "LC772"
EFFECT: Final = "LC773"
# What moves a cursor, colours, hides, turns or breaks a line, and what no eye sees.
UNFIT: Final = (
    "\n",
    "\r",
    "\t",
    "\0",
    "\x1b",
    "\x07",
    "\x9b",
    "\x7f",
    "\u2028",
    "\u202e",
    "\u2066",
    "\u200b",
    "\U000e0041",
)
NOW: Final = 1_800_000_000.0
DIGEST: Final = "sha256:" + "ab" * 32
COMMIT: Final = "ab" * 20
NAMED: Final[Mapping[str, object]] = {
    "app": "acme/notes",
    "manifest": DIGEST,
    "artifact": DIGEST,
    "commit": COMMIT,
    "signer": "ci",
    "model": DIGEST,
    "tool": DIGEST,
    "key": DIGEST,
}
ABOUT: Final[Mapping[str, object]] = {"severity": "block", "kind": "defect", "reason": "x", "time": 1.0}
SUBJECT: Final = Subject(
    "acme/notes", "1.2.0", DIGEST, DIGEST, COMMIT, "ci", NOW,
    frozenset((DIGEST,)), frozenset((DIGEST,)), frozenset((DIGEST,)),
)  # fmt: skip
Entry = dict[str, Any]


@check("revocation-entries", rules=(RULE, EFFECT))
def run(ctx: Context) -> CheckResult:
    """Each odd entry in each list, arriving and in place; then the entry it was made of."""
    findings: list[Finding] = []
    broken: dict[str, str] = {}
    tried = 0
    state = StateFolder(ctx.fresh_dir("entries") / "state")
    take_lists(state, Known(*_parsed(*_lists([], []))), now=NOW)
    for name, value in NAMED.items():
        entry = {"id": "R-1", **ABOUT, name: value}
        for urgent in (False, True):
            arrived, does = _effects(state, _lists([], [entry]) if urgent else _lists([entry], []))
            if not arrived or does != "block":
                broken.setdefault(RULE, f"the allow twin failed: {name}: taken {arrived}, {does}")
    for what, lists in odd_lists():
        tried += 1
        arrived, does = _effects(state, lists)
        if (arrived or does != "refused") and has_room(findings, RULE):
            because = f"{what}: {'taken' if arrived else 'refused'}; where it lies: {does}"
            told = "a list is believed though something in it is not what it must be"
            findings.append(Finding(RULE, told, because=because[:600]))
    unfit = list(_unfit())
    findings += [
        Finding(EFFECT, "a list writes where it may only tell", because=one[:600]) for one in unfit[:5]
    ]
    counts = {RULE: tried, EFFECT: len(UNFIT) * 4}
    return CheckResult(
        tuple(findings), counts, attacks=sum(counts.values()), inconclusive={} if findings else broken
    )


def _unfit() -> Iterator[str]:
    """Entries whose words are more than words: each is told in one line that a terminal shows as it is."""
    for char in UNFIT:
        for member, severity in (
            ("reason", "block"),
            ("reason", "warn"),
            ("signer", "block"),
            ("signer", "warn"),
        ):
            word = f"a{char}b"
            entry = {"id": "R-1", **ABOUT, "signer": "ci", "severity": severity, member: word}
            known, subject = (
                Known(*_parsed(*_lists([entry], []))),
                replace(SUBJECT, signer=str(entry["signer"])),
            )
            found = judge(known, subject, "install", now=NOW)
            said = [found.because, *found.notices]
            bad = [text for text in said if not text.isprintable() or char in text]
            if bad or found.action != severity or not found.because:
                yield f"{char!a} in the {member} of one that is to {severity}: {found.action}, {said!a}"


def _lists(
    entries: list[Entry], urgent: list[Entry], more: Entry | None = None, beside: Entry | None = None
) -> tuple[bytes, bytes]:
    """Both lists; ``more`` and ``beside`` are further members of the one and of the other."""
    form = {"seq": 5, "updated": NOW}
    listed = {"format": "locara-revocations/2", **form, "entries": entries, **(more or {})}
    second = {"format": "locara-revocations-urgent/1", **form, "after": 5, "entries": urgent}
    return json.dumps(listed).encode(), json.dumps({**second, **(beside or {})}).encode()


def _parsed(listed: bytes, urgent: bytes) -> tuple[Any, Any]:
    return parse_listed(listed), parse_urgent(urgent)


def _effects(state: StateFolder, lists: tuple[bytes, bytes]) -> tuple[bool, str]:
    """Whether these lists can be read when they arrive, and what a start says of them where they lie."""
    try:
        _parsed(*lists)
        arrived = True
    except LocaraError:
        arrived = False
    places = [state.path / name for name in (LIST_NAME, URGENT_NAME)]
    before = [place.read_bytes() for place in places]
    for place, data in zip(places, lists, strict=True):
        place.write_bytes(data)
    try:
        does = str(verdict_on(state, SUBJECT, "run", now=NOW).action)
    except LocaraError:
        does = "refused"
    except Exception as error:
        does = f"broken off by {type(error).__name__}"
    for place, data in zip(places, before, strict=True):
        place.write_bytes(data)
    return arrived, does


def odd_lists() -> Iterator[tuple[str, tuple[bytes, bytes]]]:
    """Each odd entry in either list, and lists that are odd in another way."""
    for what, entries in odd():
        yield f"in the list {what}", _lists(entries, [])
        yield f"in the urgent list {what}", _lists([], entries)
    entry: Entry = {"id": "R-1", **ABOUT, "app": "acme/notes"}
    for member, value in (
        ("lifted", ["R-1"]), ("lifted", ["R-2", "R-2"]), ("lifted", "R-1"), ("lifted", ["*"]),
        ("popular", ["acme/*"]), ("popular", ["acme/notes", "acme/notes"]), ("seq", "5"), ("seq", 5.0), ("seq", True),
        ("seq", -1), ("seq", None), ("updated", str(NOW)), ("updated", None), ("format", "locara-revocations/1"),
        ("entries", {}), ("except", []),
    ):  # fmt: skip
        yield f"the list has {member} {value!r}", _lists([entry], [], {member: value})
        if member not in {"popular", "lifted"}:
            yield f"the urgent list has {member} {value!r}", _lists([], [entry], None, {member: value})
    for member in ("lifted", "popular"):
        yield f"the urgent list has {member}", _lists([], [entry], None, {member: []})
    for value in ("5", 5.0, True, None):
        yield f"the urgent list was written beside {value!r}", _lists([], [entry], None, {"after": value})


def odd() -> Iterator[tuple[str, list[Entry]]]:
    """Entries that are none, each beside nothing else."""
    base: Entry = {"id": "R-1", **ABOUT}
    names = list(NAMED)
    yield "it names nothing", [base]
    for number, name in enumerate(names):
        second = names[(number + 1) % len(names)]
        yield f"it names {name} and {second}", [base | {name: NAMED[name], second: NAMED[second]}]
        yield f"its {name} is null", [base | {name: None}]
        yield f"its {name} is many", [base | {name: [NAMED[name]]}]
        yield f"its {name} is empty", [base | {name: ""}]
        for what, value in _spellings(name):
            yield f"its {name} {what}", [base | {name: value}]
        if name != "app":
            yield f"versions of its {name}", [base | {name: NAMED[name], "versions": {"from": "1.0.0"}}]
        if name != "signer":
            yield f"a time of signing of its {name}", [base | {name: NAMED[name], "signedAfter": 1.0}]
    app: Entry = base | {"app": "acme/notes"}
    spans: tuple[object, ...] = (
        {"from": "2.0.0", "before": "1.0.0"}, {"from": "1.2.0", "before": "1.2.0"}, {"before": "0.0.0"},
        {"from": "1.*"}, {"from": "1.2"}, {"before": "01.2.0"}, {"from": "*"}, {"from": "1.2.0-rc1"},
        {"from": " 1.2.0"}, {"from": "1.2.0\n"}, {"from": 1}, {"to": "1.2.0"}, {"first": "1.2.0"}, [], "1.2.0",
    )  # fmt: skip
    for span in spans:
        yield f"its versions are {span}", [app | {"versions": span}]
    for member, value in (
        ("severity", "Block"), ("severity", "BLOCK"), ("kind", "other"), ("time", "1.0"), ("time", True),
        ("time", -1.0), ("reason", ""), ("reason", 7), ("id", ""), ("id", "R 1"), ("id", "../R"), ("fixedIn", "1.*"),
        ("platform", "linux"), ("App", "acme/notes"), ("apps", ["acme/notes"]), ("unless", "acme"), ("expires", 1.0),
        ("fixed_in", "1.2.0"), ("signed_after", 1.0),
    ):  # fmt: skip
        yield f"its {member} is {value!r}", [app | {member: value}]
    for member in ("id", "severity", "kind", "reason", "time"):
        yield f"it has no {member}", [{key: value for key, value in app.items() if key != member}]
    yield "its id is another's", [app, base | {"model": DIGEST}]


def _spellings(name: str) -> Iterator[tuple[str, object]]:
    value = str(NAMED[name])
    if name == "signer":
        return  # whatever a certificate says; compared as it stands
    yield "has a space before it", f" {value}"
    yield "has a line's end", f"{value}\n"
    yield "is in capitals", value.upper()
    yield "ends in a star", f"{value[:-2]}*"
    yield "is a star", "*"
    yield "is of another script", value.replace("a", "\u0430", 1)
    if name == "app":
        yield "is all of one publisher", "acme/"
        yield "is all of one publisher by a star", "acme/*"
        yield "has a slash more", "acme/notes/"
        yield "is a name alone", "notes"
        return
    yield "is a beginning", value[: len(value) - 8]
    yield "is a short beginning", value[:14]
    yield "is longer", f"{value}ab"
    if name == "commit":
        yield "has a kind before it", f"sha1:{value}"
    else:
        digits = value.partition(":")[2]
        yield "is its digits alone", digits
        yield "has capitals for digits", f"sha256:{digits.upper()}"
        yield "says its kind in capitals", f"SHA256:{digits}"
        yield "says another kind", f"sha512:{digits}"

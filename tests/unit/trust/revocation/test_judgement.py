"""What follows from the lists: the table of ages, the matches, and the laws between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.trust.revocation.document import NAMES, Entry, Known, Listed, Urgent
from locara.trust.revocation.judgement import DAY, Limits, Subject, judge, matches

NOW = 1_800_000_000.0
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
APP = Subject(
    app="acme/notes",
    version="1.4.2",
    manifest=A,
    artifact=A,
    commit="c" * 40,
    signer="https://ci.example/build",
    signed_at=NOW - 100,
    models=frozenset({A}),
    tools=frozenset({A}),
    keys=frozenset({A}),
)
HITS: dict[str, dict[str, Any]] = {
    "app": {"app": "acme/notes"},
    "versions": {"app": "acme/notes", "versions": {"from": "1.4.0", "before": "1.5.0"}},
    "manifest": {"manifest": A},
    "artifact": {"artifact": A},
    "commit": {"commit": "c" * 40},
    "signer": {"signer": "https://ci.example/build"},
    "signer at that very second": {"signer": "https://ci.example/build", "signedAfter": NOW - 100},
    "model": {"model": A},
    "tool": {"tool": A},
    "key": {"key": A},
}
MISSES: dict[str, dict[str, Any]] = {
    "app": {"app": "acme/note"},
    "versions": {"app": "acme/notes", "versions": {"from": "1.4.3"}},
    "manifest": {"manifest": B},
    "artifact": {"artifact": B},
    "commit": {"commit": "d" * 40},
    "signer": {"signer": "https://ci.example/buil"},
    "signer at that very second": {"signer": "https://ci.example/build", "signedAfter": NOW - 99},
    "model": {"model": B},
    "tool": {"tool": B},
    "key": {"key": B},
}


def entry(**fields: Any) -> Entry:
    value = {"id": "R-1", "severity": "block", "kind": "defect", "reason": "a test", "time": NOW}
    return Entry.model_validate({**value, **fields})


def known(*entries: Entry, updated: float = NOW, urgent: Urgent | None = None, **more: Any) -> Known:
    form = {"format": "locara-revocations/2", "seq": 3, "updated": updated, "entries": []}
    return Known(
        Listed.model_validate({**form, **more}).model_copy(update={"entries": list(entries)}), urgent
    )


def urgent(*entries: Entry, updated: float = NOW) -> Urgent:
    form = {"format": "locara-revocations-urgent/1", "seq": 1, "after": 3, "updated": updated, "entries": []}
    return Urgent.model_validate(form).model_copy(update={"entries": list(entries)})


@pytest.mark.parametrize("what", HITS)
def test_an_entry_is_about_what_it_names_and_nothing_else(what: str) -> None:
    assert matches(entry(**HITS[what]), APP)
    assert not matches(entry(**MISSES[what]), APP)
    nothing_known = Subject(app="other/app")
    assert not matches(entry(**HITS[what]), nothing_known)


def test_every_way_of_naming_is_tried() -> None:
    assert {name for fields in HITS.values() for name in fields} >= set(NAMES)


def test_a_signature_of_unknown_time_counts_as_made_too_late() -> None:
    late = entry(signer=APP.signer, signedAfter=NOW)
    assert not matches(late, APP)
    assert matches(late, replace(APP, signed_at=None))


NET = replace(APP, networked=True)
DAYS = [
    # days, what, operation, action, code
    (0, APP, "run", "allow", ""),
    (6.9, APP, "run", "allow", ""),
    (7.1, APP, "run", "warn", "warned"),
    (13.9, APP, "install", "warn", "warned"),
    (14.1, APP, "install", "block", "revocation_stale"),
    (14.1, APP, "update", "block", "revocation_stale"),
    (14.1, NET, "run", "warn", "warned"),
    (29.9, NET, "run", "warn", "warned"),
    (30.1, NET, "run", "block", "revocation_stale"),
    (30.1, APP, "run", "warn", "warned"),
    (4_000, APP, "run", "warn", "warned"),
]


@pytest.mark.parametrize(("days", "subject", "operation", "action", "code"), DAYS)
def test_what_age_alone_does(days: float, subject: Subject, operation: Any, action: str, code: str) -> None:
    found = judge(known(), subject, operation, now=NOW + days * DAY)
    assert (found.action, found.code) == (action, code)
    assert judge(known(), subject, operation, now=NOW + days * DAY, follows=False).action == "allow"


def test_a_clock_that_is_set_back_makes_nothing_fresh() -> None:
    found = judge(known(), NET, "run", now=NOW, clock=NOW + 31 * DAY)
    assert (found.action, found.code) == ("block", "revocation_stale")
    assert judge(known(), NET, "run", now=NOW, clock=NOW).action == "allow"


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(HITS)),
    st.floats(0, 1e11),
    st.floats(0, 1e11),
    st.booleans(),
    st.sampled_from(["run", "install", "update"]),
)
def test_a_known_block_wins_whatever_the_clock_says(
    what: str, now: float, clock: float, follows: bool, operation: Any
) -> None:
    found = judge(known(entry(**HITS[what])), APP, operation, now=now, clock=clock, follows=follows)
    assert (found.action, found.code) == ("block", "revoked")
    spared = judge(known(entry(**MISSES[what])), APP, operation, now=NOW, clock=0, follows=follows)
    assert spared.action == "allow"


@settings(deadline=None, max_examples=60)
@given(st.floats(0.1, 400), st.floats(0.1, 400), st.sampled_from(["run", "install"]), st.booleans())
def test_a_policy_is_never_weaker(days: float, wanted: float, operation: Any, networked: bool) -> None:
    order = {"allow": 0, "warn": 1, "block": 2}
    strict = Limits().stricter(
        warn=wanted * DAY, install=wanted * DAY, network=wanted * DAY, local=wanted * DAY
    )
    subject = replace(APP, networked=networked)
    now = NOW + days * DAY
    plain = judge(known(), subject, operation, now=now)
    assert order[judge(known(), subject, operation, now=now, limits=strict).action] >= order[plain.action]


def test_a_warning_starts_and_is_told() -> None:
    found = judge(known(entry(severity="warn", app="acme/notes")), APP, "run", now=NOW)
    assert (found.action, "R-1" in found.because) == ("warn", True)


def test_of_several_entries_the_block_decides() -> None:
    both = (entry(severity="warn", app="acme/notes"), entry(id="R-2", model=A))
    found = judge(known(*both), APP, "run", now=NOW)
    assert found.entry is not None
    assert (found.action, found.entry.id) == ("block", "R-2")


def test_only_malware_ends_a_running_app_now() -> None:
    for kind in ("malware", "compromise", "vulnerability", "policy", "licence", "defect"):
        found = judge(known(entry(kind=kind, app="acme/notes")), APP, "run", now=NOW)
        assert found.ends_now == (kind == "malware"), kind


@pytest.mark.parametrize("first", ["vulnerability", "malware"])
def test_malware_ends_a_running_app_whatever_else_blocks_it(first: str) -> None:
    second = "malware" if first == "vulnerability" else "vulnerability"
    one = entry(kind=first, app="acme/notes")
    other = entry(id="R-2", kind=second, manifest=A)
    for lists in (known(one, other), known(one, urgent=urgent(other))):
        found = judge(lists, APP, "run", now=NOW)
        assert found.ends_now and found.entry is not None and found.entry.kind == "malware"
    warned = other.model_copy(update={"severity": "warn"})
    assert judge(known(one, warned), APP, "run", now=NOW).ends_now == (first == "malware")


def test_one_key_alone_cannot_stop_a_popular_app() -> None:
    for fields in HITS.values():
        alone = urgent(entry(**fields))
        found = judge(known(urgent=alone, popular=["acme/notes"]), APP, "run", now=NOW)
        assert (found.action, found.code) == ("warn", "warned")  # it is told, it does not stop
        assert judge(known(urgent=alone), APP, "run", now=NOW).action == "block"  # the twin: not popular
        several = judge(known(entry(**fields), popular=["acme/notes"]), APP, "run", now=NOW)
        assert several.action == "block"  # the twin: signed by several


def test_what_was_lifted_is_not_urgent_any_more() -> None:
    alone = urgent(entry(app="acme/notes"))
    assert judge(known(urgent=alone), APP, "run", now=NOW).action == "block"
    assert judge(known(urgent=alone, lifted=["R-1"]), APP, "run", now=NOW).action == "allow"


def test_the_administrator_answers_for_one_entry_by_name() -> None:
    listed = known(entry(app="acme/notes"), entry(id="R-2", model=A))
    here = Limits(lifted_here=frozenset({"R-1"}))
    found = judge(listed, APP, "run", now=NOW, limits=here)
    assert found.entry is not None
    assert found.entry.id == "R-2"
    both = Limits(lifted_here=frozenset({"R-1", "R-2"}))
    assert judge(listed, APP, "run", now=NOW, limits=both).action == "warn"


def test_the_urgent_list_keeps_the_lists_fresh() -> None:
    old = known(updated=NOW - 40 * DAY, urgent=urgent(updated=NOW))
    assert judge(old, NET, "run", now=NOW).action == "allow"
    assert judge(known(updated=NOW - 40 * DAY), NET, "run", now=NOW).action == "block"

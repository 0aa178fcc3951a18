"""Which lists are taken: every rule of time with its reason, and beside it the list that is taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from locara.trust.revocation.acceptance import MAX_AHEAD, Memory, accept
from locara.trust.revocation.document import (
    Known,
    Listed,
    Urgent,
    parse_listed,
    parse_urgent,
    written,
)
from locara.trust.revocation.refused import ListRefused

NOW = 1_800_000_000.0


def one(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "severity": "block",
        "kind": "defect",
        "reason": "x",
        "time": 1.0,
        "app": "acme/notes",
    }


def listed(seq: int = 5, *names: str, updated: float = NOW, **more: Any) -> Listed:
    entries = [one(name) for name in names]
    return Listed.model_validate(
        {"format": "locara-revocations/2", "seq": seq, "updated": updated, "entries": entries, **more}
    )


def urgent(seq: int = 2, *names: str, updated: float = NOW, after: int = 5) -> Urgent:
    entries = [one(name) for name in names]
    form = {"format": "locara-revocations-urgent/1", "seq": seq, "updated": updated, "after": after}
    return Urgent.model_validate({**form, "entries": entries})


MEMORY = Memory(seq=5, urgent_seq=2, clock=NOW, since=NOW)
BEFORE = Known(listed(5, "R-1", "R-2"), urgent(2, "U-1"))


def refused(after: Known, *, memory: Memory = MEMORY, before: Known | None = BEFORE, now: float = NOW) -> str:
    try:
        accept(memory, before, after, now=now)
    except ListRefused as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (BEFORE, ""),  # the twin of all: the same again
        (Known(listed(6, "R-1", "R-2", "R-3"), urgent(3, "U-1")), ""),
        (Known(listed(4, "R-1", "R-2"), urgent(2, "U-1", after=4)), "list_rollback"),
        (Known(listed(5, "R-1", "R-2", "R-3"), urgent(2, "U-1")), "list_rollback"),
        (Known(listed(6, "R-1"), urgent(3, "U-1")), "list_vanished"),
        (Known(listed(6, "R-1", lifted=["R-2"]), urgent(3, "U-1")), ""),
        (Known(listed(6, "R-1", lifted=["R-3"]), urgent(3, "U-1")), "list_vanished"),
        (Known(listed(6, "R-1", "R-2"), urgent(1, "U-1")), "list_rollback"),
        (Known(listed(6, "R-1", "R-2"), urgent(3)), "list_vanished"),
        (Known(listed(6, "R-1", "R-2", "U-1"), urgent(3)), ""),
        (Known(listed(6, "R-1", "R-2", lifted=["U-1"]), urgent(3)), ""),
        (Known(listed(6, "R-1", "R-2"), None), "list_missing"),
        (Known(listed(6, "R-1", "R-2"), urgent(3, "U-1", after=7)), "list_mixed"),
        (Known(listed(6, "R-1", "R-2"), urgent(3, "U-1", after=6)), ""),
        (Known(listed(6, "R-1", "R-2", updated=NOW + MAX_AHEAD + 1), urgent(3, "U-1")), "list_future"),
        (Known(listed(6, "R-1", "R-2", updated=NOW + MAX_AHEAD), urgent(3, "U-1")), ""),
        (Known(listed(6, "R-1", "R-2"), urgent(3, "U-1", updated=NOW + MAX_AHEAD + 1)), "list_future"),
    ],
)
def test_what_is_taken(after: Known, code: str) -> None:
    assert refused(after) == code


def test_numbers_count_where_the_list_itself_was_lost() -> None:
    assert refused(Known(listed(4)), before=None) == "list_rollback"
    assert refused(Known(listed(5), urgent(2)), before=None) == ""


def test_what_is_remembered_only_grows() -> None:
    after = Known(listed(9, "R-1", "R-2"), urgent(4, "U-1"))
    assert accept(MEMORY, BEFORE, after, now=NOW - 100) == Memory(9, 4, NOW, NOW)
    assert accept(MEMORY, BEFORE, after, now=NOW + 100).clock == NOW + 100


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"{}",
        b'{"format":"locara-revocations/2","seq":1,"updated":1,"entries":[],"seq":2}',
        b'{"format":"locara-revocations/2","seq":1,"updated":NaN,"entries":[]}',
        b'{"format":"locara-revocations/2","seq":1,"updated":1,"entries":[{}]}',
        b'{"format":"locara-revocations/2","seq":1.5,"updated":1,"entries":[]}',
        b'{"format":"locara-revocations/2","seq":true,"updated":1,"entries":[]}',
        b'{"format":"locara-revocations-urgent/1","seq":1,"updated":1,"after":1,"entries":[]}',
        b'\xff{"format":"locara-revocations/2","seq":1,"updated":1,"entries":[]}',
        written(listed(1)) * 2,
    ],
)
def test_bytes_that_are_no_list(text: bytes) -> None:
    with pytest.raises(ListRefused) as caught:
        parse_listed(text)
    assert caught.value.code == "list_malformed"


def test_a_list_survives_being_written() -> None:
    assert parse_listed(written(listed(7, "R-1", lifted=["R-0"]))) == listed(7, "R-1", lifted=["R-0"])
    assert parse_urgent(written(urgent(7, "U-1"))) == urgent(7, "U-1")
    assert json.loads(written(listed(7, "R-1")))["entries"][0]["id"] == "R-1"


@pytest.mark.parametrize(
    ("span", "held"),
    [
        ({"from": "1.2.0", "before": "1.2.1"}, True),
        ({"from": "1.2.0", "before": "1.2.0"}, False),
        ({"from": "1.10.0", "before": "1.9.0"}, False),
        ({"before": "0.0.1"}, True),
        ({"before": "0.0.0"}, False),
        ({}, True),
    ],
)
def test_a_range_without_a_version_is_no_range(span: dict[str, str], held: bool) -> None:
    data = json.dumps(
        {**json.loads(written(listed())), "entries": [{**one("R-1"), "versions": span}]}
    ).encode()
    if held:
        assert parse_listed(data).entries[0].versions is not None
        return
    with pytest.raises(ListRefused, match="no version is in this range") as caught:
        parse_listed(data)
    assert caught.value.code == "list_malformed"

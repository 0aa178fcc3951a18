"""The oracle of revocations on cases that were worked out by hand from docs/updates.md."""

from __future__ import annotations

from typing import Any

import pytest

from locara_verify.oracle.revocations import DAY, action, taken

NOW = 1_800_000_000.0
SUBJECT: dict[str, Any] = {
    "app": "acme/notes",
    "version": "1.2.10",
    "manifest": "m",
    "artifact": None,
    "commit": None,
    "signer": "ci",
    "signed_at": NOW,
    "models": ["x"],
    "tools": [],
    "keys": [],
    "networked": False,
}


def listed(*entries: dict[str, Any], seq: int = 5, **more: Any) -> dict[str, Any]:
    made = [{"id": f"R-{number}", "severity": "block", **entry} for number, entry in enumerate(entries)]
    return {"seq": seq, "updated": NOW, "entries": made, **more}


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({"app": "acme/notes"}, "block"),
        ({"app": "acme/notes", "severity": "warn"}, "warn"),
        ({"app": "acme/notes", "versions": {"before": "1.2.9"}}, "allow"),
        ({"app": "acme/notes", "versions": {"from": "1.2.9"}}, "block"),
        ({"signer": "ci", "signedAfter": NOW}, "block"),
        ({"signer": "ci", "signedAfter": NOW + 1}, "allow"),
        ({"model": "x"}, "block"),
        ({"tool": "x"}, "allow"),
        ({"commit": "x"}, "allow"),
    ],
)
def test_what_an_entry_does(entry: dict[str, Any], wanted: str) -> None:
    assert action(listed(entry), None, SUBJECT, "run", latest=NOW) == wanted


@pytest.mark.parametrize(
    ("signed_at", "after", "wanted"),
    [
        (None, None, "block"),
        (None, NOW, "block"),
        (NOW, None, "block"),
        (NOW - 1, NOW, "allow"),
        (NOW, NOW, "block"),
        (NOW + 1, NOW, "block"),
    ],
)
def test_who_does_not_say_when_it_was_signed_signed_it_afterwards(
    signed_at: float | None, after: float | None, wanted: str
) -> None:
    entry = {"signer": "ci"} | ({} if after is None else {"signedAfter": after})
    subject = SUBJECT | {"signed_at": signed_at}
    assert action(listed(entry), None, subject, "run", latest=NOW) == wanted
    assert action(listed(entry), None, subject | {"signer": "cd"}, "run", latest=NOW) == "allow"


@pytest.mark.parametrize(
    ("days", "operation", "networked", "wanted"),
    [
        (7, "run", True, "allow"),
        (8, "run", True, "warn"),
        (15, "run", True, "warn"),
        (15, "install", False, "block"),
        (31, "run", True, "block"),
        (31, "run", False, "warn"),
    ],
)
def test_what_age_does(days: int, operation: str, networked: bool, wanted: str) -> None:
    subject = SUBJECT | {"networked": networked}
    assert action(listed(), None, subject, operation, latest=NOW + days * DAY) == wanted


def test_which_lists_are_taken() -> None:
    old = listed({"app": "a/a"})
    assert taken((old, None), (old, None), NOW)
    assert taken((old, None), (listed(seq=6, lifted=["R-0"]), None), NOW)
    assert not taken((old, None), (listed(seq=6), None), NOW)
    assert not taken((old, None), (listed({"app": "a/a"}, seq=4), None), NOW)
    assert not taken((old, None), (listed({"app": "a/b"}), None), NOW)
    assert not taken((old, None), (old | {"seq": 6, "updated": NOW + 601}, None), NOW)
    urgent = {"seq": 1, "updated": NOW, "after": 5, "entries": []}
    assert taken((old, None), (old, urgent), NOW)
    assert not taken((old, urgent), (old, None), NOW)
    assert not taken((old, None), (old, urgent | {"after": 6}), NOW)

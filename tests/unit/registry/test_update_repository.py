"""Layouts that would strand every client, lists that no client would take, and contents that are not what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any

import pytest

from locara.errors import UsageError
from locara.trust.repository.names import OPTIONAL, REQUIRED, app_target
from locara.trust.revocation.document import Entry
from locara.trust.revocation.refused import ListRefused
from locara_registry.trust.repository import lists
from locara_registry.trust.repository.contents import checked, target_of
from locara_registry.trust.repository.layout import (
    DELEGATED,
    HOUR,
    OFFLINE,
    ROLES,
    Layout,
    Role,
    delegator,
    holder,
)

NOW = 1_800_000_000.0


def entry(name: str, **fields: Any) -> Entry:
    told = {
        "id": name,
        "severity": "block",
        "kind": "defect",
        "reason": "x",
        "time": 1.0,
        "app": "acme/notes",
    }
    return lists.read_entry(json.dumps({**told, **fields}).encode())


def test_a_timestamp_outlives_two_missed_renewals() -> None:
    for name in ("timestamp", "snapshot", "urgent"):
        role = Layout().role(name)
        with pytest.raises(ValueError, match="three times"):
            replace(Layout(), **{name: replace(role, life=3 * Layout().renew - 1)})
        replace(Layout(), **{name: replace(role, life=3 * Layout().renew)})
    with pytest.raises(ValueError, match="three times"):
        Layout(renew=25 * HOUR)


@pytest.mark.parametrize("threshold", [0, 4])
def test_a_threshold_that_no_keys_reach(threshold: int) -> None:
    with pytest.raises(ValueError, match="cannot sign"):
        Layout(root=Role(3, threshold, 1))


def test_who_may_sign_what() -> None:
    layout = Layout()
    assert {name for name in ROLES if layout.role(name).threshold > 1} == OFFLINE
    assert {holder("bin-0a"), holder("root"), holder("bins")} == {"bins", "root"}
    assert [delegator(name) for name in ("root", "timestamp", "models", "bins", "bin-00")] == [
        "root",
        "root",
        "targets",
        "catalog",
        "catalog",
    ]
    with pytest.raises(KeyError):
        layout.role("nobody")


def test_every_target_has_one_role_and_patterns_do_not_cross_folders() -> None:
    def carried(path: str) -> list[str]:
        parts = path.split("/")
        found = []
        for name in ("targets", *DELEGATED):
            for pattern in Layout().role(name).paths:
                wanted = pattern.split("/")
                if len(wanted) == len(parts) and all(map(fnmatch, parts, wanted)):
                    found.append(name)
        return found

    for path in (*REQUIRED, *OPTIONAL, app_target("acme/notes", "1.0.0")):
        assert len(carried(path)) == 1, path
    assert carried("apps/notes/1.0.0.json") == []
    assert carried("revocations/other.json") == []


def test_a_list_is_only_issued_when_clients_will_take_it() -> None:
    known = lists.with_entries(lists.first(NOW), [entry("R-1"), entry("R-2")], now=NOW)
    assert (known.listed.seq, len(known.listed.entries)) == (2, 2)
    known = lists.without(known, ["R-1"], now=NOW)
    assert known.listed.lifted == ["R-1"]
    more = lists.with_entries(known, [entry("R-3")], now=NOW)
    assert more.listed.lifted == ["R-1"]  # an urgent entry of that id stays lifted
    again = lists.with_entries(known, [entry("R-1", reason="once more")], now=NOW)
    assert again.listed.lifted == []
    with pytest.raises(ListRefused, match="no entry"):
        lists.without(known, ["R-9"], now=NOW)


def test_the_urgent_list_can_only_add() -> None:
    known = lists.with_urgent(lists.first(NOW), [entry("U-1")], now=NOW)
    with pytest.raises(ListRefused) as caught:
        lists.with_urgent(known, [entry("U-1", severity="warn")], now=NOW)
    assert caught.value.code == "entry_not_single"
    lists.with_urgent(known, [entry("U-1"), entry("U-2")], now=NOW)  # the twin: the same again, and one more
    lifted = lists.without(known, ["U-1"], now=NOW)
    assert lifted.urgent_entries == ()
    assert lists.renewed(lifted, now=NOW).urgent is not None
    with pytest.raises(ListRefused):
        lists.with_urgent(lists.renewed(lifted, now=NOW), [entry("U-1")], now=NOW)  # several keys said no


def test_what_the_list_took_over_leaves_the_urgent_one() -> None:
    known = lists.with_urgent(lists.first(NOW), [entry("U-1")], now=NOW)
    known = lists.renewed(lists.with_entries(known, [entry("U-1")], now=NOW), now=NOW)
    assert known.urgent is not None
    assert (known.urgent.entries, known.urgent.after) == ([], 2)
    assert lists.with_popular(known, ["b/b", "a/a", "b/b"], now=NOW).listed.popular == ["a/a", "b/b"]


def test_contents_are_read_as_their_readers_will() -> None:
    assert target_of("app", "acme/notes@1.2.0") == "apps/acme/notes/1.2.0.json"
    for app in ("acme/notes", "acme/notes@1", "../x@1.0.0", "acme/../x@1.0.0", None):
        with pytest.raises(UsageError):
            target_of("app", app)
    for kind, data in (
        ("models", b"{}"),
        ("trusted-root", b"{}"),
        ("tools", b"[]"),
        ("app", b'{"a":1,"a":2}'),
    ):
        with pytest.raises(UsageError):
            checked(kind, data)
    for kind, data in (
        ("models", b'{"schema":"locara-models/1","models":[]}'),
        ("tools", b"{}"),
        ("app", b"{}"),
    ):
        assert checked(kind, data) == data

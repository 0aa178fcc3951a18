"""LC210 and LC113: which places a request may use, and how what was seen is judged."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from locara_verify.checks.escape import traced
from locara_verify.checks.escape.paths import FILE_COMMANDS, ODD_ROOTS
from locara_verify.checks.escape.traced import FILES, POWERS, SECOND, WRITING, Place, Watched, nearly
from locara_verify.oracle.trace import calls
from locara_verify.oracle.trace.judge import BROKER, RUNTIME
from locara_verify.oracle.trace.lookups import NOWHERE, Id, Seen
from locara_verify.oracle.trace.watch import STAND_IN

SECRET: Id = (1, 99)
PLACES = [
    Place("$MUSIC", "music", Path("/m"), writable=True),
    Place("$DOCUMENTS", "documents", Path("/d"), writable=False),
    Place("h1", "folder", Path("/f"), writable=True, deep=False),
    Place("h2", "file", Path("/x"), writable=True, one=True),
]


class Told:
    """What a trial was told."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.open: list[str] = []
        self.notes: list[str] = []

    def fail(self, rule: str, _message: str, _because: str, _call: str = "") -> None:
        self.failed.append(rule)

    def twin(self, rule: str, works: bool, _what: str) -> None:
        if not works:
            self.open.append(rule)


def watched(told: Any = None) -> Watched:
    return Watched(told or Told(), SimpleNamespace(), list(PLACES), random.Random(1))  # type: ignore[arg-type]


def uses(command: str, root: str, path: str) -> dict[str, str]:
    return dict(watched().uses(command, {"root": root, "path": path}))


def test_a_request_uses_the_folder_that_it_names_as_it_is_granted() -> None:
    for command in FILE_COMMANDS:
        writes = command in WRITING
        assert uses(command, "$MUSIC", "a/b.txt") == {"music": "w" if writes else "r"}
        assert uses(command, "$DOCUMENTS", "a.txt") == ({} if writes else {"documents": "r"})
        assert uses(command, "h2", "") == {"file": "w" if writes else "r"}


@pytest.mark.parametrize("path", ["..", "../a", "/a", "a\\b", "a//b", "CON", "x" * 300, "a\x00", "a/", "."])
def test_a_path_that_is_not_portable_uses_nothing(path: str) -> None:
    assert not any(uses(command, "$MUSIC", path) for command in FILE_COMMANDS)


def test_roots_that_are_none_and_what_was_not_picked_use_nothing() -> None:
    for command in FILE_COMMANDS:
        assert not any(
            uses(command, root, "a.txt") for root in ODD_ROOTS if root not in ("$MUSIC", "$DOCUMENTS")
        )
        assert not uses(command, "h2", "a.txt")
        assert not uses(command, "h1", "sub/a.txt")
        assert bool(uses(command, "h1", "a.txt")) == (command != "fs.list")
    assert not watched().uses("fs.release", {"root": "$MUSIC", "path": ""})


@pytest.mark.parametrize("root", ["$MUSIC", "$APP_DATA", "nJWBWTi3zhteg1xzaxaBVD4-aqxgiOR9"])
def test_no_near_name_is_the_name(root: str) -> None:
    assert root not in nearly(root)
    assert all(nearly(root))


def one(
    role: str, name: str, kind: str, place: str, thing: Id = (1, 2), access: str = "r", mark: int = 0
) -> Seen:
    return Seen(mark, role, name, kind, place, "x", access, thing, 0, follows=False, confined=False)


CONTROL = [
    one(STAND_IN, "openat", calls.OPEN, NOWHERE, SECRET),
    one(STAND_IN, "connect", calls.SOCKET, NOWHERE),
    one(STAND_IN, "execve", calls.RUN, NOWHERE),
]


def judged(*seen: Seen, control: list[Seen] | None = None) -> Told:
    told = Told()
    one_session = watched(told)
    one_session.requests = [traced.Request("fs.read", {"music": "r"}, "x"), traced.Request("fs.stat", {})]
    one_session.twins = [traced.Twin(0, RUNTIME, (1, 7), "r", "fs.read in music")]
    traced.judge(one_session, [*(CONTROL if control is None else control), *seen], SECRET)
    return told


TWIN = one(RUNTIME, "openat2", calls.OPEN, "music", (1, 7))


def test_what_was_granted_and_is_seen_passes() -> None:
    told = judged(TWIN)
    assert (told.failed, told.open) == ([], [])
    assert told.notes


@pytest.mark.parametrize(
    "seen",
    [
        one(BROKER, "openat2", calls.OPEN, "music", (1, 7)),
        one(RUNTIME, "openat2", calls.OPEN, "music", (1, 8)),
        one(RUNTIME, "openat2", calls.OPEN, "music", (1, 7), access=""),
    ],
)
def test_a_twin_that_is_not_seen_proves_nothing(seen: Seen) -> None:
    assert judged(seen).open == [FILES]


@pytest.mark.parametrize("missing", range(3))
def test_a_stand_in_that_is_not_seen_proves_nothing(missing: int) -> None:
    control = [seen for number, seen in enumerate(CONTROL) if number != missing]
    assert judged(TWIN, control=control).open == [FILES if missing == 0 else POWERS]


@pytest.mark.parametrize("role", [RUNTIME, BROKER])
@pytest.mark.parametrize("mark", [-1, 1, 2])
def test_what_belongs_to_no_request_that_allows_it_is_found(role: str, mark: int) -> None:
    assert judged(TWIN, one(role, "openat", calls.OPEN, "music", mark=mark)).failed == [FILES]


def test_a_power_is_found_by_its_own_rule_and_each_fault_once() -> None:
    reaching = one(RUNTIME, "connect", calls.SOCKET, NOWHERE)
    outside = one(RUNTIME, "openat", calls.OPEN, NOWHERE)
    assert judged(TWIN, reaching, reaching, outside, outside).failed == [POWERS, FILES]


def test_a_file_with_a_second_name_is_planted() -> None:
    assert SECOND in [name for name, *_ in traced.PICKED]

"""The lists on one machine: put in place, read at a start, rolled back, stale, and what an administrator adds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from locara.core.compile import compile_grants
from locara.core.digest import Digest
from locara.core.manifest import parse_manifest
from locara.runtime.origin import Origin, record_origin
from locara.runtime.recall import recalled
from locara.runtime.revocation import (
    LIST_NAME,
    MEMORY_NAME,
    URGENT_NAME,
    follow,
    forget_clock,
    read_lists,
    refuse_part,
    refuse_revoked,
    take_lists,
)
from locara.runtime.state import StartError, StateFolder
from locara.trust.revocation.document import Known, Listed, Urgent
from locara.trust.revocation.judgement import DAY
from locara.trust.revocation.refused import ListRefused

NOW = 1_800_000_000.0
DIGEST = Digest("1" * 64)
NO_POLICY = Path("/nonexistent/policy.json")


def manifest(**capabilities: Any) -> bytes:
    document = {
        "schema": "locara/v1",
        "publisher": "acme",
        "name": "notes",
        "version": "1.0.0",
        "displayName": "Notes",
        "description": "A test.",
        "license": "MIT",
        "author": {"name": "Acme", "email": "hello@acme.example"},
        "icon": "public/icon.png",
        "screenshots": ["screenshots/one.png"],
        "category": "productivity",
        "capabilities": capabilities,
    }
    return json.dumps(document).encode()


def grants(**capabilities: Any) -> Any:
    return compile_grants(parse_manifest(manifest(**capabilities)))


def listed(seq: int, *entries: dict[str, Any], updated: float = NOW, **more: Any) -> Listed:
    common = {"severity": "block", "kind": "defect", "reason": "a test", "time": 1.0}
    made = [{"id": f"R-{number}", **common, **entry} for number, entry in enumerate(entries)]
    form = {"format": "locara-revocations/2", "seq": seq, "updated": updated, "entries": made}
    return Listed.model_validate({**form, **more})


def urgent(seq: int, updated: float = NOW) -> Urgent:
    form = {
        "format": "locara-revocations-urgent/1",
        "seq": seq,
        "updated": updated,
        "after": 0,
        "entries": [],
    }
    return Urgent.model_validate(form)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def code_of(state: StateFolder, found: Any, *, now: float = NOW, policy: Path = NO_POLICY) -> str:
    try:
        notices = refuse_revoked(state, found, now=now, policy=policy)
    except StartError as error:
        return error.code
    return "told" if notices else ""


def test_new_lists_take_the_place_of_the_known_ones(state: StateFolder) -> None:
    assert take_lists(state, Known(listed(1), urgent(1)), now=NOW)
    assert not take_lists(state, Known(listed(1), urgent(1)), now=NOW + 1)
    assert take_lists(state, Known(listed(2, {"app": "acme/notes"}), urgent(2)), now=NOW)
    assert code_of(state, grants()) == "revoked"
    with pytest.raises(ListRefused) as caught:
        take_lists(state, Known(listed(3), urgent(3)), now=NOW)
    assert caught.value.code == "list_vanished"
    assert code_of(state, grants()) == "revoked"  # what was known stays
    assert take_lists(state, Known(listed(3, lifted=["R-0"]), urgent(3)), now=NOW)
    assert code_of(state, grants()) == ""


@pytest.mark.parametrize("name", [LIST_NAME, URGENT_NAME])
@pytest.mark.parametrize("damage", ["older", "gone"])
def test_lists_that_went_back_on_the_disk_start_nothing(state: StateFolder, name: str, damage: str) -> None:
    take_lists(state, Known(listed(1), urgent(1)), now=NOW)
    old = (state.path / name).read_bytes()
    take_lists(state, Known(listed(2), urgent(2)), now=NOW)
    assert code_of(state, grants()) == ""
    (state.path / name).unlink() if damage == "gone" else (state.path / name).write_bytes(old)
    assert code_of(state, grants()) == "revocation_unreadable"
    assert take_lists(state, Known(listed(2), urgent(2)), now=NOW)  # a registry can mend it
    assert code_of(state, grants()) == ""


def test_age_counts_once_a_registry_is_followed(state: StateFolder) -> None:
    take_lists(state, Known(listed(1)), now=NOW)
    late = NOW + 31 * DAY
    assert code_of(state, grants(net=True), now=late) == ""
    follow(state, now=NOW)
    assert code_of(state, grants(net=True), now=late) == "revocation_stale"
    assert code_of(state, grants(), now=late) == "told"


def test_a_start_remembers_the_latest_time(state: StateFolder) -> None:
    follow(state, now=NOW)
    take_lists(state, Known(listed(1)), now=NOW)
    assert code_of(state, grants(net=True), now=NOW + 31 * DAY) == "revocation_stale"
    assert code_of(state, grants(net=True), now=NOW) == "revocation_stale"  # set back
    forget_clock(state, now=NOW)
    assert code_of(state, grants(net=True), now=NOW) == ""  # the person says that it was wrong


def test_a_model_that_is_revoked_stops_the_app_and_the_pull(state: StateFolder) -> None:
    named = grants(models=[f"tiny@{DIGEST}"])
    take_lists(state, Known(listed(1, {"model": str(DIGEST)})), now=NOW)
    assert code_of(state, named) == "revoked"
    assert code_of(state, grants(models=[f"tiny@{Digest('2' * 64)}"])) == ""
    with pytest.raises(StartError, match=r"R-0") as caught:
        refuse_part(state, now=NOW, model=DIGEST, policy=NO_POLICY)
    assert caught.value.code == "revoked"
    refuse_part(state, now=NOW, tool=DIGEST, policy=NO_POLICY)  # a tool of these bytes is another thing
    refuse_part(state, now=NOW, model=Digest("2" * 64), policy=NO_POLICY)


def test_a_build_is_found_by_how_it_was_made(state: StateFolder) -> None:
    origin = Origin(
        artifact=str(DIGEST), commit="c" * 40, signer="ci", signed_at=NOW, keys=frozenset({str(DIGEST)})
    )
    ways = ({"artifact": str(DIGEST)}, {"commit": "c" * 40}, {"signer": "ci"}, {"key": str(DIGEST)})
    for number, way in enumerate(ways):
        place = StateFolder(state.path.with_name(f"state{number}"))
        take_lists(place, Known(listed(1, way)), now=NOW)
        assert code_of(place, grants()) == ""
        record_origin(place, grants(), origin)
        assert code_of(place, grants()) == "revoked"
        assert code_of(place, grants(net=True)) == ""  # a record about another version is none


def test_only_the_administrator_can_have_written_the_policy(state: StateFolder, tmp_path: Path) -> None:
    follow(state, now=NOW)
    take_lists(state, Known(listed(1)), now=NOW)
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"format": "locara-policy/1", "revocation": {"localDays": 2}}))
    if os.geteuid() == 0:
        assert code_of(state, grants(), now=NOW + DAY, policy=policy) == ""
        assert code_of(state, grants(), now=NOW + 3 * DAY, policy=policy) == "revocation_stale"
        policy.chmod(0o666)
    assert code_of(state, grants(), policy=policy) == "revocation_unreadable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write a policy that counts")
@pytest.mark.parametrize(
    "text", ["", "null", "{}", '{"format":"locara-policy/1","revocation":{"warnDays":-1}}']
)
def test_a_policy_that_is_none_starts_nothing(state: StateFolder, tmp_path: Path, text: str) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"format":"locara-policy/1","revocation":{}}')
    assert code_of(state, grants(), policy=policy) == ""
    policy.write_text(text)
    assert code_of(state, grants(), policy=policy) == "revocation_unreadable"


def test_a_damaged_memory_starts_nothing(state: StateFolder) -> None:
    follow(state, now=NOW)
    assert code_of(state, grants()) in {"", "told", "revocation_stale"}
    (state.path / MEMORY_NAME).write_text("{}")
    assert code_of(state, grants()) == "revocation_unreadable"


def test_a_newer_list_that_was_shipped_counts(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    take_lists(state, Known(listed(1)), now=NOW)
    monkeypatch.setattr("locara.runtime.revocation.baseline", lambda: listed(9, {"app": "acme/notes"}))
    assert code_of(state, grants()) == "revoked"
    assert read_lists(state).known.listed.seq == 9


def test_nothing_of_updates_is_loaded_by_a_start() -> None:
    program = (
        "import sys, locara.runtime.launch\n"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "{'tuf', 'securesystemslib', 'sigstore', 'urllib3', 'requests', 'cryptography'}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Watched:
    """A running app, as far as the watch sees it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.killed = threading.Event()
        self.heard = threading.Event()

    def tell(self, text: str) -> None:
        self.told.append(text)
        self.heard.set()


@pytest.mark.parametrize(("kind", "dies"), [("malware", True), ("vulnerability", False)])
def test_an_app_that_is_running_hears_of_a_block(state: StateFolder, kind: str, dies: bool) -> None:
    take_lists(state, Known(listed(1)), now=NOW)
    app = Watched()
    with recalled(state, grants(), kill=app.killed.set, tell=app.tell, every=0.01):
        take_lists(state, Known(listed(2, {"app": "acme/notes", "kind": kind})), now=NOW)
        assert app.heard.wait(30)
        if dies:
            assert app.killed.wait(30)
    assert app.killed.is_set() == dies
    assert len(app.told) == 1
    assert "R-0" in app.told[0]


def test_only_the_app_that_is_named_hears_of_it(state: StateFolder) -> None:
    app = Watched()
    other = {"app": "acme/other", "kind": "malware"}
    with recalled(state, grants(), kill=app.killed.set, tell=app.tell, every=0.01):
        take_lists(state, Known(listed(1, other)), now=NOW)
        take_lists(state, Known(listed(2, other, {"app": "acme/notes"})), now=NOW)
        assert app.heard.wait(30)
    assert [("R-0" in text, "R-1" in text) for text in app.told] == [(False, True)]
    assert not app.killed.is_set()

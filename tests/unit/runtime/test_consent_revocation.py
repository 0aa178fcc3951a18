"""Versions on the list do not start; a list that cannot be read starts nothing; no list stops nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from locara.cli.exits import Exit, exit_of
from locara.runtime.consent import ScriptedConsent, StatedConsent
from locara.runtime.lifecycle import admit
from locara.runtime.revocation import LIST_NAME
from locara.runtime.state import StartError, StateFolder

from .test_consent_standing import START, version

APP = version(frozenset({"camera"}), 5)  # acme/probe 1.5.0


def entry(**fields: Any) -> dict[str, Any]:
    about = {"id": "LR-1", "severity": "block", "kind": "malware", "reason": "It sends files away."}
    return {**about, "time": START, **fields}


def listed(*entries: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"format": "locara-revocations/2", "seq": 1, "updated": 0, "entries": list(entries), **fields}


def attempt(tmp_path: Path, value: object) -> StartError | None:
    state = StateFolder(tmp_path / "state")
    state.path.mkdir(exist_ok=True)
    (state.path / LIST_NAME).write_text(json.dumps(value))
    asked = ScriptedConsent([True])
    try:
        admit(APP, state=state, consent=asked, now=START)
    except StartError as error:
        assert asked.asked == []  # a revoked version does not even ask
        return error
    return None


@pytest.mark.parametrize(
    ("fields", "stops"),
    [
        ({"app": "acme/probe"}, True),
        ({"app": "acme/probe", "versions": {}}, True),
        ({"app": "acme/probe", "versions": {"from": "1.5.0"}}, True),
        ({"app": "acme/probe", "versions": {"from": "1.5.1"}}, False),
        ({"app": "acme/probe", "versions": {"before": "1.5.1"}}, True),
        ({"app": "acme/probe", "versions": {"before": "1.5.0"}}, False),
        ({"app": "acme/probe", "versions": {"from": "1.4.9", "before": "1.10.0"}}, True),
        ({"app": "acme/other"}, False),
        ({"manifest": str(APP.manifest.digest)}, True),
        ({"manifest": "sha256:" + "0" * 64}, False),
    ],
)
def test_an_entry_stops_what_it_names_and_nothing_else(
    tmp_path: Path, fields: dict[str, Any], stops: bool
) -> None:
    error = attempt(tmp_path, listed(entry(**fields)))
    assert (error is not None and error.code == "revoked") == stops
    if error is not None:
        assert "LR-1" in error.message
        assert "It sends files away." in error.message


def test_a_known_block_wins_however_old_the_list_is(tmp_path: Path) -> None:
    error = attempt(tmp_path, listed(entry(app="acme/probe", time=0), updated=0))
    assert error is not None
    assert error.code == "revoked"


@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        [],
        {},
        listed(format="locara-revocations/1"),
        listed(format="locara-revocations/3"),
        listed(seq=-1),
        listed(seq=None),
        listed(more=1),
        listed(entry()),
        listed(entry(app="acme/probe", manifest=str(APP.manifest.digest))),
        listed(entry(app="probe")),
        listed(entry(app="acme/other", versions={"from": "1"})),
        listed(entry(app="acme/other", versions={"first": "1.0.0"})),
        listed(entry(manifest="sha256:00")),
        listed(entry(manifest="sha256:" + "0" * 64, versions={"from": "1.0.0"})),
        listed({**entry(app="acme/other"), "severity": "fatal"}),
        listed({**entry(app="acme/other"), "kind": "whim"}),
        listed(entry(app="acme/other"), lifted=["LR-1"]),
        listed(entry(app="acme/other"), entry(app="acme/third")),
        listed(entry(app="acme/other", signedAfter=1)),
        listed({"id": "LR-1", "app": "acme/other", "time": 0}),
    ],
)
def test_a_list_that_is_not_one_stops_everything(tmp_path: Path, value: object) -> None:
    error = attempt(tmp_path, value)
    assert error is not None
    assert error.code == "revocation_unreadable"
    assert exit_of(error) is Exit.TRUST


def test_a_link_is_not_the_list(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.path.mkdir()
    (tmp_path / "real.json").write_text(json.dumps(listed()))
    (state.path / LIST_NAME).symlink_to(tmp_path / "real.json")
    with pytest.raises(StartError) as caught:
        admit(APP, state=state, consent=StatedConsent(), now=START)
    assert caught.value.code == "revocation_unreadable"


def test_no_list_stops_nothing(tmp_path: Path) -> None:
    admit(APP, state=StateFolder(tmp_path / "state"), consent=StatedConsent(), now=START)
    assert attempt(tmp_path, listed()) is None


def test_a_reason_cannot_steer_the_terminal(tmp_path: Path) -> None:
    error = attempt(tmp_path, listed(entry(app="acme/probe", reason="bad\x1b[2Kgood\u202e")))
    assert error is not None
    assert "\x1b" not in error.message
    assert "\u202e" not in error.message

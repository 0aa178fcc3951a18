"""The gate: allowed means recorded and silent, denied means recorded and raised, unrecordable means
refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.core.request import FsRequest, ModelRequest, NetRequest
from locara.errors import AuditError, CapabilityDenied
from locara.runtime.audit import AuditLog, read_entries
from locara.runtime.gate import Gate


def grants(capabilities: dict[str, object]) -> Grants:
    document = {
        "schema": "locara/v1",
        "name": "notes",
        "publisher": "acme",
        "version": "1.0.0",
        "displayName": "Notes",
        "description": "Notes.",
        "license": "MIT",
        "author": {"name": "Acme", "email": "a@example.com"},
        "icon": "icon.png",
        "screenshots": ["one.png"],
        "category": "utilities",
        "capabilities": capabilities,
    }
    return compile_grants(parse_manifest(json.dumps(document, indent=1).encode()))


@pytest.fixture
def log(tmp_path: Path):
    opened = AuditLog.open(tmp_path / "log.jsonl", app="acme/notes")
    yield opened
    opened.close()


def test_what_is_granted_is_recorded_with_its_line(log: AuditLog) -> None:
    gate = Gate(grants({"net": {"allowed_hosts": ["api.example.com"]}}), log)
    for _ in range(2):
        gate.require(NetRequest("api.example.com", 443), cmd="net.fetch")
    first, second = read_entries(log.path)
    assert first["allowed"] is True
    assert (first["cmd"], first["capability"]) == ("net.fetch", "net")
    assert first["request"] == {"host": "api.example.com", "port": 443}
    assert "locara.json:" in first["because"]
    assert second["because"] == first["because"]


def test_what_is_not_granted_is_recorded_and_raised_with_its_fix(log: AuditLog) -> None:
    gate = Gate(grants({"net": {"allowed_hosts": ["api.example.com"]}}), log)
    with pytest.raises(CapabilityDenied) as caught:
        gate.require(NetRequest("evil.test", 443), cmd="net.fetch")
    assert caught.value.capability == "net"
    assert '"evil.test"' in caught.value.fix
    entry = read_entries(log.path)[-1]
    assert (entry["allowed"], entry["because"]) == (False, caught.value.because)


@pytest.mark.parametrize(
    "request_", [FsRequest("documents", "a", "read"), ModelRequest("m"), NetRequest("a.example.com", 443)]
)
def test_without_grants_everything_is_denied(log: AuditLog, request_) -> None:
    with pytest.raises(CapabilityDenied):
        Gate(Grants.none(), log).require(request_)
    assert read_entries(log.path)[-1]["allowed"] is False


@pytest.mark.parametrize("content", [None, 3, b"x", ["a"], "x" * 100_000, "\ud800"])
def test_any_content_of_a_request_is_denied_and_recorded(log: AuditLog, content) -> None:
    gate = Gate(grants({"fs.app-data": "read-write"}), log)
    with pytest.raises(CapabilityDenied):
        gate.require(FsRequest("app-data", content, "read"), cmd="fs.read")
    assert read_entries(log.path)[-1]["allowed"] is False


def test_what_cannot_be_recorded_is_refused(log: AuditLog) -> None:
    gate = Gate(grants({"fs.app-data": "read-write"}), log)
    gate.require(FsRequest("app-data", "a", "write"), cmd="fs.write")
    log.close()
    with pytest.raises(AuditError):
        gate.require(FsRequest("app-data", "a", "write"), cmd="fs.write")
    with pytest.raises(AuditError):
        gate.require(FsRequest("documents", "a", "write"), cmd="fs.write")


def test_a_refusal_at_the_effect_is_recorded_as_a_denial(log: AuditLog) -> None:
    gate = Gate(grants({"fs.app-data": "read-write"}), log)
    with pytest.raises(CapabilityDenied, match="a link"):
        gate.refuse(FsRequest("app-data", "a", "write"), cmd="fs.write", because="a link is in the way")
    assert read_entries(log.path)[-1]["because"] == "a link is in the way"


READ = FsRequest("app-data", "a", "read")
ASKED = {"root": "app-data", "path": "a", "access": "read"}
DENIED = FsRequest("music", "a", "read")
ANSWERS = {
    "allowed": (lambda gate: gate.require(READ, cmd="fs.read"), "fs.read", "fs.app-data", ASKED, True),
    "allowed, no command": (lambda gate: gate.require(READ), "fs.app-data", "fs.app-data", ASKED, True),
    "denied": (
        lambda gate: gate.require(DENIED, cmd="fs.read"),
        "fs.read",
        "fs.user-paths",
        {**ASKED, "root": "music"},
        False,
    ),
    "denied, no command": (
        lambda gate: gate.require(DENIED),
        "fs.user-paths",
        "fs.user-paths",
        {**ASKED, "root": "music"},
        False,
    ),
    "refused": (
        lambda gate: gate.refuse(READ, cmd="fs.read", because="a link"),
        "fs.read",
        "fs.app-data",
        ASKED,
        False,
    ),
    "used": (
        lambda gate: gate.record_use("app.open", capability="none", because="always"),
        "app.open",
        "none",
        {},
        True,
    ),
    "not there": (
        lambda gate: gate.record_refusal("no.such", capability="none", because="absent"),
        "no.such",
        "none",
        {},
        False,
    ),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_every_answer_is_one_entry_that_says_who_asked_for_what_and_what_was_said(
    log: AuditLog, what: str
) -> None:
    ask, cmd, capability, request, allowed = ANSWERS[what]
    held = grants({"fs.app-data": "read"})
    gate = Gate(held, log)
    assert gate.grants is held
    if capability != "none" and not allowed:
        with pytest.raises(CapabilityDenied, match=f"^{cmd} was denied: "):
            ask(gate)
    else:
        ask(gate)
    (entry,) = read_entries(log.path)
    told = (entry["cmd"], entry["capability"], entry["request"], entry["allowed"])
    assert told == (cmd, capability, request, allowed)
    assert entry["because"]

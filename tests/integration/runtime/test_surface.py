"""What an app can reach at all: its own commands, nothing undeclared, and every refusal with its reason and
its fix."""

from __future__ import annotations

import pytest

from locara.errors import CallError, CapabilityDenied
from locara.runtime.audit import verify_chain


def test_an_app_is_told_who_it_is(reader) -> None:
    app = reader
    info = app.client.call("app.info")
    assert (info["id"], info["version"], info["displayName"]) == ("acme/probe", "1.2.3", "Probe")
    assert list(info["capabilities"]) == ["fs.app-data"]
    assert info["models"] == []
    commands = app.client.call("app.commands")["commands"]
    assert "fs.read" in commands
    assert "fs.write" not in commands
    assert not {name for name in commands if name.startswith(("net.", "llm.", "embed.", "fs.pick"))}


@pytest.mark.parametrize(
    ("cmd", "capability", "fix"),
    [
        ("net.fetch", "net", '"net"'),
        ("llm.chat", "models", '"text-to-text"'),
        ("embed.create", "models", '"text-to-embedding"'),
        ("fs.pick", "fs.user-selected", '"fs.user-selected": "read"'),
        ("fs.write", "fs.app-data", '"fs.app-data": "read-write"'),
    ],
)
def test_a_command_that_is_not_declared_does_not_exist(reader, cmd, capability, fix) -> None:
    app = reader
    with pytest.raises(CallError) as caught:
        app.client.call(cmd, {})
    assert caught.value.code == "unknown_command"
    assert caught.value.capability == capability
    assert fix in (caught.value.fix or "")
    entry = app.client.call("audit.capabilityLog", {"limit": 1})["entries"][0]
    assert (entry["cmd"], entry["allowed"], entry["capability"]) == (cmd, False, capability)


def test_an_object_that_is_not_declared_is_denied_with_the_line_to_add(reader) -> None:
    app = reader
    with pytest.raises(CapabilityDenied) as caught:
        app.client.call("fs.read", {"root": "$DOCUMENTS", "path": "a.txt"})
    assert caught.value.capability == "fs.user-paths"
    assert "does not declare" in caught.value.because
    assert caught.value.fix == '"fs.user-paths": {"documents": "read"}'


def test_with_the_line_added_the_same_call_is_allowed(write_app, start_app, tmp_path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    documents.chmod(0o755)
    (documents / "a.txt").write_text("mine")
    app = start_app(write_app({"fs.user-paths": {"documents": "read"}}), user_roots={"documents": documents})
    assert (
        app.client.call("fs.read", {"root": "$DOCUMENTS", "path": "a.txt", "encoding": "utf8"})["data"]
        == "mine"
    )
    with pytest.raises(CapabilityDenied) as caught:
        app.client.call("fs.write", {"root": "$DOCUMENTS", "path": "a.txt", "data": "", "mode": "replace"})
    assert caught.value.fix == '"fs.user-paths": {"documents": "read-write"}'
    assert (documents / "a.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    [
        "FS.READ",
        "fs.read ",
        "fs.read\0",
        "fs.reаd",
        "fs_read",
        "__class__",
        "fs.read.__call__",
        "",
        "0",
        "x" * 5000,
    ],
)
def test_only_the_exact_name_is_a_command(reader, name) -> None:
    with pytest.raises(CallError) as caught:
        reader.client.call(name, {"root": "$APP_DATA", "path": "a.txt"})
    assert caught.value.code == "unknown_command"


@pytest.mark.parametrize(
    ("cmd", "args"),
    [
        ("fs.read", {}),
        ("fs.read", {"root": "$APP_DATA"}),
        ("fs.read", {"root": "$APP_DATA", "path": "a", "more": 1}),
        ("fs.read", {"root": "$APP_DATA", "path": ["a"]}),
        ("fs.read", {"root": "$APP_DATA", "path": "a", "offset": "0"}),
        ("fs.read", {"root": "$APP_DATA", "path": "a", "offset": True}),
        ("fs.read", {"root": "$APP_DATA", "path": "a", "offset": -1}),
        ("fs.read", {"root": "$APP_DATA", "path": "a", "length": 1e300}),
        ("fs.read", {"root": "$APP_DATA", "path": "a", "encoding": "latin-1"}),
        ("app.info", {"more": 1}),
        ("audit.capabilityLog", {"limit": 10**9}),
        ("settings.get", {"key": ""}),
    ],
)
def test_arguments_are_strict_and_not_echoed(reader, cmd, args) -> None:
    with pytest.raises(CallError) as caught:
        reader.client.call(cmd, {**args, **({"sécret-näme": "sécret-välue"} if "more" in args else {})})
    assert caught.value.code == "bad_request"
    assert "écret" not in caught.value.message


def test_every_decision_is_in_a_chain_that_verifies(write_app, start_app) -> None:
    app = start_app(write_app({"fs.app-data": "read-write"}))
    call = app.client.call
    call("fs.write", {"root": "$APP_DATA", "path": "a.txt", "data": "aGk=", "mode": "create"})
    with pytest.raises(CapabilityDenied):
        call("fs.read", {"root": "$DESKTOP", "path": "a.txt"})
    app.close()
    state = verify_chain(app.home.audit_log)
    assert state.sound
    lines = app.home.audit_log.read_text().splitlines()
    assert len(lines) == state.entries == 4
    assert '"cmd":"runtime.start"' in lines[0]
    assert '"cmd":"fs.write"' in lines[1]
    assert '"root":"desktop"' in lines[2]
    assert '"allowed":false' in lines[2]
    assert '"cmd":"runtime.stop"' in lines[3]

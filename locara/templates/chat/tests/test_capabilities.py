"""What this app may do and may not, asked of its real runtime in its real sandbox. Run it with `locara test .`"""

import os
from pathlib import Path

import pytest

from locara.errors import CallError, CapabilityDenied
from locara.models.cache import ModelCache, default_root
from locara.runtime.app import AppBundle
from locara.runtime.consent import StatedConsent
from locara.runtime.launch import start
from locara.sandbox.picker import ScriptedPicker

APP = Path(os.environ.get("LOCARA_APP", Path(__file__).resolve().parents[1]))


@pytest.fixture
def client(tmp_path):
    running = start(
        AppBundle.open(APP),
        home=tmp_path / "data",
        cache=ModelCache(default_root()),
        picker=ScriptedPicker([]),
        user_roots={},
        state=tmp_path / "state",
        consent=StatedConsent(),
    )
    with running:
        yield running.client


def test_it_talks_with_its_own_model(client):
    said = client.call(
        "llm.chat",
        {"model": "locara-tiny-chat", "messages": [{"role": "user", "content": "Hello"}], "maxTokens": 8},
    )
    assert said["usage"]["outputTokens"] > 0


def test_it_has_no_other_model(client):
    with pytest.raises(CapabilityDenied) as denied:
        client.call(
            "llm.chat",
            {"model": "another", "messages": [{"role": "user", "content": "Hello"}], "maxTokens": 8},
        )
    assert denied.value.capability == "models"


def test_it_keeps_messages_in_its_own_database(client):
    client.call("db.exec", {"sql": "INSERT INTO messages(role, content) VALUES('user', 'hello')"})
    assert client.call("db.query", {"sql": "SELECT content FROM messages"})["rows"] == [["hello"]]


@pytest.mark.parametrize(
    ("command", "capability"),
    [("net.fetch", "net"), ("fs.pick", "fs.user-selected")],
)
def test_it_has_no_command_that_it_does_not_declare(client, command, capability):
    with pytest.raises(CallError) as refused:
        client.call(command, {})
    assert refused.value.code == "unknown_command"
    assert capability in refused.value.because

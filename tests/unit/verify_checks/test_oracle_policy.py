"""The independent policy on questions whose answers were written down by hand from the description."""

from __future__ import annotations

import pytest

from locara_verify.oracle import manifest as judge
from locara_verify.oracle import policy
from locara_verify.strategies import manifests

DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
CAPABILITIES = {
    "net": {"allowed_hosts": ["api.example.com", "*.wild.example"], "allowed_ports": [443, 8443]},
    "fs.user-selected": "read",
    "fs.user-paths": {"documents": "read", "music": "read-write"},
    "models": [f"chat@{DIGEST}"],
    "shared-folders": [{"id": "inbox", "with": ["acme/notes"], "access": "read"}],
    "clipboard": {"write": True},
    "notifications": {"modes": ["badge"]},
    "background": {"mode": "passive"},
    "device.microphone": True,
    "open-external": {"hosts": ["example.com"]},
}


def net(host: object, port: object = 443) -> dict[str, object]:
    return {"kind": "net", "host": host, "port": port}


def file(root: str, path: str = "a.txt", access: str = "read") -> dict[str, object]:
    return {"kind": "fs", "root": root, "path": path, "access": access}


@pytest.mark.parametrize(
    ("ask", "allowed"),
    [
        (net("api.example.com"), True),
        (net("api.example.com", 8443), True),
        (net("api.example.com", 80), False),
        (net("api.example.com", True), False),
        (net("API.example.com"), False),
        (net("api.example.com."), False),
        (net("example.com"), False),
        (net("evil-api.example.com"), False),
        (net("api.example.com.evil.test"), False),
        (net("a.wild.example"), True),
        (net("b.a.wild.example"), True),
        (net("wild.example"), False),
        (net("xwild.example"), False),
        (net(".wild.example"), False),
        (net("*.wild.example"), False),
        (net("127.0.0.1"), False),
        (net(None), False),
        (file("user-selected"), True),
        (file("user-selected", ""), True),
        (file("user-selected", access="write"), False),
        (file("app-data", access="write"), True),
        (file("app-data", "../x"), False),
        (file("app-data", "a//b"), False),
        (file("app-data", "a/./b"), False),
        (file("app-data", "a\\b"), False),
        (file("app-data", "NUL.txt"), False),
        (file("app-data", "a."), False),
        (file("app-data", "é" * 128), False),
        (file("app-data", "/".join("a" * 16)), True),
        (file("app-data", "/".join("a" * 17)), False),
        (file("documents"), True),
        (file("documents", access="write"), False),
        (file("music", access="write"), True),
        (file("downloads"), False),
        (file("shared/inbox"), True),
        (file("shared/inbox", access="write"), False),
        (file("shared/other"), False),
        (file("$APP_DATA"), False),
        ({"kind": "model", "model": "chat"}, True),
        ({"kind": "model", "model": f"chat@{DIGEST}"}, True),
        ({"kind": "model", "model": f"chat@{OTHER}"}, False),
        ({"kind": "model", "model": "chat@"}, False),
        ({"kind": "tool", "tool": "chat"}, False),
        ({"kind": "device", "device": "microphone"}, True),
        ({"kind": "device", "device": "camera"}, False),
        ({"kind": "clipboard", "access": "write"}, True),
        ({"kind": "clipboard", "access": "read"}, False),
        ({"kind": "notify", "mode": "badge"}, True),
        ({"kind": "notify", "mode": "alert"}, False),
        ({"kind": "background", "mode": "passive"}, True),
        ({"kind": "background", "mode": "active"}, False),
        ({"kind": "open-external", "host": "example.com"}, True),
        ({"kind": "open-external", "host": "a.example.com"}, False),
    ],
)
def test_answers(ask: dict[str, object], allowed: bool) -> None:
    assert policy.judge({"capabilities": CAPABILITIES}, ask).allowed is allowed


def test_nothing_declared_grants_the_own_folder_alone() -> None:
    bare = {"capabilities": {}}
    assert policy.judge(bare, file("app-data", access="write")).allowed
    assert not policy.judge({"capabilities": {"fs.app-data": False}}, file("app-data")).allowed
    for ask in (net("example.com"), file("user-selected"), {"kind": "model", "model": "chat"}):
        assert not policy.judge(bare, ask).allowed


def test_commands_follow_the_capabilities() -> None:
    always = policy.commands({"capabilities": {"fs.app-data": False}})
    assert not [name for name in always if name.startswith(("fs.", "net.", "llm.", "embed."))]
    full = policy.commands({"capabilities": CAPABILITIES, "modalities": ["text-to-text"]})
    assert {"fs.pick", "fs.read", "fs.write", "net.fetch", "llm.chat"} <= full
    assert "embed.create" not in full


EMPTY: dict[str, tuple[object, ...]] = {
    "net": (False,),
    "fs.user-selected": (False,),
    "fs.user-paths": ({}, {"documents": False}),
    "models": ([],),
    "tools": ([],),
    "shared-folders": ([],),
    "clipboard": ({}, {"read": False, "write": False}),
    "notifications": ({}, {"modes": []}),
    "background": ({}, {"mode": False}),
    "open-external": ({}, {"hosts": []}),
    **{f"device.{device}": (False,) for device in policy.DEVICES},
}


@pytest.mark.parametrize("key", EMPTY)
def test_an_empty_declaration_opens_nothing(key: str) -> None:
    manifest = {"modalities": ["text-to-text", "text-to-embedding", "speech-to-text"]}
    nothing = policy.commands({**manifest, "capabilities": {}})
    for value in EMPTY[key]:
        assert policy.commands({**manifest, "capabilities": {key: value}}) == nothing


def test_a_question_of_no_kind_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="kind"):
        policy.judge({}, {"kind": "everything"})


def test_the_capabilities_of_this_test_are_a_manifest() -> None:
    assert judge.judge_value({**manifests.minimal(), "capabilities": CAPABILITIES}) == ()

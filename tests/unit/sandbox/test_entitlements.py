from __future__ import annotations

import plistlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from locara.core.grant import Grants
from locara.sandbox.entitlements import (
    HELPER,
    entitlements,
    entitlements_plist,
    not_on_mac,
    refused_entitlements,
)

from .conftest import grants_of
from .test_profile import CAPABILITIES

S = "com.apple.security."
FORBIDDEN = (
    "cs.",
    "get-task-allow",
    "temporary-exception",
    "files.all",
    "network.server",
    "files.user-selected.executable",
)


def keys(grants: Grants, **options: bool) -> set[str]:
    return {key.removeprefix(S) for key in entitlements(grants, **options)}


def test_nothing_declared_is_the_sandbox_alone() -> None:
    assert entitlements(Grants.none()) == {S + "app-sandbox": True}


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"net": {"allowed_hosts": ["api.example.com"]}}, {"network.client"}),
        ({"net": True}, {"network.client"}),
        ({"net": False}, set()),
        ({"fs.user-selected": "read"}, {"files.user-selected.read-only"}),
        ({"fs.user-selected": "read-write"}, {"files.user-selected.read-write"}),
        ({"fs.user-paths": {"downloads": "read"}}, {"files.downloads.read-only"}),
        ({"fs.user-paths": {"downloads": "read-write"}}, {"files.downloads.read-write"}),
        (
            {"fs.user-paths": {"pictures": "read", "movies": "read-write"}},
            {"assets.pictures.read-only", "assets.movies.read-write"},
        ),
        ({"fs.user-paths": {"music": "read"}}, {"assets.music.read-only"}),
        ({"fs.user-paths": {"documents": "read-write", "desktop": "read"}}, set()),
        ({"device.camera": True}, {"device.camera"}),
        ({"device.microphone": True}, {"device.audio-input", "device.microphone"}),
        ({"device.system-audio": True}, set()),
    ],
)
def test_each_capability_has_its_keys(
    grant: Callable[..., Grants], capabilities: dict[str, Any], expected: set[str]
) -> None:
    assert keys(grant(capabilities)) == {"app-sandbox"} | expected


def test_the_web_view_switch_adds_the_client_key_and_nothing_else() -> None:
    assert keys(Grants.none(), webview=True) == {"app-sandbox", "network.client"}
    assert keys(Grants.none()) == {"app-sandbox"}


def test_what_a_mac_cannot_give_is_reported(grant: Callable[..., Grants]) -> None:
    told = not_on_mac(
        grant({"fs.user-paths": {"documents": "read", "music": "read"}, "device.system-audio": True})
    )
    assert [one.capability for one in told] == ["fs.user-paths.documents", "device.system-audio"]
    assert not_on_mac(grant({"fs.user-paths": {"music": "read"}})) == ()


@settings(max_examples=150, deadline=None)
@given(capabilities=CAPABILITIES)
def test_no_manifest_produces_a_forbidden_key_and_the_bytes_are_stable(capabilities: dict[str, Any]) -> None:
    grants = grants_of(capabilities)
    emitted = entitlements(grants)
    assert refused_entitlements(emitted) == {}
    assert not any(key.removeprefix(S).startswith(FORBIDDEN) for key in emitted)
    assert set(emitted.values()) == {True}
    assert list(emitted) == sorted(emitted)
    data = entitlements_plist(grants)
    assert data == entitlements_plist(grants_of(capabilities))
    assert plistlib.loads(data) == emitted


@pytest.mark.parametrize(
    "key",
    [
        "cs.allow-jit",
        "cs.allow-unsigned-executable-memory",
        "cs.disable-library-validation",
        "cs.disable-executable-page-protection",
        "cs.allow-dyld-environment-variables",
        "cs.debugger",
        "get-task-allow",
        "files.all",
        "network.server",
        "temporary-exception.files.absolute-path.read-write",
        "temporary-exception.mach-lookup.global-name",
        "automation.apple-events",
        "unheard-of",
    ],
)
def test_what_weakens_is_refused(key: str) -> None:
    assert S + key in refused_entitlements({S + "app-sandbox": True, S + key: True})


def test_foreign_prefixes_false_values_and_odd_helpers_are_refused() -> None:
    assert "com.apple.private.tcc.allow" in refused_entitlements({"com.apple.private.tcc.allow": True})
    assert S + "network.client" in refused_entitlements({S + "network.client": False})
    assert refused_entitlements(HELPER) == {}
    assert S + "inherit" in refused_entitlements({**HELPER, S + "device.camera": True})

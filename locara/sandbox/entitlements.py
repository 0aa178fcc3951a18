"""Grants -> macOS App Sandbox entitlements. Pure and deterministic; an allow list, so what is not written
here never appears, and what weakens the hardened runtime or the sandbox cannot be written at all.

Sources: Apple's Entitlement Key Reference, "App Sandbox Temporary Exception Entitlements", "Hardened
Runtime".
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping
from typing import Final

from locara.core.capability import Kind
from locara.core.decision import decide
from locara.core.grant import Grants
from locara.core.request import DeviceRequest, FsRequest
from locara.core.scope import is_empty
from locara.records import dataclass

PREFIX: Final = "com.apple.security."

_FOLDERS: Final = {
    "downloads": "files.downloads",
    "pictures": "assets.pictures",
    "music": "assets.music",
    "movies": "assets.movies",
}
_NO_FOLDER_ENTITLEMENT: Final = ("documents", "desktop")
_DEVICES: Final = {
    "camera": ("device.camera",),
    # The hardened runtime and the App Sandbox each ask for their own key.
    "microphone": ("device.audio-input", "device.microphone"),
}

ALLOWED: Final = frozenset(
    {"app-sandbox", "inherit", "network.client"}
    | {key for keys in _DEVICES.values() for key in keys}
    | {f"{stem}.{end}" for stem in _FOLDERS.values() for end in ("read-only", "read-write")}
    | {"files.user-selected.read-only", "files.user-selected.read-write"}
)
"""Every key this projection can emit, without its prefix."""

HELPER: Final[Mapping[str, bool]] = {f"{PREFIX}app-sandbox": True, f"{PREFIX}inherit": True}
"""What a helper executable in the bundle carries: exactly these, or it would not inherit."""


@dataclass(frozen=True, slots=True)
class NotOnMac:
    """A grant that no entitlement can express; the app reaches it only through a person's choice, if at
    all.
    """

    capability: str
    reason: str


def entitlements(grants: Grants, *, webview: bool = False) -> dict[str, bool]:
    """The entitlements an app's main executable gets; keys sorted, values always True (false ones are left
    out).

    No `network.client` without a `net` grant, except when `webview` says that the executable hosts a
    WKWebView, which shows nothing without it; the locality of such an app is then proven elsewhere and its
    report says so.
    """
    keys = {"app-sandbox"}
    if webview or not is_empty(grants.scope(Kind.NET)):
        keys.add("network.client")
    if end := _access(grants, "user-selected"):
        keys.add(f"files.user-selected.{end}")
    for root, stem in _FOLDERS.items():
        if end := _access(grants, root):
            keys.add(f"{stem}.{end}")
    for device, names in _DEVICES.items():
        if decide(grants, DeviceRequest(device)).allowed:  # type: ignore[arg-type]
            keys.update(names)
    return {PREFIX + key: True for key in sorted(keys)}


def entitlements_plist(grants: Grants, *, webview: bool = False) -> bytes:
    """The entitlements as an XML property list; the same Grants give the same bytes."""
    return plistlib.dumps(entitlements(grants, webview=webview), fmt=plistlib.FMT_XML, sort_keys=True)


def not_on_mac(grants: Grants) -> tuple[NotOnMac, ...]:
    """Grants that have no entitlement: reported, never widened into an exception."""
    missing = [
        NotOnMac(
            f"fs.user-paths.{root}",
            "the App Sandbox has no entitlement for this folder; let the person pick it",
        )
        for root in _NO_FOLDER_ENTITLEMENT
        if _access(grants, root)
    ]
    if decide(grants, DeviceRequest("system-audio")).allowed:
        missing.append(
            NotOnMac("device.system-audio", "macOS asks the person itself; there is no entitlement for it")
        )
    return tuple(missing)


def refused_entitlements(found: Mapping[str, object]) -> dict[str, str]:
    """key -> why it may not be in a signed executable. Empty: every key is one this projection can emit.

    Judged by the allow list alone: temporary exceptions, get-task-allow, JIT and library-validation keys,
    files.all, private and unknown keys are all refused, whatever their value.
    """
    refused = {}
    for key, value in found.items():
        if not key.startswith(PREFIX) or key.removeprefix(PREFIX) not in ALLOWED:
            refused[key] = "not an entitlement that Locara emits"
        elif value is not True:
            refused[key] = "an entitlement is true or absent"
    if f"{PREFIX}inherit" in found and dict(found) != dict(HELPER):
        refused[f"{PREFIX}inherit"] = "a helper carries app-sandbox and inherit and nothing else"
    return refused


def _access(grants: Grants, root: str) -> str | None:
    if not decide(grants, FsRequest(root, "", "read")).allowed:
        return None
    return "read-write" if decide(grants, FsRequest(root, "", "write")).allowed else "read-only"

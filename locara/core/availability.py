"""What of a manifest a platform cannot give: reported, never dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from locara.core.capability import Kind
from locara.core.grant import Grants

Platform: TypeAlias = Literal["linux", "macos", "windows", "ios"]
PLATFORMS: Final[tuple[Platform, ...]] = ("linux", "macos", "windows", "ios")

# Declared and granted, but this version has no command that could use it, on any platform.
_NO_COMMAND: Final = {
    Kind.MICROPHONE: "microphone",
    Kind.CAMERA: "camera",
    Kind.SYSTEM_AUDIO: "system audio",
    Kind.CLIPBOARD: "clipboard",
    Kind.NOTIFICATIONS: "notification",
    Kind.BACKGROUND: "background",
    Kind.OPEN_EXTERNAL: "external page",
}
_NOT_ON: Final[dict[Platform, dict[Kind, str]]] = {
    "linux": {},
    "macos": {Kind.SHARED_FOLDERS: "this version opens shared folders on Linux only"},
    "windows": {Kind.SHARED_FOLDERS: "this version opens shared folders on Linux only"},
    "ios": {
        Kind.TOOLS: "iOS does not let an app run tools",
        Kind.FS_USER_PATHS: "iOS has no folders outside the app's container",
        Kind.SHARED_FOLDERS: "iOS has no folders outside the app's container",
        Kind.SYSTEM_AUDIO: "iOS does not let an app record what others play",
    },
}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A declared power that cannot be used on the platform, and why."""

    kind: Kind
    reason: str


def unavailable(grants: Grants, platform: Platform) -> tuple[Unavailable, ...]:
    """Every granted kind that the platform or this version cannot give, in the order of `Kind`.

    An unknown platform raises ``ValueError``: it would otherwise look as if it could give everything.
    """
    if platform not in _NOT_ON:
        raise ValueError("the platforms are linux, macos, windows and ios")
    found = []
    for kind in Kind:
        if kind not in grants.by_kind:
            continue
        if kind in _NOT_ON[platform]:
            found.append(Unavailable(kind, _NOT_ON[platform][kind]))
        elif kind in _NO_COMMAND:
            found.append(Unavailable(kind, f"this version has no {_NO_COMMAND[kind]} commands yet"))
    return tuple(found)

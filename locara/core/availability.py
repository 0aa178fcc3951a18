"""What of a manifest a platform cannot give: reported, never dropped."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from locara.core.capability import Kind
from locara.core.grant import Grants
from locara.records import dataclass

Platform: TypeAlias = Literal["linux", "macos", "windows", "ios"]
PLATFORMS: Final[tuple[Platform, ...]] = ("linux", "macos", "windows", "ios")

_LINUX_SOUND: Final = "this version records sound on Linux only"
_LINUX_NOTES: Final = "this version notifies on Linux only"
_LINUX_SHARED: Final = "this version opens shared folders on Linux only"
_NOT_ON: Final[dict[Platform, dict[Kind, str]]] = {
    "linux": {},
    "macos": {
        Kind.MICROPHONE: _LINUX_SOUND,
        Kind.CAMERA: "this version takes pictures on Linux only",
        Kind.SYSTEM_AUDIO: _LINUX_SOUND,
        Kind.SHARED_FOLDERS: _LINUX_SHARED,
        Kind.NOTIFICATIONS: _LINUX_NOTES,
    },
    "windows": {
        Kind.MICROPHONE: _LINUX_SOUND,
        Kind.CAMERA: "this version takes pictures on Linux only",
        Kind.SYSTEM_AUDIO: _LINUX_SOUND,
        Kind.SHARED_FOLDERS: _LINUX_SHARED,
        Kind.CLIPBOARD: "this version reaches the clipboard on Linux and macOS only",
        Kind.NOTIFICATIONS: _LINUX_NOTES,
        Kind.OPEN_EXTERNAL: "this version opens pages on Linux and macOS only",
    },
    "ios": {
        Kind.TOOLS: "iOS does not let an app run tools",
        Kind.FS_USER_PATHS: "iOS has no folders outside the app's container",
        Kind.SHARED_FOLDERS: "iOS has no folders outside the app's container",
        Kind.SYSTEM_AUDIO: "iOS does not let an app record what others play",
        Kind.BACKGROUND: "iOS decides itself what may go on without a window",
    },
}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A declared power that cannot be used on the platform, and why."""

    kind: Kind
    reason: str


def unavailable(grants: Grants, platform: Platform) -> tuple[Unavailable, ...]:
    """Every granted kind that the platform cannot give, in the order of `Kind`.

    An unknown platform raises ``ValueError``: it would otherwise look as if it could give everything.
    """
    if platform not in _NOT_ON:
        raise ValueError("the platforms are linux, macos, windows and ios")
    missing = _NOT_ON[platform]
    return tuple(
        Unavailable(kind, missing[kind]) for kind in Kind if kind in grants.by_kind and kind in missing
    )

"""The kinds of power a manifest can declare. The list is closed; whatever is not declared is denied."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """One capability key of ``locara.json``; the value is the key as it is written there."""

    NET = "net"
    FS_USER_SELECTED = "fs.user-selected"
    FS_APP_DATA = "fs.app-data"
    FS_USER_PATHS = "fs.user-paths"
    MICROPHONE = "device.microphone"
    CAMERA = "device.camera"
    SYSTEM_AUDIO = "device.system-audio"
    MODELS = "models"
    TOOLS = "tools"
    SHARED_FOLDERS = "shared-folders"
    CLIPBOARD = "clipboard"
    NOTIFICATIONS = "notifications"
    BACKGROUND = "background"
    OPEN_EXTERNAL = "open-external"

    # Equal to its text, so it hashes as its text (and without a call into Python).
    __hash__ = str.__hash__


FS_KINDS: Final = frozenset(
    {Kind.FS_USER_SELECTED, Kind.FS_APP_DATA, Kind.FS_USER_PATHS, Kind.SHARED_FOLDERS}
)
DEVICE_KINDS: Final = frozenset({Kind.MICROPHONE, Kind.CAMERA, Kind.SYSTEM_AUDIO})
HOST_KINDS: Final = frozenset({Kind.NET, Kind.OPEN_EXTERNAL})
USER_PATH_ROOTS: Final = ("documents", "downloads", "desktop", "pictures", "music", "movies")

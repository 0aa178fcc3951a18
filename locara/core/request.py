"""What an app may ask for, as values.

Requests are made from untrusted data, so building one never judges it: any string and any integer is taken as
it is and ``decide`` is the one place that says yes or no. Each request knows its ``kind``.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from locara.core.capability import Kind
from locara.records import dataclass

Access: TypeAlias = Literal["read", "write"]

_ROOT_KINDS = {"user-selected": Kind.FS_USER_SELECTED, "app-data": Kind.FS_APP_DATA}
_DEVICE_KINDS = {"microphone": Kind.MICROPHONE, "camera": Kind.CAMERA, "system-audio": Kind.SYSTEM_AUDIO}


@dataclass(frozen=True, slots=True)
class NetRequest:
    """Open a connection to ``host`` (lower-case ASCII DNS name) on ``port``."""

    kind: ClassVar[Kind] = Kind.NET
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class FsRequest:
    """Read or write ``path`` below ``root``.

    ``root`` is user-selected, app-data, documents, downloads, desktop, pictures, music, movies or
    ``shared/<id>``; ``path`` is relative to it in the portable form of `locara.core.paths` and ``""`` is the
    root itself.
    """

    root: str
    path: str
    access: Access

    @property
    def kind(self) -> Kind:
        """The capability behind this root; an unknown root counts as a user path, which nothing grants."""
        root: object = self.root
        if isinstance(root, str) and root.startswith("shared/"):
            return Kind.SHARED_FOLDERS
        return _ROOT_KINDS.get(root, Kind.FS_USER_PATHS) if isinstance(root, str) else Kind.FS_USER_PATHS


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Open a device: microphone, camera or system-audio."""

    device: Literal["microphone", "camera", "system-audio"]

    @property
    def kind(self) -> Kind:
        """The capability of this device; an unknown device counts as a microphone, which it is not."""
        return (
            _DEVICE_KINDS.get(self.device, Kind.MICROPHONE)
            if isinstance(self.device, str)
            else Kind.MICROPHONE
        )


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Use a model, named by its bare id or by its whole pin ``id@sha256:<hex>``."""

    kind: ClassVar[Kind] = Kind.MODELS
    model: str


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """Use a tool, named by its bare id or by its whole pin ``id@sha256:<hex>``."""

    kind: ClassVar[Kind] = Kind.TOOLS
    tool: str


@dataclass(frozen=True, slots=True)
class ClipboardRequest:
    """Read or write the clipboard."""

    kind: ClassVar[Kind] = Kind.CLIPBOARD
    access: Access


@dataclass(frozen=True, slots=True)
class NotifyRequest:
    """Show a notification as alert, badge or sound."""

    kind: ClassVar[Kind] = Kind.NOTIFICATIONS
    mode: Literal["alert", "badge", "sound"]


@dataclass(frozen=True, slots=True)
class BackgroundRequest:
    """Go on running in the background, passive or active."""

    kind: ClassVar[Kind] = Kind.BACKGROUND
    mode: Literal["passive", "active"]


@dataclass(frozen=True, slots=True)
class OpenExternalRequest:
    """Open an https page of ``host`` in the person's browser."""

    kind: ClassVar[Kind] = Kind.OPEN_EXTERNAL
    host: str


Request: TypeAlias = (
    NetRequest
    | FsRequest
    | DeviceRequest
    | ModelRequest
    | ToolRequest
    | ClipboardRequest
    | NotifyRequest
    | BackgroundRequest
    | OpenExternalRequest
)

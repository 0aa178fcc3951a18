"""Between the oracle's plain questions and the product's request values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from locara.core.request import (
    BackgroundRequest,
    ClipboardRequest,
    DeviceRequest,
    FsRequest,
    ModelRequest,
    NetRequest,
    NotifyRequest,
    OpenExternalRequest,
    Request,
    ToolRequest,
)

Ask = dict[str, Any]

_TYPES: Mapping[str, type[Request]] = {
    "net": NetRequest,
    "fs": FsRequest,
    "device": DeviceRequest,
    "model": ModelRequest,
    "tool": ToolRequest,
    "clipboard": ClipboardRequest,
    "notify": NotifyRequest,
    "background": BackgroundRequest,
    "open-external": OpenExternalRequest,
}
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "net": ("host", "port"),
    "fs": ("root", "path", "access"),
    "device": ("device",),
    "model": ("model",),
    "tool": ("tool",),
    "clipboard": ("access",),
    "notify": ("mode",),
    "background": ("mode",),
    "open-external": ("host",),
}
_MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Request]] = {
    "net": lambda ask: NetRequest(ask["host"], ask["port"]),
    "fs": lambda ask: FsRequest(ask["root"], ask["path"], ask["access"]),
    "device": lambda ask: DeviceRequest(ask["device"]),
    "model": lambda ask: ModelRequest(ask["model"]),
    "tool": lambda ask: ToolRequest(ask["tool"]),
    "clipboard": lambda ask: ClipboardRequest(ask["access"]),
    "notify": lambda ask: NotifyRequest(ask["mode"]),
    "background": lambda ask: BackgroundRequest(ask["mode"]),
    "open-external": lambda ask: OpenExternalRequest(ask["host"]),
}
"""Written out: they are asked for hundreds of thousands of times in a run."""


def to_request(ask: Mapping[str, Any]) -> Request:
    """The product's request for a question. Never judges the content: that is what is being tested."""
    return _MAKERS[ask["kind"]](ask)


def to_ask(request: Request) -> Ask:
    """The question for a request that the product made, such as a witness."""
    kind = next(name for name, type_ in _TYPES.items() if isinstance(request, type_))
    return {"kind": kind, **{name: getattr(request, name) for name in _FIELDS[kind]}}

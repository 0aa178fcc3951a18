"""Between the oracle's plain questions and the product's request values."""

from __future__ import annotations

from collections.abc import Mapping
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
"""In the order in which a request takes them."""


def to_request(ask: Mapping[str, Any]) -> Request:
    """The product's request for a question. Never judges the content: that is what is being tested."""
    kind = ask["kind"]
    return _TYPES[kind](*[ask[name] for name in _FIELDS[kind]])


def to_ask(request: Request) -> Ask:
    """The question for a request that the product made, such as a witness."""
    kind = next(name for name, type_ in _TYPES.items() if isinstance(request, type_))
    return {"kind": kind, **{name: getattr(request, name) for name in _FIELDS[kind]}}

"""The words of a decision: why it is so and which manifest line would change it.

Everything that came from outside (hosts, paths, names) is escaped and shortened before it stands in a text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from locara.core import scope as scopes
from locara.core.capability import Kind
from locara.core.grant import Grant
from locara.core.hosts import is_host
from locara.core.ports import is_port
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
from locara.core.strict_json import JSON, show

MAX_TEXT: Final = 400


def because(allowed: bool, kind: Kind, grant: Grant | None, request: Request) -> str:
    """Which grant on which line allows the request, or what is missing for it."""
    if allowed and grant is not None:
        return f"{_shorten(grant.origin.declared)} is declared at {grant.origin}"
    if not _is_possible(request):
        return f"no manifest can grant this: {_wanted(request)}"
    if grant is None:
        return f"{_wanted(request)} needs {json.dumps(kind.value)}, which the manifest does not declare"
    return f"{_wanted(request)} is not within {_shorten(grant.origin.declared)} at {grant.origin}"


def fix(grant: Grant | None, request: Request) -> str:
    """The manifest line that grants the request and what its kind grants already; ``""`` when no line can.

    A line longer than 400 characters is shortened to what the request alone needs.
    """
    if not _is_possible(request):
        return ""
    kind = request.kind.value
    before: JSON = None
    if grant is not None:
        try:
            before = json.loads(f"{{{grant.origin.declared}}}")[kind]
        except (ValueError, KeyError):  # grants made by hand may tell their origin in words
            before = None
    lines = (
        f"{json.dumps(kind)}: {json.dumps(_needed(request, old), ensure_ascii=False)}"
        for old in (before, None)
    )
    return next((line for line in lines if len(line) <= MAX_TEXT), "")


def _is_possible(request: Request) -> bool:
    """Whether some manifest could grant the request."""
    try:
        if isinstance(request, NetRequest):
            return is_host(request.host) and is_port(request.port)
        if isinstance(request, OpenExternalRequest):
            return is_host(request.host)
        return scopes.atom_of(request) is not None
    except Exception:  # as in decide: what cannot be judged is not possible
        return False


_WORDS: Final[Mapping[type, str]] = {
    NetRequest: "connecting to host {} on port {}",
    FsRequest: "access to {1} below {0} for {2}",
    DeviceRequest: "the device {}",
    ModelRequest: "the model {}",
    ToolRequest: "the tool {}",
    ClipboardRequest: "clipboard access for {}",
    NotifyRequest: "the notification mode {}",
    BackgroundRequest: "the background mode {}",
    OpenExternalRequest: "opening a page of host {}",
}


def _wanted(request: Request) -> str:
    """The request in words; every part that came from outside is escaped and shortened."""
    words = _WORDS.get(type(request))
    if words is None:
        return "something that is no request"
    return words.format(*(show(getattr(request, item.name), 160) for item in fields(request)))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _needed(request: Request, before: JSON) -> JSON:
    """The value of the manifest key that grants ``before`` and the request as well."""
    old = before if isinstance(before, dict) else {}
    listed = before if isinstance(before, list) else []
    match request:
        case NetRequest(host, port):
            value = _net(host, port, old)
        case OpenExternalRequest(host):
            value = {"hosts": _with(old.get("hosts", []), host)}
        case ModelRequest(name) | ToolRequest(name):
            # An id is pinned once: another digest of it takes the old one's place.
            others = [pin for pin in listed if pin.partition("@")[0] != name.partition("@")[0]]
            value = [*others, name if "@" in name else f"{name}@sha256:…"]
        case FsRequest(root, _, access):
            value = _files(request.kind, root, "read" if access == "read" else "read-write", before)
        case ClipboardRequest(access):
            value = old | {access: True}
        case NotifyRequest(mode):
            value = {"modes": _with(old.get("modes", []), mode)}
        case BackgroundRequest(mode):
            value = old | {"mode": mode}
        case _:
            value = True
    return value


def _net(host: str, port: int, old: dict[str, Any]) -> JSON:
    before = old.get("allowed_ports", [443] if old else [])
    ports = _with(before, port)
    hosts = _with(old.get("allowed_hosts", []), host)
    return {"allowed_hosts": hosts} if ports == [443] else {"allowed_hosts": hosts, "allowed_ports": ports}


def _files(kind: Kind, root: str, word: str, before: JSON) -> JSON:
    if kind is Kind.FS_USER_PATHS:
        return (before if isinstance(before, dict) else {}) | {root: word}
    if kind is not Kind.SHARED_FOLDERS:
        return word
    name = root.removeprefix("shared/")
    folders = before if isinstance(before, list) else []
    partners = next((folder["with"] for folder in folders if folder["id"] == name), ["publisher/app"])
    rest = [folder for folder in folders if folder["id"] != name]
    return [*rest, {"id": name, "with": partners, "access": word}]


def _with(listed: list[Any], value: object) -> list[Any]:
    return listed if value in listed else [*listed, value]

"""The one question: may this app do this?

`decide` is pure and total: any grants, any content of a request, always a `Decision`, never an exception. What is
allowed names the grant and its line; what is denied says what is missing and the exact line that would grant it. The
words are made only when somebody reads them.
"""

from __future__ import annotations

import json
from typing import Any, Final

from locara.core.capability import FS_KINDS, Kind
from locara.core.grant import Grant, Grants
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
from locara.core.scope import HostScope, atom_of
from locara.core.strict_json import show

MAX_FIX: Final = 400


class Decision:
    """Yes or no, with the reason. ``allowed`` is the answer and ``capability`` the manifest key that was judged."""

    __slots__ = ("_grant", "_request", "allowed", "capability")

    allowed: bool
    capability: str

    def __init__(self, allowed: bool, capability: str, grant: Grant | None, request: Request | None) -> None:
        set_once = object.__setattr__
        set_once(self, "allowed", allowed)
        set_once(self, "capability", capability)
        set_once(self, "_grant", grant)
        set_once(self, "_request", request)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Decision does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Decision does not change")

    _grant: Grant | None
    _request: Request | None

    @property
    def because(self) -> str:
        """Allowed: which grant on which line. Denied: what is missing."""
        return _because(self)

    @property
    def fix(self) -> str:
        """Denied: the manifest line that would allow it, ``""`` when no line could. Allowed: ``""``."""
        return "" if self.allowed else _fix(self)

    def __bool__(self) -> bool:
        return self.allowed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        return _told(self) == _told(other)

    def __hash__(self) -> int:
        return hash(_told(self))

    def __repr__(self) -> str:
        word = "allowed" if self.allowed else "denied"
        return f"<Decision {word} {self.capability}: {self.because}>"


def decide(grants: Grants, request: Request) -> Decision:
    """Whether ``grants`` allow ``request``. Pure, total, and as quick for 10,000 hosts as for ten."""
    try:
        kind = request.kind
        grant = grants.by_kind.get(kind)
        if grant is None:
            return Decision(False, kind.value, None, request)
        scope = grant.scope
        if isinstance(scope, HostScope):
            allowed = _host_allowed(scope, request)
        else:
            allowed = atom_of(request) in scope.atoms
        return Decision(allowed, kind.value, grant, request)
    except Exception:  # noqa: BLE001 - content nobody thought of is denied, whatever it does
        return Decision(False, str(getattr(type(request), "kind", "unknown")), None, request)


def _host_allowed(scope: HostScope, request: Any) -> bool:
    if type(request) is NetRequest:
        ports = scope.hosts.ports(request.host)
        return request.port in ports
    return type(request) is OpenExternalRequest and 443 in scope.hosts.ports(request.host)


def _told(decision: Decision) -> tuple[bool, str, str, str]:
    return decision.allowed, decision.capability, decision.because, decision.fix


def _because(decision: Decision) -> str:
    grant, request = decision._grant, decision._request
    key = decision.capability
    if decision.allowed and grant is not None:
        return f"{_shorten(grant.origin.declared)} is declared at {grant.origin}"
    if request is None or not _is_possible(request):
        return f"no manifest can grant this: {_wanted(request)}"
    if grant is None:
        return f"{_wanted(request)} needs {json.dumps(key)}, which the manifest does not declare"
    return f"{_wanted(request)} is not within {_shorten(grant.origin.declared)} at {grant.origin}"


def _is_possible(request: Request) -> bool:
    """Whether some manifest could grant the request."""
    try:
        match request:
            case NetRequest(host, port):
                return is_host(host) and is_port(port)
            case OpenExternalRequest(host):
                return is_host(host)
            case _:
                return atom_of(request) is not None
    except Exception:  # noqa: BLE001 - as in decide: what cannot be judged is not possible
        return False


def _wanted(request: Request | None) -> str:
    """The request in words; every part that came from outside is escaped and shortened."""
    match request:
        case NetRequest(host, port):
            return f"connecting to host {show(host)} on port {show(port, 12)}"
        case FsRequest(root, path, access):
            return f"access {show(access, 20)} to {show(path)} below {show(root)}"
        case DeviceRequest(device):
            return f"the device {show(device)}"
        case ModelRequest(name):
            return f"the model {show(name, 160)}"
        case ToolRequest(name):
            return f"the tool {show(name, 160)}"
        case ClipboardRequest(access):
            return f"clipboard access {show(access, 20)}"
        case NotifyRequest(mode):
            return f"the notification mode {show(mode)}"
        case BackgroundRequest(mode):
            return f"the background mode {show(mode)}"
        case OpenExternalRequest(host):
            return f"opening a page of host {show(host)}"
        case _:
            return "something that is no request"


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_FIX else text[: MAX_FIX - 1] + "…"


def _fix(decision: Decision) -> str:
    request = decision._request
    if request is None or not _is_possible(request):
        return ""
    kind = request.kind
    before: Any = None
    if decision._grant is not None:
        before = json.loads(f"{{{decision._grant.origin.declared}}}")[kind.value]
    added = _needed(request, None)
    line = f"{json.dumps(kind.value)}: {json.dumps(_needed(request, before), ensure_ascii=False)}"
    return line if len(line) <= MAX_FIX else f"{json.dumps(kind.value)}: {json.dumps(added, ensure_ascii=False)}"


def _needed(request: Request, before: Any) -> Any:
    """The value of the manifest key that grants ``before`` and the request as well."""
    match request:
        case NetRequest(host, port):
            old = before if isinstance(before, dict) else {"allowed_hosts": []}
            ports = old.get("allowed_ports", [443] if before else [port])
            ports = [*ports, *([] if port in ports else [port])]
            hosts = [*old["allowed_hosts"], *([] if host in old["allowed_hosts"] else [host])]
            return {"allowed_hosts": hosts} | ({} if ports == [443] else {"allowed_ports": ports})
        case OpenExternalRequest(host):
            return {"hosts": [*(before or {"hosts": []})["hosts"], host]}
        case ModelRequest(name) | ToolRequest(name):
            # An id is pinned once: another digest of it takes the old one's place.
            others = [pin for pin in before or [] if pin.partition("@")[0] != name.partition("@")[0]]
            return [*others, name if "@" in name else f"{name}@sha256:…"]
        case FsRequest(root, _, access):
            return _needed_files(request.kind, root, access, before)
        case ClipboardRequest(access):
            return (before or {}) | {access: True}
        case NotifyRequest(mode):
            return {"modes": [*(before or {"modes": []})["modes"], mode]}
        case BackgroundRequest(mode):
            return (before or {}) | {"mode": mode}
        case _:
            return True


def _needed_files(kind: Kind, root: str, access: str, before: Any) -> Any:
    word = "read" if access == "read" else "read-write"
    if kind not in FS_KINDS or kind in {Kind.FS_USER_SELECTED, Kind.FS_APP_DATA}:
        return word
    if kind is Kind.FS_USER_PATHS:
        return (before or {}) | {root: word}
    name = root.removeprefix("shared/")
    rest = [folder for folder in before or [] if folder["id"] != name]
    partners = next((folder["with"] for folder in before or [] if folder["id"] == name), ["publisher/app"])
    return [*rest, {"id": name, "with": partners, "access": word}]

"""The one question: may this app do this?

`decide` is pure and total: any grants, any content of a request, always a `Decision`, never an exception.
What is allowed names the grant and its line; what is denied says what is missing and the exact line that
would grant it. The words are made only when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from locara.core import explain
from locara.core import scope as scopes
from locara.core.capability import Kind
from locara.core.grant import Grant, Grants
from locara.core.paths import is_portable
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


class Decision:
    """Yes or no, with the reason. Nothing of it can be set again."""

    __slots__ = ("_allowed", "_grant", "_kind", "_request")

    def __init__(self, allowed: bool, kind: Kind, grant: Grant | None, request: Request) -> None:
        self._allowed = allowed
        self._kind = kind
        self._grant = grant
        self._request = request

    @property
    def allowed(self) -> bool:
        """The answer."""
        return self._allowed

    @property
    def capability(self) -> str:
        """The manifest key that was judged."""
        return self._kind.value

    @property
    def because(self) -> str:
        """Allowed: which grant on which line. Denied: what is missing."""
        return explain.because(self._allowed, self._kind, self._grant, self._request)

    @property
    def fix(self) -> str:
        """Denied: the manifest line that would allow it, ``""`` when no line could. Allowed: ``""``."""
        return "" if self._allowed else explain.fix(self._grant, self._request)

    def __bool__(self) -> bool:
        return self._allowed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        return _told(self) == _told(other)

    def __hash__(self) -> int:
        return hash(_told(self))

    def __repr__(self) -> str:
        word = "allowed" if self._allowed else "denied"
        return f"<Decision {word} {self.capability}: {self.because}>"


def decide(grants: Grants, request: Request) -> Decision:
    """Whether ``grants`` allow ``request``. Pure, total, and as quick for 10,000 hosts as for ten."""
    try:
        grant = _JUDGES[type(request)](grants, request)
    except Exception:  # content nobody thought of is denied, whatever it does
        grant = None
    if grant is not None:
        return Decision(True, grant.kind, grant, request)
    kind = request.kind if type(request) in _JUDGES else _NET
    return Decision(False, kind, grants.by_kind.get(kind), request)


def _net(grants: Grants, request: NetRequest) -> Grant | None:
    grant = grants.by_kind.get(_NET)
    return grant if grant is not None and request.port in grants.hosts.ports(request.host) else None


def _external(grants: Grants, request: OpenExternalRequest) -> Grant | None:
    grant = grants.by_kind.get(_EXTERNAL)
    return grant if grant is not None and scopes.covers(grant.scope, request) else None


def _file(grants: Grants, request: FsRequest) -> Grant | None:
    grant = grants.files.get((request.root, request.access))
    if grant is None:
        return None
    path = request.path
    return grant if path == "" or is_portable(path) else None


def _model(grants: Grants, request: ModelRequest) -> Grant | None:
    return grants.by_atom[_MODELS].get((request.model, "use"))


def _tool(grants: Grants, request: ToolRequest) -> Grant | None:
    return grants.by_atom[_TOOLS].get((request.tool, "use"))


def _device(grants: Grants, request: DeviceRequest) -> Grant | None:
    return grants.by_atom[request.kind].get((request.device, "use"))


def _clipboard(grants: Grants, request: ClipboardRequest) -> Grant | None:
    return grants.by_atom[Kind.CLIPBOARD].get(("clipboard", request.access))


def _mode(grants: Grants, request: NotifyRequest | BackgroundRequest) -> Grant | None:
    return grants.by_atom[request.kind].get((request.mode, "use"))


_NET: Final = Kind.NET
_EXTERNAL: Final = Kind.OPEN_EXTERNAL
_MODELS: Final = Kind.MODELS
_TOOLS: Final = Kind.TOOLS
_JUDGES: Final[Mapping[type, Callable[[Grants, Any], Grant | None]]] = {
    NetRequest: _net,
    OpenExternalRequest: _external,
    FsRequest: _file,
    ModelRequest: _model,
    ToolRequest: _tool,
    DeviceRequest: _device,
    ClipboardRequest: _clipboard,
    NotifyRequest: _mode,
    BackgroundRequest: _mode,
}


def _told(decision: Decision) -> tuple[bool, str, str, str]:
    return decision.allowed, decision.capability, decision.because, decision.fix

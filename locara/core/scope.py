"""Scopes: exact sets of requests of one kind, with witnesses.

A scope answers `covers`; the sets are closed under `union`, `intersect` and `difference`; `subset` either
holds or names a request that is in one and not in the other. Nothing is approximated: equal sets are equal
values and ``witness(scope) is None`` exactly when the scope is empty.

Scopes of hosts hold (host, port) pairs. All others are finite sets of *atoms* ``(object, use)``:
``("documents", "read")`` stands for reading any portable path below that root, ``("id@sha256:…", "use")`` for
one pinned model. A pinned thing has two atoms, its bare id and its whole pin, because an app may ask for it
by either name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from locara.core.capability import HOST_KINDS, USER_PATH_ROOTS, Kind
from locara.core.hosts import HostSet
from locara.core.paths import is_portable
from locara.core.ports import HTTPS, is_port
from locara.core.request import (
    Access,
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
from locara.records import dataclass

Atom: TypeAlias = tuple[str, str]

PIN_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,63}@sha256:[0-9a-f]{64}$"
NAME_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"
NOTIFY_MODES: Final = ("alert", "badge", "sound")
BACKGROUND_MODES: Final = ("passive", "active")

_PIN_OR_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(?:@sha256:[0-9a-f]{64})?")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_USES: Final = frozenset({"read", "write"})
_USER_ROOTS: Final = frozenset(USER_PATH_ROOTS)


@dataclass(frozen=True, slots=True)
class HostScope:
    """Requests to hosts: kind ``net`` (host and port) or ``open-external`` (https only, so port 443)."""

    kind: Kind
    hosts: HostSet

    def __post_init__(self) -> None:
        if self.kind not in HOST_KINDS:
            raise ValueError("only net and open-external have hosts")


@dataclass(frozen=True, slots=True)
class AtomScope:
    """Requests of any other kind: a finite set of atoms of that kind, else ``ValueError``."""

    kind: Kind
    atoms: frozenset[Atom]

    def __post_init__(self) -> None:
        if self.kind in HOST_KINDS or not all(is_atom(self.kind, atom) for atom in self.atoms):
            raise ValueError(f"not a scope of {self.kind}")


Scope: TypeAlias = HostScope | AtomScope


def empty(kind: Kind) -> Scope:
    """The scope of this kind that covers nothing."""
    return HostScope(kind, HostSet()) if kind in HOST_KINDS else AtomScope(kind, frozenset())


def accesses(value: str) -> frozenset[str]:
    """The set a manifest's access word means: ``read``, or ``read-write`` for both."""
    return _USES if value == "read-write" else frozenset({"read"}) if value == "read" else frozenset()


def background_modes(value: str) -> frozenset[str]:
    """The set a manifest's background word means: who may go on (active) may also finish (passive)."""
    return frozenset(
        BACKGROUND_MODES[: BACKGROUND_MODES.index(value) + 1] if value in BACKGROUND_MODES else ()
    )


def pins(kind: Kind, written: Iterable[str]) -> AtomScope:
    """The scope of some pins ``id@sha256:<hex>``: each by its bare id and by its whole pin."""
    return AtomScope(
        kind, frozenset((name, "use") for pin in written for name in (pin, pin.partition("@")[0]))
    )


def is_root(root: str) -> bool:
    """Whether ``root`` names a place of files: user-selected, app-data, a user path or ``shared/<id>``."""
    if root.startswith("shared/"):
        return _NAME.fullmatch(root, 7) is not None
    return root in _USER_ROOTS or root in {"user-selected", "app-data"}


def is_atom(kind: Kind, atom: Atom) -> bool:
    """Whether a request of this kind can have this atom."""
    name, use = atom
    match kind:
        case Kind.FS_USER_SELECTED | Kind.FS_APP_DATA | Kind.FS_USER_PATHS | Kind.SHARED_FOLDERS:
            return use in _USES and is_root(name) and FsRequest(name, "", "read").kind is kind
        case Kind.CLIPBOARD:
            return name == "clipboard" and use in _USES
        case Kind.MODELS | Kind.TOOLS:
            return use == "use" and _PIN_OR_ID.fullmatch(name) is not None
        case Kind.NOTIFICATIONS:
            return use == "use" and name in NOTIFY_MODES
        case Kind.BACKGROUND:
            return use == "use" and name in BACKGROUND_MODES
        case _:
            return use == "use" and f"device.{name}" == kind


def atom_of(request: Request) -> Atom | None:
    """The atom a request needs, ``None`` when no manifest could ever grant it. Total for any content."""
    name: object
    use: object = "use"
    path: object = ""
    match request:
        case FsRequest(root, inside, access):
            name, use, path = root, access, inside
        case ModelRequest(wanted) | ToolRequest(wanted) | NotifyRequest(wanted) | BackgroundRequest(wanted):
            name = wanted
        case DeviceRequest(device):
            name = device
        case ClipboardRequest(access):
            name, use = "clipboard", access
        case _:
            return None
    if not (isinstance(name, str) and isinstance(use, str) and isinstance(path, str)):
        return None
    good = is_atom(request.kind, (name, use)) and (path == "" or is_portable(path))
    return (name, use) if good else None


def covers(scope: Scope, request: Request) -> bool:
    """Whether the request is in the scope. Total for any content of the request."""
    if isinstance(scope, AtomScope):
        atom = atom_of(request)
        return atom is not None and request.kind is scope.kind and atom in scope.atoms
    if isinstance(request, NetRequest) and scope.kind is Kind.NET:
        return (
            isinstance(request.host, str)
            and is_port(request.port)
            and scope.hosts.covers(request.host, request.port)
        )
    if isinstance(request, OpenExternalRequest) and scope.kind is Kind.OPEN_EXTERNAL:
        return isinstance(request.host, str) and scope.hosts.covers(request.host, 443)
    return False


def union(a: Scope, b: Scope) -> Scope:
    """The requests in ``a`` or in ``b``. Both must be of one kind, else ``ValueError``."""
    if isinstance(a, AtomScope):
        return AtomScope(a.kind, a.atoms | _atoms(a, b))
    return HostScope(a.kind, a.hosts | _hosts(a, b))


def intersect(a: Scope, b: Scope) -> Scope:
    """The requests in both. Both must be of one kind, else ``ValueError``."""
    if isinstance(a, AtomScope):
        return AtomScope(a.kind, a.atoms & _atoms(a, b))
    return HostScope(a.kind, a.hosts & _hosts(a, b))


def difference(a: Scope, b: Scope) -> Scope:
    """The requests in ``a`` and not in ``b``. Both must be of one kind, else ``ValueError``."""
    if isinstance(a, AtomScope):
        return AtomScope(a.kind, a.atoms - _atoms(a, b))
    return HostScope(a.kind, a.hosts - _hosts(a, b))


def is_empty(scope: Scope) -> bool:
    """Whether the scope covers nothing."""
    return not (scope.atoms if isinstance(scope, AtomScope) else scope.hosts)


def witness(scope: Scope) -> Request | None:
    """A request that is in the scope; ``None`` exactly when it is empty."""
    if isinstance(scope, AtomScope):
        return request_of(scope.kind, min(scope.atoms)) if scope.atoms else None
    pair = scope.hosts.witness()
    if pair is None:
        return None
    return NetRequest(*pair) if scope.kind is Kind.NET else OpenExternalRequest(pair[0])


def subset(a: Scope, b: Scope) -> Request | None:
    """``None`` when everything in ``a`` is in ``b``, else a request that is in ``a`` and not in ``b``."""
    return witness(difference(a, b))


_OF_NAME: Final[Mapping[Kind, Callable[[Any], Request]]] = {
    Kind.MODELS: ModelRequest,
    Kind.TOOLS: ToolRequest,
    Kind.NOTIFICATIONS: NotifyRequest,
    Kind.BACKGROUND: BackgroundRequest,
    Kind.MICROPHONE: DeviceRequest,
    Kind.CAMERA: DeviceRequest,
    Kind.SYSTEM_AUDIO: DeviceRequest,
}


def request_of(kind: Kind, atom: Atom) -> Request:
    """The plainest request that needs this atom."""
    name, use = atom
    if kind in _OF_NAME:
        return _OF_NAME[kind](name)
    access = cast("Access", use)
    return ClipboardRequest(access) if kind is Kind.CLIPBOARD else FsRequest(name, "", access)


def external(patterns: Iterable[str]) -> HostScope:
    """The scope of https pages on the hosts that the patterns match."""
    return HostScope(Kind.OPEN_EXTERNAL, HostSet.of(patterns, HTTPS))


def _atoms(a: Scope, b: Scope) -> frozenset[Atom]:
    if a.kind is not b.kind or not isinstance(b, AtomScope):
        raise ValueError(f"{a.kind} and {b.kind} are scopes of different kinds")
    return b.atoms


def _hosts(a: Scope, b: Scope) -> HostSet:
    if a.kind is not b.kind or not isinstance(b, HostScope):
        raise ValueError(f"{a.kind} and {b.kind} are scopes of different kinds")
    return b.hosts

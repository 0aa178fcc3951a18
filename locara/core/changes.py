"""What one set of Grants adds to another, in words and with witnesses.

`gains(old, new)` names exactly what ``new`` allows and ``old`` does not: each gain carries requests that are
in one and not in the other, and there is no gain exactly when `locara.core.grant.widening` finds none. Swap
the arguments for what was given up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from locara.core import scope as scopes
from locara.core.capability import HOST_KINDS, Kind
from locara.core.grant import Grants
from locara.core.hosts import HostSet
from locara.core.ports import ALL_PORTS, HTTPS, PortSet
from locara.core.request import FsRequest, NetRequest, OpenExternalRequest, Request
from locara.core.scope import AtomScope, HostScope
from locara.core.text import MAX_SCOPE, escape
from locara.records import dataclass

_VERBS: Final = MappingProxyType({"read": "read", "write": "change"})


@dataclass(frozen=True, slots=True)
class Gain:
    """One thing more: its kind, a sentence without subject, and requests that only the wider side allows."""

    kind: Kind
    sentence: str
    witnesses: tuple[Request, ...]


def gains(old: Grants, new: Grants) -> tuple[Gain, ...]:
    """What ``new`` allows beyond ``old``, in the order of the capability table; empty when it is nothing.

    Everything that came from a manifest is escaped. A shared folder that names a further partner is a gain.
    """
    found: list[Gain] = []
    for kind in Kind:
        extra = scopes.difference(new.scope(kind), old.scope(kind))
        if isinstance(extra, HostScope):
            found += _host_gains(kind, old, new)
        else:
            found += _atom_gains(kind, extra, new)
        if kind is Kind.SHARED_FOLDERS:
            found += _partner_gains(old, new)
    return tuple(found)


def told(request: Request) -> str:
    """A witness as one short text: ``net api.example.com:443``."""
    if isinstance(request, NetRequest):
        return f"net {request.host}:{request.port}"
    if isinstance(request, FsRequest):
        return f"{request.access} {request.root}"
    if isinstance(request, OpenExternalRequest):
        return f"open https://{request.host}/"
    atom = scopes.atom_of(request)
    return f"{request.kind}" if atom is None else f"{request.kind} {escape(atom[0], 140)} ({atom[1]})"


def _host_gains(kind: Kind, old: Grants, new: Grants) -> Iterator[Gain]:
    """One gain for each pattern of ``new`` that ``old`` does not wholly cover, and for what is left."""
    before, rest = _hosts(old, kind), _hosts(new, kind) - _hosts(old, kind)
    if _hosts(new, kind) == HostSet.everything() and (found := rest.witness()) is not None:
        yield Gain(kind, _reach(kind, "every host on every port", found), (_request(kind, found),))
        return
    for pattern, ports in _hosts(new, kind).listing():
        named = HostSet.everything(ports) if pattern == "*" else HostSet.of((pattern,), ports)
        found = (named & rest).witness()
        if found is None:
            continue
        rest -= named
        shown = f"{pattern}{_ports(ports)}"
        yield Gain(kind, _reach(kind, shown, found, whole=not named & before), (_request(kind, found),))
    if (found := rest.witness()) is not None:
        yield Gain(kind, _reach(kind, "more hosts", found), (_request(kind, found),))


def _reach(kind: Kind, hosts: str, example: tuple[str, int], *, whole: bool = False) -> str:
    verb = "connect to" if kind is Kind.NET else "open web pages of"
    name = escape(hosts, MAX_SCOPE)
    if whole and "*" not in name:
        return f"{verb} {name}"
    place = f"{example[0]}:{example[1]}" if kind is Kind.NET else example[0]
    return f"{verb} {name}, for example {escape(place, MAX_SCOPE)}"


def _request(kind: Kind, found: tuple[str, int]) -> Request:
    return NetRequest(*found) if kind is Kind.NET else OpenExternalRequest(found[0])


def _hosts(grants: Grants, kind: Kind) -> HostSet:
    scope = grants.scope(kind)
    return scope.hosts if isinstance(scope, HostScope) else HostSet()


def _ports(ports: PortSet) -> str:
    if ports == HTTPS:
        return ""
    if ports == ALL_PORTS:
        return " on every port"
    spans = (str(first) if first == last else f"{first}-{last}" for first, last in ports.intervals)
    return f" on port {', '.join(spans)}"


def _atom_gains(kind: Kind, extra: scopes.Scope, new: Grants) -> Iterator[Gain]:
    uses: dict[str, set[str]] = {}
    for name, use in extra.atoms if isinstance(extra, AtomScope) else ():
        # A pinned thing has two names; both are one gain.
        uses.setdefault(name.partition("@")[0] if kind in (Kind.MODELS, Kind.TOOLS) else name, set()).add(use)
    for name in sorted(uses):
        atoms = sorted(
            atom
            for atom in (extra.atoms if isinstance(extra, AtomScope) else ())
            if atom[0] == name or atom[0].startswith(f"{name}@")
        )
        witnesses = tuple(scopes.request_of(kind, atom) for atom in atoms)
        yield Gain(kind, _SENTENCES[kind](name, uses[name], new), witnesses)


def _partner_gains(old: Grants, new: Grants) -> Iterator[Gain]:
    before = {folder.id: set(folder.partners) for folder in old.shared_folders}
    for folder in new.shared_folders:
        known = before.get(folder.id)
        fresh = [name for name in folder.partners if known is not None and name not in known]
        if fresh:
            names = ", ".join(escape(name, 140) for name in fresh)
            sentence = f"share the folder {escape(folder.id, 64)} with {names} too"
            yield Gain(Kind.SHARED_FOLDERS, sentence, (FsRequest(f"shared/{folder.id}", "", "read"),))


def _verb(uses: set[str]) -> str:
    return " and ".join(_VERBS[use] for use in ("read", "write") if use in uses)


def _picked(uses: set[str]) -> str:
    """With the same words for finding picks again as the whole text has, where reading them is new."""
    again = ", and find them again later only if you say so" if "read" in uses else ""
    return f"{_verb(uses)} the files and folders that you pick{again}"


def _pinned(verb: str, table: Callable[[Grants], Mapping[str, object]]) -> Callable[..., str]:
    def sentence(name: str, _uses: set[str], new: Grants) -> str:
        digest = str(table(new).get(name, "")).removeprefix("sha256:")
        return f"{verb} {escape(name, 80)}, fingerprint {digest[:12]}…"

    return sentence


def _shared(name: str, uses: set[str], new: Grants) -> str:
    folder = next((item for item in new.shared_folders if f"shared/{item.id}" == name), None)
    partners = ", ".join(escape(partner, 140) for partner in folder.partners) if folder else "nobody"
    return f"{_verb(uses)} the shared folder {escape(name[7:], 64)} (with {partners})"


_BACKGROUND: Final = {
    "passive": "finish what it began when its window is closed",
    "active": "go on working while its window is closed",
}
_SENTENCES: Final[Mapping[Kind, Callable[[str, set[str], Grants], str]]] = MappingProxyType(
    {
        Kind.FS_USER_SELECTED: lambda _, uses, new: _picked(uses),
        Kind.FS_APP_DATA: lambda _, uses, new: f"{_verb(uses)} files in its own private folder",
        Kind.FS_USER_PATHS: lambda name, uses, new: (
            f"at any time {_verb(uses)} everything in your {name.capitalize()} folder"
        ),
        Kind.MICROPHONE: lambda _, uses, new: "use the microphone",
        Kind.CAMERA: lambda _, uses, new: "use the camera",
        Kind.SYSTEM_AUDIO: lambda _, uses, new: "record the sound of other apps",
        Kind.MODELS: _pinned("run the AI model", lambda grants: grants.models),
        Kind.TOOLS: _pinned("run the tool", lambda grants: grants.tools),
        Kind.SHARED_FOLDERS: _shared,
        Kind.CLIPBOARD: lambda _, uses, new: f"{_verb(uses)} the clipboard",
        Kind.NOTIFICATIONS: lambda name, uses, new: f"notify you by {name}",
        Kind.BACKGROUND: lambda name, uses, new: f"run in the background ({_BACKGROUND.get(name, name)})",
    }
)

if _SENTENCES.keys() | HOST_KINDS != set(Kind):
    raise TypeError("every kind has its words")

"""The consent text: the third projection of the grants, in plain English.

Each declared capability is one line of ``may`` and each kind that is not declared is one line of ``may_not``:
nothing is said twice and nothing is left out. A declared skill is one line of ``may`` as well. Hosts, names and
reasons come from the manifest and are escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from locara.core.capability import USER_PATH_ROOTS, Kind
from locara.core.grant import Grants
from locara.core.hosts import HostSet
from locara.core.ports import ALL_PORTS, HTTPS, PortSet
from locara.core.scope import AtomScope, HostScope
from locara.core.skills import SKILLS
from locara.core.text import MAX_SCOPE, escape
from locara.records import dataclass

MAX_HOSTS_SHOWN: Final = 12
_NO_SIZES: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What a person reads before the first start: what the app may do and may not, and its models."""

    title: str
    may: tuple[str, ...]
    may_not: tuple[str, ...]
    models: tuple[str, ...]


MAY_NOT: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.NET: "use the network",
        Kind.FS_USER_SELECTED: "see files that you pick",
        Kind.FS_APP_DATA: "keep files of its own",
        Kind.FS_USER_PATHS: "see your folders ("
        + ", ".join(name.capitalize() for name in USER_PATH_ROOTS)
        + ")",
        Kind.MICROPHONE: "use the microphone",
        Kind.CAMERA: "use the camera",
        Kind.SYSTEM_AUDIO: "record the sound of other apps",
        Kind.MODELS: "run AI models",
        Kind.TOOLS: "run tools",
        Kind.SHARED_FOLDERS: "share folders with other apps",
        Kind.CLIPBOARD: "use the clipboard",
        Kind.NOTIFICATIONS: "notify you",
        Kind.BACKGROUND: "run in the background",
        Kind.OPEN_EXTERNAL: "open web pages in your browser",
    }
)


def consent_text(grants: Grants, *, model_sizes: Mapping[str, int] = _NO_SIZES) -> ConsentText:
    """The text for these grants. ``model_sizes``: the bytes of a model by its id, where known."""
    may = tuple(_MAY[kind](grants) for kind in Kind if kind in grants.by_kind)
    may += tuple(skill.sentence for skill in SKILLS if skill.of(grants))
    may_not = tuple(MAY_NOT[kind] for kind in Kind if kind not in grants.by_kind)
    name = escape(grants.display_name or grants.app_id, 80)
    title = f"{name} ({escape(grants.app_id, 140)}), version {escape(grants.version, 40)}"
    return ConsentText(
        title, may, may_not, tuple(_model(name, grants, model_sizes) for name in sorted(grants.models))
    )


def _model(name: str, grants: Grants, sizes: Mapping[str, int]) -> str:
    size = sizes.get(name)
    shown = f"{size / 1_000_000:,.1f} MB" if size is not None else "size not known"
    return (
        f"{escape(name, 80)}: {shown}, kept once for all apps, "
        f"checked by its fingerprint {grants.models[name].hex[:12]}…; "
        "the app needs no network for it"
    )


def _net(grants: Grants) -> str:
    scope = grants.scope(Kind.NET)
    hosts = scope.hosts if isinstance(scope, HostScope) else HostSet()
    if hosts == HostSet.everything():
        return "connect to every host on the internet, on every port"
    listed = [f"{host}{_ports(ports)}" for host, ports in hosts.listing()]
    return f"connect to {_enumerate(listed)}, and to no other host"


def _ports(ports: PortSet) -> str:
    if ports == HTTPS:
        return ""
    if ports == ALL_PORTS:
        return " on every port"
    spans = (str(first) if first == last else f"{first}-{last}" for first, last in ports.intervals)
    return f" on port {', '.join(spans)}"


def _enumerate(listed: list[str]) -> str:
    shown = [escape(name, MAX_SCOPE) for name in listed[:MAX_HOSTS_SHOWN]]
    more = len(listed) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _uses(grants: Grants, kind: Kind) -> dict[str, set[str]]:
    scope = grants.scope(kind)
    found: dict[str, set[str]] = {}
    for name, use in sorted(scope.atoms) if isinstance(scope, AtomScope) else ():
        found.setdefault(name, set()).add(use)
    return found


def _verb(uses: set[str]) -> str:
    return "read and change" if {"read", "write"} <= uses else "read" if "read" in uses else "change"


def _user_selected(grants: Grants) -> str:
    return (
        f"{_verb(_uses(grants, Kind.FS_USER_SELECTED)['user-selected'])} the files and folders that you pick"
        ", and find them again later only if you say so"
    )


def _app_data(grants: Grants) -> str:
    return f"{_verb(_uses(grants, Kind.FS_APP_DATA)['app-data'])} files in its own private folder"


def _user_paths(grants: Grants) -> str:
    found = _uses(grants, Kind.FS_USER_PATHS)
    return "at any time, " + "; ".join(
        f"{_verb(found[root])} everything in your {root.capitalize()} folder"
        for root in USER_PATH_ROOTS
        if root in found
    )


def _models(grants: Grants) -> str:
    return f"run AI models on this computer: {_enumerate(sorted(grants.models))}"


def _tools(grants: Grants) -> str:
    return f"run tools: {_enumerate(sorted(grants.tools))}"


def _shared(grants: Grants) -> str:
    found = _uses(grants, Kind.SHARED_FOLDERS)
    partners = {f"shared/{folder.id}": folder.partners for folder in grants.shared_folders}
    return "share folders with other apps: " + "; ".join(
        f"{_verb(uses)} {escape(root[7:], 64)} (with {_enumerate(list(partners.get(root, ())))})"
        for root, uses in found.items()
    )


def _clipboard(grants: Grants) -> str:
    uses = _uses(grants, Kind.CLIPBOARD)["clipboard"]
    return f"{_verb(uses)} the clipboard"


def _notifications(grants: Grants) -> str:
    return f"notify you by {', '.join(sorted(_uses(grants, Kind.NOTIFICATIONS)))}"


def _background(grants: Grants) -> str:
    active = "active" in _uses(grants, Kind.BACKGROUND)
    does = (
        "go on working while its window is closed"
        if active
        else "finish what it began when its window is closed"
    )
    reasons = "; ".join(f'"{escape(reason, 140)}"' for reason in grants.background_reasons)
    return f"run in the background ({does})" + (f", because: {reasons}" if reasons else ", giving no reason")


def _external(grants: Grants) -> str:
    scope = grants.scope(Kind.OPEN_EXTERNAL)
    hosts = scope.hosts if isinstance(scope, HostScope) else HostSet()
    return f"open web pages of {_enumerate([host for host, _ in hosts.listing()])} in your browser"


_MAY: Final[Mapping[Kind, Callable[[Grants], str]]] = MappingProxyType(
    {
        Kind.NET: _net,
        Kind.FS_USER_SELECTED: _user_selected,
        Kind.FS_APP_DATA: _app_data,
        Kind.FS_USER_PATHS: _user_paths,
        Kind.MICROPHONE: lambda grants: "use the microphone",
        Kind.CAMERA: lambda grants: "use the camera",
        Kind.SYSTEM_AUDIO: lambda grants: "record the sound of other apps",
        Kind.MODELS: _models,
        Kind.TOOLS: _tools,
        Kind.SHARED_FOLDERS: _shared,
        Kind.CLIPBOARD: _clipboard,
        Kind.NOTIFICATIONS: _notifications,
        Kind.BACKGROUND: _background,
        Kind.OPEN_EXTERNAL: _external,
    }
)

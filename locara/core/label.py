"""The privacy label and the risk tier: the fourth projection, and a pure function of the grants.

Low: nothing leaves the app and nothing of the person's is open to it beyond what they pick to be read.
Medium: it can change what is picked, use a device, or reach a few named hosts. High: it can reach many or all
hosts, or can both read the person's things lastingly and send something out.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from locara.core.capability import DEVICE_KINDS, Kind
from locara.core.consent import MAY_NOT, consent_text
from locara.core.grant import Grants
from locara.core.scope import AtomScope, HostScope
from locara.core.skills import SKILLS
from locara.records import dataclass

Risk: TypeAlias = Literal["low", "medium", "high"]
_RISKS: Final[tuple[Risk, ...]] = ("low", "medium", "high")

FULLY_LOCAL: Final = "fully local"
NO_TELEMETRY: Final = "no telemetry"


@dataclass(frozen=True, slots=True)
class Label:
    """What a catalogue shows: badges, what the app may do, where data goes, the risk and its reasons."""

    badges: tuple[str, ...]
    may: tuple[str, ...]
    data_handling: tuple[str, ...]
    risk: Risk
    reasons: tuple[str, ...]


def privacy_label(grants: Grants) -> Label:
    """The label of these grants. "fully local" stands exactly when the network grant is empty."""
    local = Kind.NET not in grants.by_kind
    badges = (FULLY_LOCAL, NO_TELEMETRY) if local else (NO_TELEMETRY,)
    risk, reasons = _risk(grants)
    return Label(badges, consent_text(grants).may, _data_handling(grants, local=local), risk, reasons)


def _data_handling(grants: Grants, *, local: bool) -> tuple[str, ...]:
    told = ["the framework itself sends nothing anywhere"]
    if local:
        told.append("no data leaves this computer through the app")
    else:
        told.append("data can leave this computer to the hosts the app may connect to")
    if Kind.MODELS in grants.by_kind:
        told.append("AI models run on this computer")
    told += [skill.handling for skill in SKILLS if skill.of(grants)]
    if Kind.SHARED_FOLDERS in grants.by_kind:
        told.append("apps named as partners can read the shared folders")
    if Kind.OPEN_EXTERNAL in grants.by_kind:
        told.append("pages opened in the browser can carry data in their address")
    return tuple(told)


def _risk(grants: Grants) -> tuple[Risk, tuple[str, ...]]:
    found: list[tuple[int, str]] = []
    net = grants.scope(Kind.NET)
    if isinstance(net, HostScope) and net.hosts:
        named = net.hosts.listing()
        if not net.hosts.is_named():
            found.append((2, "it can connect to every host"))
        elif any(host.startswith("*.") for host, _ in named) or len(named) > 5:
            found.append((2, "it can connect to many hosts"))
        else:
            found.append((1, "it can connect to named hosts"))
    if "write" in _uses(grants, Kind.FS_USER_SELECTED):
        found.append((1, "it can change files that are picked"))
    paths = _uses(grants, Kind.FS_USER_PATHS)
    if paths:
        found.append((1, "it has lasting access to folders of the person"))
        if "write" in paths:
            found.append((2, "it can change folders of the person at any time"))
    sensitive = [kind for kind in Kind if kind in DEVICE_KINDS and kind in grants.by_kind]
    found += [(1, f"it can {MAY_NOT[kind]}") for kind in sensitive]
    others = (Kind.TOOLS, Kind.SHARED_FOLDERS, Kind.BACKGROUND, Kind.OPEN_EXTERNAL)
    found += [(1, f"it can {MAY_NOT[kind]}") for kind in others if kind in grants.by_kind]
    if "read" in _uses(grants, Kind.CLIPBOARD):
        found.append((1, "it can read the clipboard"))
    if Kind.NET in grants.by_kind and (paths or sensitive):
        found.append((2, "it can both take in private data lastingly and send data out"))
    level = max((weight for weight, _ in found), default=0)
    return _RISKS[level], tuple(reason for _, reason in found)


def _uses(grants: Grants, kind: Kind) -> frozenset[str]:
    scope = grants.scope(kind)
    return frozenset(use for _, use in scope.atoms) if isinstance(scope, AtomScope) else frozenset()

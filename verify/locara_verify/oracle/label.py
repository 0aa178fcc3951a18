"""A second judge of the privacy label, from the table in docs/labels.md and the plain JSON of a manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Any


def badges(manifest: Mapping[str, Json]) -> frozenset[str]:
    """The badges an app may wear."""
    always = frozenset({"no telemetry"})
    return always if manifest["capabilities"].get("net", False) else always | {"fully local"}


def risk(manifest: Mapping[str, Json]) -> str:
    """The tier: the highest line of the table that applies."""
    capabilities = manifest["capabilities"]
    if any(_high(capabilities)):
        return "high"
    return "medium" if any(_medium(capabilities)) else "low"


HANDLING = {
    "net": ("can leave this computer", "no data leaves this computer"),
    "models": ("models run on this computer", ""),
    "shared-folders": ("partners can read", ""),
    "open-external": ("opened in the browser", ""),
}
"""Words of the line that says where data goes where a capability is given, and of the one where it is not."""


def untold(manifest: Mapping[str, Json], lines: Sequence[str]) -> str | None:
    """What lines about where data goes leave out, or say without cause; None when they are as they should be."""
    said = "\n".join(lines)
    for key, (given, absent) in HANDLING.items():
        has = bool(manifest["capabilities"].get(key, False))
        if (given in said) != has or (absent != "" and (absent in said) == has):
            return f"{key} is {'given' if has else 'not given'}, and where data goes is told as {said!r}"
    return None


def _high(capabilities: Mapping[str, Json]) -> Iterator[bool]:
    net = capabilities.get("net", False)
    folders = capabilities.get("fs.user-paths", {})
    yield net is True
    if net and net is not True:
        hosts = net["allowed_hosts"]
        yield len(hosts) > 5
        yield any("*" in host for host in hosts)
    yield "read-write" in folders.values()
    yield bool(net) and any(folders.values())
    yield bool(net) and any(_devices(capabilities))


def _medium(capabilities: Mapping[str, Json]) -> Iterator[bool]:
    yield bool(capabilities.get("net", False))
    yield capabilities.get("fs.user-selected") == "read-write"
    yield any(capabilities.get("fs.user-paths", {}).values())
    yield from _devices(capabilities)
    yield len(capabilities.get("tools", [])) > 0
    yield len(capabilities.get("shared-folders", [])) > 0
    yield capabilities.get("background", {}).get("mode", False) is not False
    yield len(capabilities.get("open-external", {}).get("hosts", [])) > 0
    yield capabilities.get("clipboard", {}).get("read", False) is True


def _devices(capabilities: Mapping[str, Json]) -> Iterator[bool]:
    for key, value in capabilities.items():
        if key.startswith("device."):
            yield bool(value)

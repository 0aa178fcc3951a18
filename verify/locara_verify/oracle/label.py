"""A second judge of the privacy label, from the table in docs/labels.md and the plain JSON of a manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

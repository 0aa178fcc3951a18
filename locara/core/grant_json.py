"""Grants as JSON and back, for a record that outlives the manifest it was compiled from.

The value is canonical: equal powers give equal JSON, whatever order the manifest had. Lines of the manifest
are not in it, so what is read back names the record as its origin. Reading takes nothing on trust: any value
that is not exactly what `grants_json` writes is a ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from locara.core.capability import HOST_KINDS, Kind
from locara.core.digest import Digest
from locara.core.grant import Grant, Grants, Origin, SharedFolder
from locara.core.hosts import HostSet, Node
from locara.core.ports import NO_PORTS, PortSet
from locara.core.scope import AtomScope, HostScope, Scope
from locara.core.strict_json import JSON

_KEYS: Final = frozenset({
    "app", "version", "manifest", "name", "powers", "models", "tools", "modalities", "tooling",
    "vector_engine", "quota_mb", "background_reasons", "shared_folders",
})  # fmt: skip


def grants_json(grants: Grants) -> dict[str, JSON]:
    """All that ``grants`` say but for the lines they were declared on."""
    return {
        "app": grants.app_id,
        "version": grants.version,
        "manifest": str(grants.manifest_digest),
        "name": grants.display_name,
        "powers": {grant.kind.value: _scope_json(grant.scope) for grant in _sorted(grants.grants)},
        "models": {name: str(digest) for name, digest in sorted(grants.models.items())},
        "tools": {name: str(digest) for name, digest in sorted(grants.tools.items())},
        "modalities": sorted(grants.modalities),
        "tooling": sorted(grants.tooling),
        "vector_engine": grants.vector_engine,
        "quota_mb": grants.quota_mb,
        "background_reasons": list(grants.background_reasons),
        "shared_folders": [[item.id, list(item.partners), item.access] for item in grants.shared_folders],
    }


def read_grants(value: JSON, *, source: str) -> Grants:
    """The Grants that `grants_json` wrote; each names ``source`` as its origin. ``ValueError`` otherwise."""
    if not isinstance(value, dict) or value.keys() != _KEYS:
        raise ValueError("not the grants of an app")
    powers = _object(value["powers"])
    quota = value["quota_mb"]
    if type(quota) is not int or quota < 1:
        raise ValueError("the quota is a number of megabytes")
    return Grants(
        app_id=_text(value["app"]),
        version=_text(value["version"]),
        manifest_digest=Digest.parse(_text(value["manifest"])),
        grants=tuple(_grant(Kind(name), powers[name], source) for name in powers),
        display_name=_text(value["name"]),
        models=_digests(value["models"]),
        tools=_digests(value["tools"]),
        modalities=frozenset(_texts(value["modalities"])),
        tooling=frozenset(_texts(value["tooling"])),
        vector_engine=_text(value["vector_engine"]),
        quota_mb=quota,
        background_reasons=_texts(value["background_reasons"]),
        shared_folders=tuple(_folder(item) for item in _list(value["shared_folders"])),
    )


def _sorted(grants: Iterable[Grant]) -> list[Grant]:
    return sorted(grants, key=lambda grant: grant.kind.value)


def _scope_json(scope: Scope) -> JSON:
    if isinstance(scope, AtomScope):
        return [list(atom) for atom in sorted(scope.atoms)]
    # The trie as a flat list, parents before children: host names are deeper than any JSON should be.
    rows: list[JSON] = []
    waiting = [("", scope.hosts.root)]
    while waiting:
        name, node = waiting.pop()
        rows.append([name, _ports_json(node.here), _ports_json(node.below)])
        for label in sorted(node.children, reverse=True):
            waiting.append((f"{label}.{name}" if name else label, node.children[label]))
    return rows


def _ports_json(ports: PortSet) -> list[JSON]:
    return [list(span) for span in ports.intervals]


def _grant(kind: Kind, value: JSON, source: str) -> Grant:
    scope: Scope
    if kind in HOST_KINDS:
        hosts = HostSet(_node([_row(item) for item in _list(value)]))
        scope = HostScope(kind, hosts & HostSet.everything())
    else:
        scope = AtomScope(kind, frozenset(_atom(item) for item in _list(value)))
    if _scope_json(scope) != value:
        raise ValueError(f"the scope of {kind} is not in its canonical form")
    return Grant(kind, scope, Origin(source, "", ""))


def _node(rows: list[tuple[str, PortSet, PortSet]]) -> Node:
    """The trie of some rows; whether it is the canonical one is judged by writing it again."""
    children: dict[str, dict[str, Node]] = {}
    for name, here, below in reversed(rows):
        node = Node(here, below, children.pop(name, {}))
        if not name:
            if children:
                break
            return node
        label, _, parent = name.partition(".")
        children.setdefault(parent, {})[label] = node
    raise ValueError("the hosts are not a tree")


def _row(value: JSON) -> tuple[str, PortSet, PortSet]:
    row = _list(value)
    if len(row) != 3:
        raise ValueError("a row of hosts has three members")
    return _text(row[0]), _ports(row[1]), _ports(row[2])


def _ports(value: JSON) -> PortSet:
    ports = NO_PORTS
    for item in _list(value):
        first, last = _pair(item)
        if type(first) is not int or type(last) is not int:
            raise ValueError("a span of ports is two numbers")
        ports |= PortSet.span(first, last)
    return ports


def _atom(value: JSON) -> tuple[str, str]:
    name, use = _pair(value)
    return _text(name), _text(use)


def _pair(value: JSON) -> tuple[JSON, JSON]:
    pair = _list(value)
    if len(pair) != 2:
        raise ValueError("not a pair")
    return pair[0], pair[1]


def _folder(value: JSON) -> SharedFolder:
    parts = _list(value)
    if len(parts) != 3 or parts[2] not in ("read", "read-write"):
        raise ValueError("a shared folder has an id, partners and an access")
    return SharedFolder(_text(parts[0]), _texts(parts[1]), _text(parts[2]))


def _digests(value: JSON) -> Mapping[str, Digest]:
    return MappingProxyType({name: Digest.parse(_text(text)) for name, text in _object(value).items()})


def _object(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for all that is wrong
    return value


def _list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 - one error for all that is wrong
    return value


def _texts(value: JSON) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - one error for all that is wrong
    return value

"""Host names, host patterns and exact sets of (host, port) pairs.

A *host* is a lower-case ASCII DNS name: two or more labels of letters, digits and inner hyphens, each 1 to 63
characters, 253 in all, the last label not a number (also not ``0x…``), no trailing dot, and never a name of
this machine or this network (``localhost``, ``*.localhost``, ``*.local``, ``*.internal``). IP addresses are
no hosts.

A *pattern* is a host, or ``*.`` and a host of at most 189 characters: it matches every host below that one,
at any depth, and never that one itself. The limit leaves room for any label in front, so that two sets made
from patterns are the same set exactly when they are equal values.

`HostSet` is a trie of labels read from the right. A node says which ports its own name has (``here``) and
which ports all names below it have that no child tells otherwise (``below``); a child that says nothing new
is left out. The sets are closed under union, intersection and difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from itertools import count, product
from typing import Final

from locara.core.ports import ALL_PORTS, NO_PORTS, PortSet
from locara.records import dataclass

MAX_HOST: Final = 253
MAX_WILDCARD_BASE: Final = 189
RESERVED: Final = frozenset({"localhost", "local", "internal"})

LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LAST: Final = rf"(?!(?:[0-9]+|0x[0-9a-f]*|localhost|local|internal)$){LABEL}"
HOST_PATTERN: Final = rf"^(?:{LABEL}\.)+{_LAST}$"
WILDCARD_PATTERN: Final = rf"^(?:\*\.)?(?:{LABEL}\.)+{_LAST}$"

_HOST = re.compile(HOST_PATTERN)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def is_host(text: str) -> bool:
    """Whether ``text`` is a host a manifest can speak of. Total for every string."""
    return len(text) <= MAX_HOST and not text.endswith("\n") and _HOST.match(text) is not None


def is_pattern(text: str) -> bool:
    """Whether ``text`` is a host or ``*.`` and a host of at most 189 characters."""
    if text.startswith("*."):
        return len(text) <= MAX_WILDCARD_BASE + 2 and is_host(text[2:])
    return is_host(text)


@dataclass(frozen=True, slots=True)
class Node:
    """One name of the trie: its own ports, the ports below it, the children that differ from ``below``."""

    here: PortSet
    below: PortSet
    children: Mapping[str, Node]

    def child(self, label: str) -> Node:
        """The node one label further left."""
        found = self.children.get(label)
        return found if found is not None else Node(self.below, self.below, {})


_EMPTY: Final = Node(NO_PORTS, NO_PORTS, {})


@dataclass(frozen=True, slots=True)
class HostSet:
    """An exact set of (host, port) pairs. Equal sets are equal values; the empty set matches nothing."""

    root: Node = _EMPTY
    exact: Mapping[str, PortSet] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "exact", {host: node.here for host, node in _walk(self.root) if node.here and is_host(host)}
        )

    @classmethod
    def of(cls, patterns: Iterable[str], ports: PortSet) -> HostSet:
        """Every host that one of the patterns matches, on these ports; ``ValueError`` for a bad pattern."""
        if not ports:
            return cls()
        sketch = _Sketch()
        for pattern in patterns:
            if not is_pattern(pattern):
                raise ValueError("not a host pattern")
            wildcard = pattern.startswith("*.")
            place = sketch
            for label in reversed((pattern[2:] if wildcard else pattern).split(".")):
                place = place.children.setdefault(label, _Sketch())
            if wildcard:
                place.below = True
            else:
                place.here = True
        return cls(sketch.freeze(ports, inherited=False))

    @classmethod
    def everything(cls, ports: PortSet = ALL_PORTS) -> HostSet:
        """Every host on these ports."""
        return cls(Node(NO_PORTS, ports, {}))

    def __bool__(self) -> bool:
        return self.root != _EMPTY

    def __hash__(self) -> int:
        return hash((self.root.below, frozenset(self.exact.items())))

    def ports(self, host: str) -> PortSet:
        """The ports of this host in the set; none for anything that is not a host."""
        found = self.exact.get(host)
        if found is not None:
            return found
        node = self.root
        for label in reversed(host.split(".")):
            child = node.children.get(label)
            if child is None:
                ports = node.below
                break
            node = child
        else:
            ports = node.here
        return ports if ports and is_host(host) else NO_PORTS

    def covers(self, host: str, port: int) -> bool:
        """Whether the pair is in the set."""
        return port in self.ports(host)

    def __or__(self, other: HostSet) -> HostSet:
        return HostSet(_zip(PortSet.__or__, self.root, other.root))

    def __and__(self, other: HostSet) -> HostSet:
        return HostSet(_zip(PortSet.__and__, self.root, other.root))

    def __sub__(self, other: HostSet) -> HostSet:
        return HostSet(_zip(PortSet.__sub__, self.root, other.root))

    def is_named(self) -> bool:
        """Whether the set is made of named hosts and wildcards only, not of all hosts there are."""
        return not self.root.below

    def listing(self) -> list[tuple[str, PortSet]]:
        """The set as patterns with their ports, for a person to read; ``*`` stands for every host.

        Exact for every set made by union and intersection of patterns on equal ports; for others it tells too
        much rather than too little (names cut out of a wildcard are not listed).
        """
        return [("*", self.root.below)] * bool(self.root.below) + list(_list(self.root, ""))

    def witness(self) -> tuple[str, int] | None:
        """A pair that is in the set, ``None`` for the empty set."""
        for host, node in _walk(self.root):
            port = node.here.smallest()
            if port is not None and is_host(host):
                return host, port
        for host, node in (("", self.root), *_walk(self.root)):
            port = node.below.smallest()
            if port is None:
                continue
            base = f"{_fresh(node)}.{host}" if host else ""
            candidate = base or f"a.{_fresh(node, least=3)}"
            if is_host(candidate):
                return candidate, port
        return None


@dataclass(slots=True)
class _Sketch:
    """A trie while it is being filled from patterns."""

    here: bool = False
    below: bool = False
    children: dict[str, _Sketch] = field(default_factory=dict)

    def freeze(self, ports: PortSet, *, inherited: bool) -> Node:
        below = self.below or inherited
        children = {}
        for label, sketch in self.children.items():
            sketch.here = sketch.here or below
            node = sketch.freeze(ports, inherited=below)
            if node.children or node.here != node.below or bool(node.below) != below:
                children[label] = node
        return Node(ports if self.here else NO_PORTS, ports if below else NO_PORTS, children)


def _zip(combine: Callable[[PortSet, PortSet], PortSet], a: Node, b: Node) -> Node:
    below = combine(a.below, b.below)
    if not a.children and not b.children:
        return Node(combine(a.here, b.here), below, {})
    children = {}
    for label in a.children.keys() | b.children.keys():
        node = _zip(combine, a.child(label), b.child(label))
        if node.children or node.here != below or node.below != below:
            children[label] = node
    return Node(combine(a.here, b.here), below, children)


def _walk(node: Node, suffix: str = "") -> Iterator[tuple[str, Node]]:
    for label in sorted(node.children):
        child = node.children[label]
        name = f"{label}.{suffix}" if suffix else label
        yield name, child
        yield from _walk(child, name)


def _list(node: Node, suffix: str) -> Iterator[tuple[str, PortSet]]:
    for label in sorted(node.children):
        child = node.children[label]
        name = f"{label}.{suffix}" if suffix else label
        if child.here - node.below:
            yield name, child.here
        if child.below - node.below:
            yield f"*.{name}", child.below
        yield from _list(child, name)


def _fresh(node: Node, least: int = 1) -> str:
    """The shortest label of letters, at least ``least`` long, that is no child of the node."""
    labels = ("".join(chosen) for length in count(least) for chosen in product(_LETTERS, repeat=length))
    return next(label for label in labels if label not in node.children and label not in RESERVED)

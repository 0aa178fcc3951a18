"""Grants: what an app may do, each grant with the line of the manifest it comes from.

Empty means nothing: a kind without a grant has the empty scope and every request of it is denied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final

from locara.core import scope as scopes
from locara.core.capability import FS_KINDS, Kind
from locara.core.digest import Digest
from locara.core.hosts import HostSet
from locara.core.request import FsRequest, Request
from locara.core.scope import Atom, AtomScope, HostScope, Scope, pins
from locara.core.strict_json import Place, at
from locara.records import dataclass

_NOTHING: Final = MappingProxyType({kind: scopes.empty(kind) for kind in Kind})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a grant was declared: file, JSON pointer, and its JSON text.

    The places of the file's keys are looked through when somebody asks for the line: few do.
    """

    source: str
    pointer: str
    declared: str
    positions: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    @property
    def line(self) -> int:
        """The line, from 1, of the key or of what is around it."""
        return at(self.positions, self.pointer)[0]

    @property
    def column(self) -> int:
        """The column, from 1."""
        return at(self.positions, self.pointer)[1]

    def __str__(self) -> str:
        return f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True)
class Grant:
    """One kind of power, how far it goes, and where it was declared."""

    kind: Kind
    scope: Scope
    origin: Origin


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A folder shared with other apps (``publisher/name``); access is ``read`` or ``read-write``."""

    id: str
    partners: tuple[str, ...]
    access: str


@dataclass(frozen=True, slots=True)
class Grants:
    """Everything one app may do. Frozen; at most one grant per kind and none of them empty."""

    app_id: str
    version: str
    manifest_digest: Digest
    grants: tuple[Grant, ...] = ()
    display_name: str = ""
    models: Mapping[str, Digest] = field(default_factory=dict)
    tools: Mapping[str, Digest] = field(default_factory=dict)
    modalities: frozenset[str] = frozenset()
    tooling: frozenset[str] = frozenset()
    vector_engine: str = "sqlite-vec"
    quota_mb: int = 2_048
    background_reasons: tuple[str, ...] = ()
    shared_folders: tuple[SharedFolder, ...] = ()
    hosts: HostSet = field(init=False, repr=False, compare=False)
    by_kind: Mapping[Kind, Grant] = field(init=False, repr=False, compare=False)
    by_atom: Mapping[Kind, Mapping[Atom, Grant]] = field(init=False, repr=False, compare=False)
    files: Mapping[Atom, Grant] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_kind = {grant.kind: grant for grant in self.grants}
        if len(by_kind) != len(self.grants):
            raise ValueError("a kind is granted once")
        if any(grant.scope.kind is not grant.kind or scopes.is_empty(grant.scope) for grant in self.grants):
            raise ValueError("a grant has a scope of its own kind that is not empty")
        by_atom: dict[Kind, Mapping[Atom, Grant]] = {kind: {} for kind in Kind}
        for grant in self.grants:
            if isinstance(grant.scope, AtomScope):
                by_atom[grant.kind] = dict.fromkeys(grant.scope.atoms, grant)
        net = by_kind[Kind.NET].scope if Kind.NET in by_kind else None
        object.__setattr__(self, "hosts", net.hosts if isinstance(net, HostScope) else HostSet())
        object.__setattr__(self, "by_kind", by_kind)
        object.__setattr__(self, "by_atom", by_atom)
        files = {atom: grant for kind in FS_KINDS for atom, grant in by_atom[kind].items()}
        object.__setattr__(self, "files", files)

    @classmethod
    def none(cls, app_id: str = "test/none") -> Grants:
        """The grants of an app that may do nothing at all."""
        return cls(app_id=app_id, version="0.0.0", manifest_digest=Digest.of(b""))

    def scope(self, kind: Kind) -> Scope:
        """How far a kind goes; the empty scope when it is not granted."""
        grant = self.by_kind.get(kind)
        return grant.scope if grant is not None else _NOTHING[kind]

    def origin(self, kind: Kind) -> Origin | None:
        """Where a kind was declared; ``None`` when it is not granted."""
        grant = self.by_kind.get(kind)
        return grant.origin if grant is not None else None


def widening(old: Grants, new: Grants) -> tuple[Request, ...]:
    """Requests that ``new`` allows and ``old`` does not, one or more per kind that grew; empty: none did.

    A shared folder that names a further partner app counts as grown: more apps can read what is in it.
    """
    found: list[Request] = []
    for grant in new.grants:
        gain = scopes.difference(grant.scope, old.scope(grant.kind))
        if isinstance(gain, AtomScope):
            found += [scopes.request_of(gain.kind, atom) for atom in sorted(gain.atoms)]
        elif (request := scopes.witness(gain)) is not None:
            found.append(request)
    before = {folder.id: set(folder.partners) for folder in old.shared_folders}
    for folder in new.shared_folders:
        request = FsRequest(f"shared/{folder.id}", "", "read")
        if request not in found and not set(folder.partners) <= before.get(folder.id, set()):
            found.append(request)
    return tuple(found)


def intersect(a: Grants, b: Grants) -> Grants:
    """What both allow, told as grants of ``a``.

    A request is allowed exactly when both allow it, but for the bare id of a model or tool which the two pin
    to different digests: the id alone would name two things, so it is denied.
    """
    models = {name: digest for name, digest in a.models.items() if b.models.get(name) == digest}
    tools = {name: digest for name, digest in a.tools.items() if b.tools.get(name) == digest}
    grants = []
    for grant in a.grants:
        if grant.kind is Kind.MODELS:
            scope: Scope = pins(Kind.MODELS, (f"{name}@{digest}" for name, digest in models.items()))
        elif grant.kind is Kind.TOOLS:
            scope = pins(Kind.TOOLS, (f"{name}@{digest}" for name, digest in tools.items()))
        else:
            scope = scopes.intersect(grant.scope, b.scope(grant.kind))
        if not scopes.is_empty(scope):
            grants.append(Grant(grant.kind, scope, grant.origin))
    theirs = {folder.id: set(folder.partners) for folder in b.shared_folders}
    return Grants(
        app_id=a.app_id,
        version=a.version,
        manifest_digest=a.manifest_digest,
        grants=tuple(grants),
        display_name=a.display_name,
        models=MappingProxyType(models),
        tools=MappingProxyType(tools),
        modalities=a.modalities & b.modalities,
        tooling=a.tooling & b.tooling,
        vector_engine=a.vector_engine,
        quota_mb=min(a.quota_mb, b.quota_mb),
        background_reasons=a.background_reasons,
        shared_folders=tuple(
            SharedFolder(item.id, kept, item.access)
            for item in a.shared_folders
            if (kept := tuple(name for name in item.partners if name in theirs.get(item.id, ())))
        ),
    )

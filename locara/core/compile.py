"""From a manifest to its Grants: compiled once, each grant with the line it comes from.

A module of its own because whoever is given Grants need not load what reads a manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from locara.core import scope as scopes
from locara.core.capability import USER_PATH_ROOTS, Kind
from locara.core.declarations import Capabilities, NetHosts
from locara.core.digest import Digest
from locara.core.grant import Grant, Grants, Origin, SharedFolder
from locara.core.hosts import HostSet
from locara.core.manifest import Manifest
from locara.core.ports import PortSet
from locara.core.scope import AtomScope, HostScope, Scope, accesses, pins
from locara.core.strict_json import JSON, escape


def compile_grants(manifest: Manifest) -> Grants:
    """The grants of a manifest: what it declares, and the app's own data when it says nothing of it."""
    declared = manifest.capabilities
    written: dict[str, JSON] = declared.model_dump(mode="json", by_alias=True, exclude_unset=True)
    grants = []
    for kind, scope in _declared(declared):
        if not scopes.is_empty(scope):
            grants.append(Grant(kind, scope, _origin(manifest, kind, written)))
    return Grants(
        app_id=manifest.app_id,
        version=manifest.version,
        manifest_digest=manifest.digest,
        grants=tuple(grants),
        display_name=manifest.display_name,
        models=_pinned(declared.models),
        tools=_pinned(declared.tools),
        modalities=frozenset(manifest.modalities),
        tooling=frozenset(manifest.tooling),
        vector_engine=manifest.storage.vector.engine,
        quota_mb=manifest.storage.quota_mb,
        background_reasons=declared.background.reasons if declared.background.mode else (),
        shared_folders=tuple(
            SharedFolder(item.id, item.with_, item.access) for item in declared.shared_folders
        ),
    )


def _declared(declared: Capabilities) -> Iterator[tuple[Kind, Scope]]:
    """The scope of every kind, also of those that are declared as nothing."""
    yield Kind.NET, HostScope(Kind.NET, _hosts(declared.net))
    for kind, access in (
        (Kind.FS_USER_SELECTED, declared.fs_user_selected),
        (Kind.FS_APP_DATA, declared.fs_app_data),
    ):
        yield kind, AtomScope(kind, frozenset((kind.value[3:], use) for use in accesses(access or "")))
    paths = {root: getattr(declared.fs_user_paths, root) for root in USER_PATH_ROOTS}
    yield Kind.FS_USER_PATHS, _roots(Kind.FS_USER_PATHS, paths)
    shared = {f"shared/{folder.id}": folder.access for folder in declared.shared_folders}
    for kind, granted in (
        (Kind.MICROPHONE, declared.microphone),
        (Kind.CAMERA, declared.camera),
        (Kind.SYSTEM_AUDIO, declared.system_audio),
    ):
        yield kind, AtomScope(kind, frozenset({(kind.value[7:], "use")} if granted else ()))
    yield Kind.MODELS, pins(Kind.MODELS, declared.models)
    yield Kind.TOOLS, pins(Kind.TOOLS, declared.tools)
    yield Kind.SHARED_FOLDERS, _roots(Kind.SHARED_FOLDERS, shared)
    uses = (("read", declared.clipboard.read), ("write", declared.clipboard.write))
    yield Kind.CLIPBOARD, AtomScope(Kind.CLIPBOARD, frozenset(("clipboard", use) for use, on in uses if on))
    modes = frozenset((mode, "use") for mode in declared.notifications.modes)
    yield Kind.NOTIFICATIONS, AtomScope(Kind.NOTIFICATIONS, modes)
    mode = declared.background.mode
    reach = scopes.background_modes(mode or "")
    yield Kind.BACKGROUND, AtomScope(Kind.BACKGROUND, frozenset((name, "use") for name in reach))
    yield Kind.OPEN_EXTERNAL, scopes.external(declared.open_external.hosts if declared.open_external else ())


def _hosts(net: bool | NetHosts) -> HostSet:
    if isinstance(net, NetHosts):
        return HostSet.of(net.allowed_hosts, PortSet.of(net.allowed_ports))
    return HostSet.everything() if net is True else HostSet()


def _roots(kind: Kind, roots: Mapping[str, str | None]) -> AtomScope:
    return AtomScope(
        kind, frozenset((root, use) for root, access in roots.items() for use in accesses(access or ""))
    )


def _pinned(written: tuple[str, ...]) -> Mapping[str, Digest]:
    return MappingProxyType(
        {name: Digest.parse(digest) for name, _, digest in (pin.partition("@") for pin in written)}
    )


def _origin(manifest: Manifest, kind: Kind, written: Mapping[str, JSON]) -> Origin:
    pointer = f"/capabilities/{escape(kind.value)}"
    value = written.get(kind.value, "read-write")  # only fs.app-data is granted without being written
    declared = f"{json.dumps(kind.value)}: {json.dumps(value, ensure_ascii=False)}"
    return Origin(manifest.source, pointer, declared, manifest.positions)

"""The metadata of a repository in memory: read from what is published, changed, signed, written back.

What is published is the only state. Nothing beside it can disagree with it after a crash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from locara.trust.refusal import Reason, TrustError
from locara_registry.trust.repository.files import Published
from locara_registry.trust.repository.keyring import Keyring, able, public_of
from locara_registry.trust.repository.layout import BINS, TOP, Layout, delegator, holder

_PRETTY: Final = JSONSerializer(compact=False)
_SMALL: Final = JSONSerializer(compact=True)
_Role = TypeVar("_Role", Root, Timestamp, Snapshot, Targets)


class State:
    """One state of the repository. `change` and `rotate` mark roles; `files` signs them and says what to write."""

    def __init__(self, published: Published, root: Metadata[Root]) -> None:
        self.root = root
        self.timestamp: Metadata[Timestamp] = Metadata(Timestamp())
        self.snapshot: Metadata[Snapshot] = Metadata(Snapshot())
        self.roles: dict[str, Metadata[Targets]] = {}
        self._published = published
        self._blobs: dict[str, bytes] = {}
        self._changed: set[str] = set()

    @classmethod
    def read(cls, published: Published) -> State:
        """The state that the published timestamp names. TrustError when it is not whole."""
        newest = published.newest_root()
        if newest == 0:
            raise TrustError(
                Reason.MATERIAL_MISSING,
                f"there is no repository in {published.folder}",
                fix="locara-registry tuf init",
            )
        state = cls(published, _read(published, Root, f"{newest}.root.json"))
        state.timestamp = _read(published, Timestamp, "timestamp.json")
        version = state.timestamp.signed.snapshot_meta.version
        state.snapshot = _read(published, Snapshot, f"{version}.snapshot.json")
        for name, meta in state.snapshot.signed.meta.items():
            state.roles[name.removesuffix(".json")] = _read(published, Targets, f"{meta.version}.{name}")
        return state

    def part(self, name: str) -> Root | Timestamp | Snapshot | Targets:
        """What a role says."""
        if name == "root":
            return self.root.signed
        if name == "timestamp":
            return self.timestamp.signed
        return self.snapshot.signed if name == "snapshot" else self.roles[name].signed

    def role_of(self, path: str) -> str:
        """The role that a target belongs to. ValueError when no role may carry it."""
        targets = self.roles["targets"].signed
        for name, _ in () if targets.delegations is None else targets.delegations.get_roles_for_target(path):
            if name != "catalog":
                return name
            bins = self.roles["catalog"].signed.delegations
            if bins is not None and bins.succinct_roles is not None:
                return bins.succinct_roles.get_role_for_target(path)
        if "/" in path:
            raise ValueError(f"no role carries {path}")
        return "targets"

    def put(self, path: str, data: bytes) -> bool:
        """Carry these bytes under this path. False when they are there already."""
        role = self.role_of(path)
        target = TargetFile.from_data(path, data, ["sha256"])
        before = self.roles[role].signed.targets.get(path)
        if before is not None and before.hashes == target.hashes:
            return False
        self.roles[role].signed.targets[path] = target
        folder, slash, name = path.rpartition("/")
        self._blobs[f"targets/{folder}{slash}{hashlib.sha256(data).hexdigest()}.{name}"] = data
        self._changed.add(role)
        return True

    def get(self, path: str) -> bytes | None:
        """The bytes under a path, None where there are none."""
        target = self.roles[self.role_of(path)].signed.targets.get(path)
        if target is None:
            return None
        folder, slash, name = path.rpartition("/")
        file = f"targets/{folder}{slash}{target.hashes['sha256']}.{name}"
        data = self._blobs.get(file)
        data = self._published.read(file) if data is None else data
        target.verify_length_and_hashes(data)
        return data

    def touch(self, names: Iterable[str]) -> None:
        """Sign these roles anew, although nothing in them changed."""
        self._changed |= set(names)

    @property
    def changed(self) -> bool:
        """Whether there is anything to sign."""
        return bool(self._changed)

    def files(
        self, keys: Keyring, layout: Layout, now: datetime, *, also: dict[str, tuple[Signer, ...]]
    ) -> dict[str, bytes]:
        """What to write, in order, for the roles that were marked; the timestamp is the last but a new root.

        ``also`` are signers of the keys before, by role: what is signed by both is believed under the old root
        and under the new one, so no client is ever in between.
        """
        written = dict(self._blobs)
        marked = [name for name in self.roles if name in self._changed]
        for name in marked:
            self._sign(name, keys, layout, now, also)
            self.snapshot.signed.meta[f"{name}.json"] = MetaFile(self.roles[name].signed.version)
            written[f"{self.roles[name].signed.version}.{name}.json"] = self.roles[name].to_bytes(_SMALL)
        if marked or self._changed & {"snapshot"}:
            self._sign("snapshot", keys, layout, now, also)
            written[f"{self.snapshot.signed.version}.snapshot.json"] = self.snapshot.to_bytes(_SMALL)
            self.timestamp.signed.snapshot_meta = MetaFile(self.snapshot.signed.version)
        self._sign("timestamp", keys, layout, now, also)
        written["timestamp.json"] = self.timestamp.to_bytes(_SMALL)
        if "root" in self._changed:
            self._sign("root", keys, layout, now, also)
            written[f"{self.root.signed.version}.root.json"] = self.root.to_bytes(_PRETTY)
        return written

    def _sign(
        self, name: str, keys: Keyring, layout: Layout, now: datetime, also: dict[str, tuple[Signer, ...]]
    ) -> None:
        part = self.part(name)
        fresh = not self._known(name)
        part.version += 0 if fresh else 1
        part.expires = now.replace(microsecond=0, tzinfo=UTC) + timedelta(seconds=layout.role(name).life)
        keyids, threshold = self.authority(name)
        signers = able(keys.signers(holder(name)), keyids, threshold, name)
        metadata = self._metadata(name)
        metadata.signatures.clear()
        for signer in (*signers, *also.get(name, ())):
            if public_of(signer).keyid not in metadata.signatures:
                metadata.sign(signer, append=True)

    def _known(self, name: str) -> bool:
        """Whether this version of a role was published."""
        file = "timestamp.json" if name == "timestamp" else f"{self.part(name).version}.{name}.json"
        return (self._published.folder / file).is_file()

    def _metadata(
        self, name: str
    ) -> Metadata[Root] | Metadata[Timestamp] | Metadata[Snapshot] | Metadata[Targets]:
        if name == "root":
            return self.root
        if name == "timestamp":
            return self.timestamp
        return self.snapshot if name == "snapshot" else self.roles[name]

    def authority(self, name: str) -> tuple[tuple[str, ...], int]:
        """The ids of the keys that may sign a role, and how many must."""
        if name in TOP:
            role = self.root.signed.roles[name]
            return tuple(role.keyids), role.threshold
        above = self.roles[delegator(name)].signed.delegations
        if above is None:
            raise TrustError(Reason.MATERIAL_UNTRUSTED, f"nobody delegates to {name}")
        if holder(name) == BINS:
            bins = above.succinct_roles
            if bins is None:
                raise TrustError(Reason.MATERIAL_UNTRUSTED, "the catalogue has no bins")
            return tuple(bins.keyids), bins.threshold
        found = (above.roles or {})[name]
        return tuple(found.keyids), found.threshold

    def allow(self, name: str, signer: Signer) -> None:
        """Let a key sign a role from now on. ``name`` is a role or `bins`."""
        key = public_of(signer)
        if name in TOP:
            self.root.signed.add_key(key, name)
            self._changed.add("root")
            return
        self.roles[delegator(name)].signed.add_key(key, None if name == BINS else name)
        self._changed.add(delegator(name))

    def forbid(self, name: str, keyid: str) -> None:
        """Let a key sign a role no longer."""
        if name in TOP:
            self.root.signed.revoke_key(keyid, name)
            self._changed.add("root")
            return
        self.roles[delegator(name)].signed.revoke_key(keyid, None if name == BINS else name)
        self._changed.add(delegator(name))


def _read(published: Published, kind: type[_Role], name: str) -> Metadata[_Role]:
    try:
        found = Metadata[_Role].from_bytes(published.read(name))
    except TrustError:
        raise
    except Exception as error:
        raise TrustError(
            Reason.MATERIAL_UNTRUSTED, f"{published.folder / name} is not metadata: {error}"
        ) from error
    if not isinstance(found.signed, kind):
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{published.folder / name} is metadata of another kind")
    return found

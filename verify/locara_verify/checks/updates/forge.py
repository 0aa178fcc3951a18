"""An update repository in memory with every private key at hand, so that each theft can be played.

Written with the metadata classes of the TUF library alone, apart from the product's own publisher: a mistake there
cannot hide here. Keys follow from a seed, so a run can be repeated to the byte.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer
from tuf.ngclient.fetcher import FetcherInterface

URL: Final = "https://updates.test/"
LIST: Final = "revocations/list.json"
URGENT: Final = "revocations/urgent.json"
KEYS: Final = {
    "root": 3,
    "timestamp": 1,
    "snapshot": 1,
    "targets": 3,
    "revocations": 3,
    "urgent": 2,
    "bins": 1,
}
NEEDED: Final = {"root": 2, "timestamp": 1, "snapshot": 1, "targets": 2, "revocations": 2, "urgent": 1}
_SMALL: Final = JSONSerializer(compact=True)
Edit = Callable[[Any], object]


def nothing(_signed: object) -> None:
    """No edit."""


class Forge(FetcherInterface):
    """One repository. ``files`` is what a client is served, by path below `URL`; edit it to play the server.

    ``first`` holds the first bytes of each target."""

    def __init__(self, seed: bytes, *, now: float) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.now = datetime.fromtimestamp(int(now), UTC)
        self.signed: dict[str, Any] = {}
        self.first: dict[str, bytes] = {}
        self._seed = seed
        self._signers: dict[str, CryptoSigner] = {}
        self._begin()

    def copy(self) -> Forge:
        """The same repository once more: what is done to one of them is not done to the other."""
        other = copy.copy(self)
        other.files, other.first, other.asked = dict(self.files), dict(self.first), list(self.asked)
        other.signed = copy.deepcopy(self.signed)
        return other

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix(URL)
        self.asked.append(name)
        if name not in self.files:
            raise DownloadHTTPError("not found", 404)
        return iter((self.files[name],))

    def signer(self, name: str) -> CryptoSigner:
        """The key of that name, as ``root-1``."""
        if name not in self._signers:
            secret = hashlib.sha256(self._seed + name.encode()).digest()
            self._signers[name] = CryptoSigner(Ed25519PrivateKey.from_private_bytes(secret), None)
        return self._signers[name]

    def keys(self, role: str) -> list[str]:
        """The names of all keys of a role."""
        return [f"{role}-{number}" for number in range(1, KEYS[role] + 1)]

    @property
    def root(self) -> bytes:
        """The root that clients begin with."""
        return self.files["1.root.json"]

    def _begin(self) -> None:
        root = Root(consistent_snapshot=True)
        for role in ("root", "timestamp", "snapshot", "targets"):
            for name in self.keys(role):
                root.add_key(self.signer(name).public_key, role)
            root.roles[role].threshold = NEEDED[role]
        targets, delegated = Targets(), {}
        for role, path in (("revocations", LIST), ("urgent", URGENT)):
            delegated[role] = DelegatedRole(role, [], NEEDED[role], True, paths=[path])
        targets.delegations = Delegations({}, delegated)
        for role in delegated:
            for name in self.keys(role):
                targets.add_key(self.signer(name).public_key, role)
        self.signed = {"root": root, "targets": targets, "revocations": Targets(), "urgent": Targets()}
        self.signed |= {"snapshot": Snapshot(), "timestamp": Timestamp()}
        self.put("revocations", LIST, listed(1, updated=self.now.timestamp()))
        self.put("urgent", URGENT, urgent(1, after=1, updated=self.now.timestamp()))
        self.write("root", bump=False)
        self.publish(("targets", "revocations", "urgent"), bump=False)

    def put(self, role: str, path: str, data: bytes) -> None:
        """Let a role name these bytes, and serve them."""
        target = TargetFile.from_data(path, data, ["sha256"])
        self.signed[role].targets[path] = target
        folder, slash, name = path.rpartition("/")
        self.files[f"targets/{folder}{slash}{target.hashes['sha256']}.{name}"] = data
        self.first.setdefault(path, data)

    def write(
        self, role: str, edit: Edit = nothing, *, keys: Iterable[str] | None = None, bump: bool = True
    ) -> str:
        """Sign the next version of a role, edited, with these keys (all of its own by default). Returns its file."""
        signed = self.signed[role]
        signed.version += bump
        signed.expires = self.now + timedelta(days=2)
        edit(signed)
        metadata: Metadata[Any] = Metadata(signed)
        for name in self.keys(role) if keys is None else keys:
            metadata.sign(self.signer(name), append=True)
        file = "timestamp.json" if role == "timestamp" else f"{signed.version}.{role}.json"
        self.files[file] = metadata.to_bytes(_SMALL)
        return file

    def publish(self, roles: Iterable[str] = (), *, bump: bool = True) -> None:
        """An honest next state with new versions of these roles."""
        for role in roles:
            self.write(role, bump=bump)
        self.carry(bump=bump)

    def carry(self, edit: Edit = nothing, *, bump: bool = True) -> None:
        """Sign snapshot and timestamp over what is there: what both online keys can do."""
        for role in ("targets", "revocations", "urgent"):
            self.signed["snapshot"].meta[f"{role}.json"] = MetaFile(self.signed[role].version)
        self.write("snapshot", edit, bump=bump)
        self.signed["timestamp"].snapshot_meta = MetaFile(self.signed["snapshot"].version)
        self.write("timestamp", bump=bump)

    def next_state(self, number: int) -> None:
        """An honest state with new lists under this number."""
        moment = self.now.timestamp()
        self.put("revocations", LIST, listed(number, updated=moment))
        self.put("urgent", URGENT, urgent(number, after=number, updated=moment))
        self.publish(("revocations", "urgent"))


def listed(seq: int, *, updated: float, entries: Iterable[object] = (), **more: object) -> bytes:
    """A list of revocations."""
    value = {
        "format": "locara-revocations/2",
        "seq": seq,
        "updated": updated,
        "entries": list(entries),
        **more,
    }
    return json.dumps(value, sort_keys=True).encode()


def urgent(seq: int, *, after: int, updated: float, entries: Iterable[object] = ()) -> bytes:
    """An urgent list."""
    value = {"format": "locara-revocations-urgent/1", "seq": seq, "updated": updated, "after": after}
    return json.dumps({**value, "entries": list(entries)}, sort_keys=True).encode()

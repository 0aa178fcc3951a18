"""A set of TUF metadata verified from its files alone, from a root that is trusted to every target that is wanted.

The TUF client of python-tuf verifies what it fetches. This module verifies the result once more, from what lies
on the disk, for three reasons: the copy must be believed again at each later start, without a server; the time to
compare with is the latest ever seen and not the machine's clock; and a role is verified against each role that
delegates to it, where the library keeps it by its name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import quote

from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from locara.records import dataclass
from locara.trust.repository.refused import UpdateRefused, refusal_of

MAX_ROOT: Final = 512_000
MAX_TIMESTAMP: Final = 16_384
MAX_SNAPSHOT: Final = 2_000_000
MAX_TARGETS: Final = 5_000_000
MAX_ROTATIONS: Final = 256
MAX_DELEGATIONS: Final = 32

Read = Callable[[str], bytes | None]
"""The bytes of a metadata file by its name, None when there is none."""
_Role = TypeVar("_Role", Root, Timestamp, Snapshot, Targets)
_Part = Root | Timestamp | Snapshot | Targets


@dataclass(slots=True)
class VerifiedSet:
    """Metadata that is consistent and signed by whom it must be.

    ``files`` holds the bytes of every file that was used, by name; ``targets`` what was asked for and found.
    ``expires`` is the earliest end of life among the parts that were used.
    """

    root: Root
    timestamp: Timestamp
    snapshot: Snapshot
    files: dict[str, bytes] = field(default_factory=dict)
    targets: dict[str, TargetFile] = field(default_factory=dict)
    roles: dict[str, Targets] = field(default_factory=dict)

    @property
    def expires(self) -> datetime:
        """When the first part of it ends."""
        parts: list[_Part] = [self.root, self.timestamp, self.snapshot, *self.roles.values()]
        return min(part.expires for part in parts)

    def version(self, role: str) -> int:
        """The version of a role that was used."""
        top: Mapping[str, _Part] = {"root": self.root, "timestamp": self.timestamp, "snapshot": self.snapshot}
        return (top[role] if role in top else self.roles[role]).version


def root_name(version: int) -> str:
    """The file of a root: every version is kept, because each is trusted through the one before."""
    return f"root_history/{version}.root.json"


def role_file(name: str) -> str:
    """The file of a role: a role may be called anything, and no name of one is a path."""
    return f"{quote(name, safe='')}.json"


def verify(read: Read, root: bytes, wanted: Iterable[str], *, at: float | None) -> VerifiedSet:
    """The verified set in these files for these targets. Targets that the set does not know are left out.

    ``root`` is trusted as it is. ``at`` is the time, in seconds since 1970, that nothing may have expired at;
    None judges no expiry: that is for what was verified in time before. Raises UpdateRefused.
    """
    moment = None if at is None else datetime.fromtimestamp(at, UTC)
    try:
        return _Verifier(read, moment).run(root, wanted)
    except Exception as error:
        raise refusal_of(error, "the metadata is refused") from error


class _Verifier:
    def __init__(self, read: Read, at: datetime | None) -> None:
        self._read = read
        self._at = at
        self._files: dict[str, bytes] = {}
        self._delegated: set[tuple[str, str]] = set()

    def run(self, root: bytes, wanted: Iterable[str]) -> VerifiedSet:
        trusted = self._roots(root)
        stamp = self._load(Timestamp, self._file("timestamp.json", MAX_TIMESTAMP), trusted, "timestamp")
        data = self._file("snapshot.json", MAX_SNAPSHOT)
        stamp.snapshot_meta.verify_length_and_hashes(data)
        snapshot = self._load(Snapshot, data, trusted, "snapshot")
        _same_version("snapshot", snapshot.version, stamp.snapshot_meta.version)
        found = VerifiedSet(trusted, stamp, snapshot, self._files)
        self._role(found, "targets", trusted, "root")
        for path in wanted:
            target = self._find(found, path)
            if target is not None:
                found.targets[path] = target
        return found

    def _roots(self, data: bytes) -> Root:
        """The newest root that can be reached, each step signed by the old one and by the new one."""
        first = Metadata[Root].from_bytes(data)
        if first.signed.type != Root.type:
            raise UpdateRefused("the trusted root is no root", code="malformed")
        first.signed.verify_delegate(Root.type, first.signed_bytes, first.signatures)
        trusted = first.signed
        for _ in range(MAX_ROTATIONS):
            name = root_name(trusted.version + 1)
            data_or_none = self._read(name)
            if data_or_none is None:
                break
            self._files[name] = _bounded(name, data_or_none, MAX_ROOT)
            newer = self._load(Root, data_or_none, trusted, Root.type, judged=False)
            self._load(Root, data_or_none, newer, Root.type, judged=False)
            if newer.version != trusted.version + 1:
                raise UpdateRefused(
                    f"root {newer.version} does not follow {trusted.version}", code="rollback"
                )
            trusted = newer
        self._judge_age("root", trusted)
        return trusted

    def _find(self, found: VerifiedSet, path: str) -> TargetFile | None:
        """The target of a path, by the delegations in the order that they are written."""
        visited: set[str] = set()

        def ask(role: str) -> tuple[TargetFile | None, bool]:
            """What a role says, and whether nobody after it may be asked."""
            if role in visited or len(visited) > MAX_DELEGATIONS:
                return None, False
            visited.add(role)
            part = found.roles[role]
            if path in part.targets:
                return part.targets[path], True
            for child, terminating in _delegations(part, path):
                self._role(found, child, part, role)
                target, ends = ask(child)
                if target is not None or ends or terminating:
                    return target, True
            return None, False

        return ask("targets")[0]

    def _role(self, found: VerifiedSet, name: str, delegator: Root | Targets, delegator_name: str) -> None:
        if (delegator_name, name) in self._delegated:
            return
        meta = found.snapshot.meta.get(f"{name}.json")
        if meta is None:
            raise UpdateRefused(f"the snapshot does not know the role {name}", code="mixed")
        data = self._file(role_file(name), MAX_TARGETS)
        meta.verify_length_and_hashes(data)
        part = self._load(Targets, data, delegator, name)
        _same_version(name, part.version, meta.version)
        self._delegated.add((delegator_name, name))
        found.roles[name] = part

    def _file(self, name: str, limit: int) -> bytes:
        data = self._read(name)
        if data is None:
            raise UpdateRefused(f"{name} is missing", code="mixed")
        self._files[name] = _bounded(name, data, limit)
        return data

    def _load(
        self, kind: type[_Role], data: bytes, delegator: Root | Targets, name: str, *, judged: bool = True
    ) -> _Role:
        read = Metadata[_Role].from_bytes(data)
        if read.signed.type != kind.type or not isinstance(read.signed, kind):
            raise UpdateRefused(f"{name} is metadata of another kind", code="malformed")
        delegator.verify_delegate(name, read.signed_bytes, read.signatures)
        if judged:
            self._judge_age(name, read.signed)
        return read.signed

    def _judge_age(self, name: str, part: _Part) -> None:
        if self._at is not None and part.is_expired(self._at):
            raise UpdateRefused(
                f"the role {name} ended on {part.expires:%Y-%m-%d %H:%M} UTC",
                code="expired",
                fix="the registry has not signed lately, or this machine's clock is or was wrong",
            )


def _delegations(part: Targets, path: str) -> Iterator[tuple[str, bool]]:
    return iter(()) if part.delegations is None else part.delegations.get_roles_for_target(path)


def _same_version(name: str, version: int, wanted: int) -> None:
    if version != wanted:
        raise UpdateRefused(f"{name} is version {version}, and {wanted} belongs to this state", code="mixed")


def _bounded(name: str, data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise UpdateRefused(f"{name} has {len(data):,} bytes, more than {limit:,}", code="too_long")
    return data

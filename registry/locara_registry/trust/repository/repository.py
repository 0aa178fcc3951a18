"""What an operator does with an update repository: make it, publish, renew, rotate keys, look at it.

Every action reads what is published, changes it in memory, has it verified as a client would verify it, and only
then writes. An action that cannot get all its signatures writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from securesystemslib.signer import Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Root,
    Snapshot,
    SuccinctRoles,
    Targets,
    Timestamp,
)

from locara.errors import UsageError
from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError
from locara.trust.repository.names import REVOCATIONS, URGENT
from locara.trust.repository.verified import verify
from locara.trust.revocation.document import Known, parse_listed, parse_urgent, written
from locara_registry.trust.repository import lists
from locara_registry.trust.repository.files import Published
from locara_registry.trust.repository.keyring import Keyring, able, public_of
from locara_registry.trust.repository.layout import (
    BIN_PREFIX,
    BINS,
    DELEGATED,
    OFFLINE,
    ROLES,
    TOP,
    Layout,
    Role,
    delegator,
    holder,
)
from locara_registry.trust.repository.state import State

_FORMAT: Final = "locara-repository/1"
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """One role as it is published: its version, its end, its keys, and how many of them are here."""

    name: str
    version: int
    expires: datetime
    threshold: int
    keys: int
    here: int


class Repository:
    """A repository in a folder: `layout.json`, and `public/`, which is what is served."""

    def __init__(self, folder: Path, keys: Keyring, *, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.folder = folder
        self._keys = keys
        self._clock = clock
        self._published = Published(folder / "public")

    @property
    def public(self) -> Path:
        """The folder to serve."""
        return self._published.folder

    @property
    def layout(self) -> Layout:
        """Who may sign what here. TrustError when there is no repository."""
        try:
            return _read_layout((self.folder / "layout.json").read_bytes())
        except FileNotFoundError as error:
            raise TrustError(
                Reason.MATERIAL_MISSING,
                f"there is no repository in {self.folder}",
                fix="locara-registry tuf init",
            ) from error

    def create(self, layout: Layout, targets: Mapping[str, bytes]) -> bytes:
        """Make keys and the first state, and return the root that clients begin with.

        ``targets`` are what it carries at once. FileExistsError when there are keys or a repository already.
        """
        if (self.folder / "layout.json").exists() or self._published.newest_root():
            raise FileExistsError(self.folder)
        self._keys.create(layout)
        now = self._clock()
        state = State(self._published, Metadata(Root(consistent_snapshot=True)))
        for name in ("targets", *DELEGATED):
            state.roles[name] = Metadata(Targets())
        top = {
            name: DelegatedRole(
                name, [], layout.role(name).threshold, True, paths=list(layout.role(name).paths)
            )
            for name in DELEGATED
        }
        state.roles["targets"].signed.delegations = Delegations({}, top)
        bins = SuccinctRoles([], layout.bins.threshold, layout.bits, BIN_PREFIX)
        state.roles["catalog"].signed.delegations = Delegations({}, succinct_roles=bins)
        for name in bins.get_roles():
            state.roles[name] = Metadata(Targets())
        state.snapshot, state.timestamp = Metadata(Snapshot()), Metadata(Timestamp())
        for role in ROLES:
            for signer in self._keys.signers(role):
                state.allow(role, signer)
            if role in TOP:
                state.root.signed.roles[role].threshold = layout.role(role).threshold
        begun = lists.first(now.timestamp())
        _put_lists(state, begun)
        for path, data in targets.items():
            state.put(path, data)
        state.touch((*state.roles, "root"))
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._published.alone():
            files = state.files(self._keys, layout, now, also={})
            self._check(state, files, files["1.root.json"])
            self._published.write(files)
            (self.folder / "layout.json").write_bytes(_layout_bytes(layout))
        return files["1.root.json"]

    def publish(self, targets: Mapping[str, bytes]) -> tuple[str, ...]:
        """Carry these bytes under these paths, and return the paths that were new or changed.

        Raises UsageError for a path that no role carries, TrustError when signatures are missing.
        """
        with self._alone() as state:
            try:
                changed = tuple(path for path, data in targets.items() if state.put(path, data))
            except ValueError as error:
                raise UsageError(f"{error}", fix="see `locara-registry tuf publish --help`") from error
            if changed:
                self._write(state)
        return changed

    def revise(self, change: Callable[[Known, float], Known]) -> Known:
        """Change the lists of revocations by one of the functions of `lists`, and return them.

        A list that needs several keys and an urgent one that needs one are signed as far as they changed.
        """
        now = self._clock().timestamp()
        with self._alone() as state:
            before = _lists_of(state)
            after = change(before, now)
            if written(after.listed) != written(before.listed) and after.urgent == before.urgent:
                after = lists.renewed(after, now=now)
            _put_lists(state, after)
            if state.changed:
                self._write(state)
        return after

    def lists(self) -> Known:
        """The lists of revocations as they are published."""
        return _lists_of(State.read(self._published))

    def renew(self, *, force: bool = False) -> tuple[str, ...]:
        """Sign anew what ends within two thirds of its life and can be signed here; return those roles.

        The urgent list is issued again each time, so that its time says that both lists are current. Offline
        roles are signed only when their keys are here.
        """
        layout, now = self.layout, self._clock()
        with self._alone() as state:
            due = tuple(name for name in state.roles if force or _is_due(state, name, layout, now))
            due = tuple(name for name in due if self._can_sign(state, name))
            state.touch(due)
            if self._can_sign(state, "urgent"):
                _put_lists(state, lists.renewed(_lists_of(state), now=now.timestamp()))
            if force or _is_due(state, "snapshot", layout, now):
                state.touch(("snapshot",))
            if (force or _is_due(state, "root", layout, now)) and self._can_sign(state, "root"):
                state.touch(("root",))
                due = (*due, "root")
            self._write(state)
        return due

    def rotate(self, role: str, keyid: str | None = None) -> tuple[str, str]:
        """Make a new key for a role and take an old one away: the oldest, or the one named. Returns both ids.

        Signed by enough old and new keys, so that clients follow without a gap. For a key that was stolen, also
        list it as revoked: what it signed before stays signed.
        """
        if role not in ROLES:
            raise UsageError(f"{role} is not a role", fix=f"one of {', '.join(ROLES)}")
        with self._alone() as state:
            before = self._keys.signers(role)
            old, _ = state.authority(_one_of(role, state))
            gone = keyid or _oldest(before, old, role)
            if gone not in old:
                raise UsageError(f"{gone} is not a key of {role}")
            self._require(state, delegator(_one_of(role, state)))
            name = self._keys.add(role)
            new = self._keys.signers(role)[-1]
            state.allow(role, new)
            state.forbid(role, gone)
            touched = _signed_by(role, state)
            state.touch(touched)
            also = {part: before for part in touched if role in TOP}
            self._write(state, also=also)
        return gone, f"{public_of(new).keyid} ({name})"

    def status(self) -> tuple[RoleStatus, ...]:
        """Every role but the bins one by one; of those the one that ends first stands for all."""
        state = State.read(self._published)
        bins = [name for name in state.roles if holder(name) == BINS]
        shown = {name: name for name in (*TOP, *DELEGATED)}
        shown[BINS] = min(bins, key=lambda name: state.roles[name].signed.expires)
        found = []
        for name, part in shown.items():
            keyids, threshold = state.authority(part)
            here = sum(public_of(signer).keyid in keyids for signer in self._keys.signers(name))
            said = state.part(part)
            found.append(RoleStatus(name, said.version, said.expires, threshold, len(keyids), here))
        return tuple(found)

    @contextmanager
    def _alone(self) -> Iterator[State]:
        """While the block runs nobody else changes the state that it is given."""
        _ = self.layout  # raises where there is no repository, before anything is made
        with self._published.alone():
            yield State.read(self._published)

    def _write(self, state: State, *, also: dict[str, tuple[Signer, ...]] | None = None) -> None:
        newest = self._published.newest_root()
        files = state.files(self._keys, self.layout, self._clock(), also=also or {})
        self._check(state, files, self._published.read(f"{newest}.root.json"))
        self._published.write(files)

    def _check(self, state: State, files: Mapping[str, bytes], root: bytes) -> None:
        """Verify what is about to be published as clients will: those who have the new root and those who have
        not fetched it yet. Raises UpdateRefused."""

        def read(name: str) -> bytes | None:
            if name == "timestamp.json":
                return files[name]
            file = f"{state.part(name.removesuffix('.json')).version}.{name}"
            return files[file] if file in files else self._published.read(file)

        def read_with_root(name: str) -> bytes | None:
            if name.startswith("root_history/"):
                return files.get(name.removeprefix("root_history/"))
            return read(name)

        now = self._clock().timestamp()
        verify(read_with_root, root, (REVOCATIONS, URGENT), at=now)
        verify(
            lambda name: None if name.startswith("root_history/") else read(name),
            root,
            (REVOCATIONS, URGENT),
            at=None,  # the old root may have ended: that is what a new one is for
        )

    def _require(self, state: State, name: str) -> None:
        """Raise TrustError unless a role can be signed here, before anything is made."""
        keyids, threshold = state.authority(name)
        able(self._keys.signers(holder(name)), keyids, threshold, name)

    def _can_sign(self, state: State, name: str) -> bool:
        role = holder(name)
        if role in OFFLINE and not self._keys.names(role):
            return False
        keyids, threshold = state.authority(name)
        here = [signer for signer in self._keys.signers(role) if public_of(signer).keyid in keyids]
        return len(here) >= threshold


def _put_lists(state: State, known: Known) -> None:
    state.put(REVOCATIONS, written(known.listed))
    if known.urgent is not None:
        state.put(URGENT, written(known.urgent))


def _lists_of(state: State) -> Known:
    listed, urgent = state.get(REVOCATIONS), state.get(URGENT)
    if listed is None or urgent is None:
        raise TrustError(Reason.MATERIAL_MISSING, "the repository has no lists of revocations")
    return Known(parse_listed(listed), parse_urgent(urgent))


def _is_due(state: State, name: str, layout: Layout, now: datetime) -> bool:
    """Whether less than two thirds of a role's life are left."""
    left = (state.part(name).expires - now.replace(microsecond=0)).total_seconds()
    return left < layout.role(holder(name)).life * 2 / 3


def _oldest(signers: Iterable[Signer], keyids: Iterable[str], role: str) -> str:
    wanted = set(keyids)
    found = [public_of(signer).keyid for signer in signers if public_of(signer).keyid in wanted]
    if not found:
        raise TrustError(
            Reason.MATERIAL_MISSING,
            f"no key of {role} is here",
            fix="--offline DIR, or name the key to take away",
        )
    return found[0]


def _one_of(role: str, state: State) -> str:
    """A role that the keys of another sign: for the bins, one of them."""
    return next(name for name in state.roles if holder(name) == BINS) if role == BINS else role


def _signed_by(role: str, state: State) -> tuple[str, ...]:
    """The roles that a key of this one signs."""
    return tuple(name for name in state.roles if holder(name) == BINS) if role == BINS else (role,)


def _layout_bytes(layout: Layout) -> bytes:
    roles = {
        name: {key: value for key, value in asdict(layout.role(name)).items() if key != "paths"}
        for name in ROLES
    }
    value = {"format": _FORMAT, "renew": layout.renew, "bits": layout.bits, "roles": roles}
    return (json.dumps(value, indent=2) + "\n").encode()


def _read_layout(data: bytes) -> Layout:
    try:
        value = json.loads(data)
        if value["format"] != _FORMAT:
            raise ValueError("another format")
        told = {name: Role(**value["roles"][name], paths=Layout().role(name).paths) for name in ROLES}
        return replace(Layout(), renew=value["renew"], bits=value["bits"], **told)
    except (ValueError, KeyError, TypeError) as error:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"layout.json is not one: {error}") from error

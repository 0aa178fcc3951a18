"""Fetching an update, and reading the last one without a network.

An update counts when everything in it was verified twice: by the TUF client while it was fetched, and from the
files afterwards, at the latest time ever seen. Until then the copy before it stays. What is read later is verified
again from the root that was trusted when following began, so that a file that was edited on this machine is
refused and not believed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara.trust.repository.home import MAX_TARGET, Home, Registry
from locara.trust.repository.names import OPTIONAL, REQUIRED
from locara.trust.repository.refused import UpdateRefused, refusal_of
from locara.trust.repository.verified import (
    MAX_DELEGATIONS,
    MAX_ROOT,
    MAX_ROTATIONS,
    MAX_SNAPSHOT,
    MAX_TARGETS,
    MAX_TIMESTAMP,
    VerifiedSet,
    verify,
)

if TYPE_CHECKING:
    from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

WANTED: Final = (*REQUIRED, *OPTIONAL)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that was verified. Its targets are compared with their digests each time they are read."""

    metadata: VerifiedSet
    _bytes: Callable[[str], bytes | None]

    @property
    def names(self) -> tuple[str, ...]:
        """The targets that were asked for and are there, sorted."""
        return tuple(sorted(self.metadata.targets))

    def read(self, path: str) -> bytes:
        """The bytes of a target. UpdateRefused: ``unknown_target`` when the copy has none of that name,
        ``copy_changed`` when its bytes are not the ones that were signed."""
        target = self.metadata.targets.get(path)
        if target is None:
            raise UpdateRefused(f"the registry has no {path}", code="unknown_target")
        data = self._bytes(path)
        try:
            if data is None:
                raise ValueError("it is gone")
            target.verify_length_and_hashes(data)
        except Exception as error:
            raise UpdateRefused(
                f"the copy of {path} on this machine is not the one that was signed ({error})",
                code="copy_changed",
                fix="run `locara trust update`; look at who changed it",
            ) from error
        return data


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update brought. ``changed`` is false when it was the copy that was there already."""

    copy: Copy
    changed: bool
    requests: int


def open_copy(home: Home, wanted: Iterable[str] = WANTED) -> Copy:
    """The last whole copy, verified from its files. Opens no socket and judges no expiry.

    Raises UpdateRefused: ``not_followed``, ``no_copy``, ``copy_changed``.
    """
    registry = home.registry()
    _ = home.good
    try:
        found = verify(home.metadata, registry.root, wanted, at=None)
    except UpdateRefused as error:
        raise UpdateRefused(
            f"the copy on this machine is not the one that was verified ({error.message})",
            code="copy_changed",
            fix="run `locara trust update`; look at who changed it",
        ) from error
    return Copy(found, home.target)


def update(
    home: Home,
    *,
    now: float,
    accept: Callable[[Copy], None] = lambda copy: None,
    required: tuple[str, ...] = REQUIRED,
    optional: tuple[str, ...] = OPTIONAL,
    fetcher: FetcherInterface | None = None,
) -> Updated:
    """Fetch what is new and make it the last whole copy.

    ``now`` is the latest time ever seen, in seconds since 1970: nothing may have expired by then. ``accept`` may
    raise, and then the copy before stays. ``required`` are the targets that must be there, ``optional`` those that
    are kept where the registry has them. Raises UpdateRefused, and whatever ``accept`` raises.
    """
    from locara.trust.repository.fetcher import Fetcher  # noqa: PLC0415 - what is read offline needs no network

    registry = home.registry()
    asking = Fetcher() if fetcher is None else fetcher
    wanted = (*required, *optional)
    with home.alone():
        try:
            updater = _refreshed(home, registry, asking, wanted)
            found = verify(home.seen_metadata, registry.root, wanted, at=now)
            missing = [path for path in required if path not in found.targets]
            if missing:
                raise UpdateRefused(f"the registry has no {', '.join(missing)}", code="unknown_target")
            before = _before(home, wanted)
            held = {path: _target(updater, found, path, before) for path in found.targets}
        finally:
            if isinstance(asking, Fetcher):
                asking.close()
        copy = Copy(found, held.get)
        for path in copy.names:
            copy.read(path)
        accept(copy)
        changed = before is None or not _same(before, copy)
        if changed:
            home.keep(found.files, held)
    return Updated(open_copy(home, wanted), changed, getattr(asking, "requests", 0))


def _refreshed(home: Home, registry: Registry, asking: FetcherInterface, wanted: Iterable[str]) -> Updater:
    from tuf.ngclient import Updater  # noqa: PLC0415 - as above

    try:
        home.seen.mkdir(exist_ok=True, mode=0o700)
        updater = Updater(
            metadata_dir=str(home.seen),
            metadata_base_url=registry.url,
            target_base_url=registry.targets_url,
            fetcher=asking,
            config=limits(),
            bootstrap=registry.root,
        )
        updater.refresh()
        for path in wanted:
            updater.get_targetinfo(path)
    except Exception as error:
        raise refusal_of(error, "the update is refused") from error
    return updater


def limits() -> UpdaterConfig:
    """How much of anything is fetched at most."""
    from tuf.ngclient import UpdaterConfig  # noqa: PLC0415 - as above

    return UpdaterConfig(
        max_root_rotations=MAX_ROTATIONS,
        max_delegations=MAX_DELEGATIONS,
        root_max_length=MAX_ROOT,
        timestamp_max_length=MAX_TIMESTAMP,
        snapshot_max_length=MAX_SNAPSHOT,
        targets_max_length=MAX_TARGETS,
    )


def _target(updater: Updater, found: VerifiedSet, path: str, before: Copy | None) -> bytes:
    """The bytes of a target: those of the copy before where they are the same, else from the registry."""
    target = found.targets[path]
    if target.length > MAX_TARGET:
        raise UpdateRefused(f"{path} has {target.length:,} bytes, more than {MAX_TARGET:,}", code="too_long")
    known = None if before is None else before.metadata.targets.get(path)
    if before is not None and known is not None and known.hashes == target.hashes:
        with suppress(UpdateRefused):  # edited or gone: fetched again
            return before.read(path)
    try:
        return _download(updater, path)
    except Exception as error:
        raise refusal_of(error, path) from error


def _download(updater: Updater, path: str) -> bytes:
    info = updater.get_targetinfo(path)
    if info is None:
        raise UpdateRefused(f"the registry has no {path}", code="unknown_target")
    with tempfile.TemporaryDirectory(prefix="locara-update-") as folder:
        return Path(updater.download_target(info, filepath=str(Path(folder) / "target"))).read_bytes()


def _before(home: Home, wanted: tuple[str, ...]) -> Copy | None:
    try:
        return open_copy(home, wanted)
    except UpdateRefused:
        return None


def _same(before: Copy, after: Copy) -> bool:
    """Whether the copy that is there is this one, with all its bytes."""
    if before.metadata.files != after.metadata.files or before.names != after.names:
        return False
    try:
        return all(before.read(path) == after.read(path) for path in after.names)
    except UpdateRefused:
        return False

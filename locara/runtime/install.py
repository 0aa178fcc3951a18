"""Installing an app from its bundle: verified strictly, kept whole, and on record before it can be started.

Nothing is taken on trust from the bundle: who must have built it, from what, and who must have signed is said by the
person, or was said when the app was first installed. All that comes with it must hold, and among it must be how it was
built and that `locara verify --strict` passed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from locara.durable import sync_folder
from locara.records import dataclass
from locara.runtime.app import AppBundle
from locara.runtime.installed import Installed, Shelf, installed, older, record_name
from locara.runtime.origin import Origin, record_origin
from locara.runtime.revocation import refuse_install
from locara.runtime.state import StartError, StateFolder
from locara.staging import attempt
from locara.trust.attestation import Attestation, Expectation, Recalled, Required, verify_set, verify_strict
from locara.trust.bundle.instance import TrustInstance
from locara.trust.locapp import Unpacked, unpack
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement import provenance
from locara.trust.statement.provenance import repository_of
from locara.trust.statement.summary import LOCAL_ONLY

_COMING: Final = ".coming-"
"""Begins the name of a folder in which a bundle is unpacked."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the person expects of a bundle. What they leave out is what they said when the app was first installed."""

    source: str | None = None
    builder: str | None = None
    identity: str | None = None

    def or_before(self, before: Installed | None) -> Source:
        """This, completed by what was expected before."""
        if before is None:
            return self
        return Source(
            self.source or before.source, self.builder or before.builder, self.identity or before.identity
        )


@dataclass(frozen=True, slots=True)
class Installer:
    """Where apps are kept and what they are checked against. ``allow_older`` is the person's word for going back."""

    state: StateFolder
    shelf: Shelf
    instance: TrustInstance
    recalled: Recalled
    now: float
    allow_older: bool = False

    def install(self, bundle: Path, told: Source) -> tuple[Installed, tuple[str, ...]]:
        """The record of the app that is installed now, and what the person should be told.

        Whatever is refused leaves the version before as it was. Raises TrustError for a bundle that is not to be
        believed or not to be installed, ManifestError, BundleError, StartError ``revoked`` and of the state.
        """
        with ExitStack() as stack:
            with _writing(self.shelf.path):
                self.shelf.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                folder = stack.enter_context(attempt(self.shelf.path, _COMING))
            found = unpack(bundle, folder)
            found.whole()
            app = AppBundle.open(found.app)
            app_id = app.grants.app_id
            if (app_id, app.grants.version) != (found.listed.app, found.listed.version):
                raise TrustError(
                    Reason.PACKAGE_MISMATCH,
                    f"the list is of {found.listed.app} {found.listed.version}, the manifest in it of {app_id} "
                    f"{app.grants.version}",
                )
            with self.state.alone(record_name(app_id)):
                before = installed(self.state, app_id)
                self._not_older(found, before)
                want = self._wanted(found, told.or_before(before))
                origin = self._believed(found, want)
                notices = refuse_install(
                    self.state, app.grants, origin, update=before is not None, now=self.now
                )
                return self._keep(found, app, want, origin, before), notices

    def _not_older(self, found: Unpacked, before: Installed | None) -> None:
        if before is None or self.allow_older:
            return
        version, digest = found.listed.version, str(found.digest)
        if older(version, before.floor):
            raise TrustError(
                Reason.VERSION_OLDER,
                f"{before.app} {before.floor} was installed here, and this is {version}",
                fix="get the newest version, or say --allow-older",
            )
        if version == before.version and digest != before.bundle:
            raise TrustError(
                Reason.VERSION_OLDER,
                f"{before.app} {version} was installed here with other files",
                fix="two bundles of one version: ask the publisher which is right",
            )

    def _wanted(self, found: Unpacked, told: Source) -> Expectation:
        want = Expectation(
            artifact=found.digest,
            source=told.source,
            builder=told.builder,
            identity=told.identity,
            commit=found.listed.commit,
        )
        want.whole()
        if repository_of(found.listed.source) != repository_of(want.source or ""):
            raise TrustError(
                Reason.SOURCE_MISMATCH,
                f"the bundle says it was built from {found.listed.source}, not from {want.source}",
            )
        return want

    def _believed(self, found: Unpacked, want: Expectation) -> Origin:
        """How it was built, when each attestation that comes with it holds."""
        now = datetime.fromtimestamp(self.now, UTC)
        believed: list[Attestation] = []
        for name, raw in found.attestations:
            try:
                believed.append(verify_strict(raw, self.instance, want, now=now, recalled=self.recalled))
            except TrustError as error:
                raise TrustError(error.reason, f"{name[:120]}: {error.message}", fix=error.fix) from error
        verify_set(believed, Required(level=LOCAL_ONLY))
        built = next(one for one in believed if one.statement.predicate_type == provenance.TYPE)
        return Origin(
            artifact=str(found.digest),
            commit=found.listed.commit,
            signer=built.signer.identity,
            signed_at=max(time for one in believed for time in one.signature.times).timestamp(),
            keys=frozenset(f"sha256:{key}" for one in believed for key in one.signature.keys),
        )

    def _keep(
        self, found: Unpacked, app: AppBundle, want: Expectation, origin: Origin, before: Installed | None
    ) -> Installed:
        """Put it on the shelf and on record. A kill leaves the version before, or this one, or neither to start."""
        version = found.listed.version
        floor = version if before is None or older(before.floor, version) else before.floor
        one = Installed(
            app=found.listed.app,
            version=version,
            floor=floor,
            bundle=str(found.digest),
            manifest=str(app.grants.manifest_digest),
            source=want.source or "",
            builder=want.builder or "",
            identity=want.identity or "",
            instance=self.instance.name,
        )
        place = self.shelf.place(one)
        with _writing(place):
            place.parent.mkdir(exist_ok=True, mode=0o700)
            _durable(found.app)
            aside = found.app.with_name("before")
            if place.exists():
                place.rename(aside)
            found.app.rename(place)
            sync_folder(place.parent)
        record_origin(self.state, app.grants, origin)
        self.state.write(record_name(one.app), one.model_dump())
        self._sweep(one, before)
        return one

    def _sweep(self, one: Installed, before: Installed | None) -> None:
        """Remove versions that neither run now nor ran before: one that runs may still read its files."""
        kept = {one.folder} | (set() if before is None else {before.folder})
        for path in self.shelf.of(one.app).iterdir():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)


def _durable(app: Path) -> None:
    """On the disk, and writable by the person alone whatever the umask was.

    Readable by all: the runtime inside may be another user. The shelf above keeps others out.
    """
    for folder, _, names in os.walk(app, topdown=False):
        for name in names:
            fd = os.open(Path(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fchmod(fd, 0o644)
                os.fsync(fd)
            finally:
                os.close(fd)
        Path(folder).chmod(0o755)
        sync_folder(Path(folder))


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(
            f"{place} cannot be written: {error.strerror}",
            code="state_unwritable",
            fix="make room or correct the rights; what was installed before stays",
        ) from error

"""What a version is let run with, and how the runtime inside is told: what is awake, and what still sleeps.

The launcher reads the manifest, and writes what of it is awake into a file whose digest it hands over. The runtime
takes that file and no other, and reads no manifest: only that the one that was agreed to lies there, and that it
names each power.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.core.capability import Kind
from locara.core.digest import Digest
from locara.core.grant import Grants, Origin, intersect
from locara.core.grant_json import grants_json, read_grants
from locara.records import dataclass
from locara.runtime.app_home import file_name
from locara.runtime.manifest_file import MANIFEST_NAME, read_manifest
from locara.runtime.standing import Asleep, Layer
from locara.runtime.state import MAX_BYTES, StartError, StateFolder

if TYPE_CHECKING:
    from locara.runtime.app import AppBundle

AWAKE_NAME: Final = "awake.json"
_LEFT_BEHIND_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Admission:
    """A version that may start. ``bundle`` holds the Grants that are awake, ``asleep`` the rest.

    ``notices`` is what the person should be told about it: warnings of the list of revocations, and its age.
    """

    bundle: AppBundle
    asleep: Asleep
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Admitted:
    """The same inside the sandbox: the Grants that are awake, what sleeps, and which models this machine's memory
    chose (``{name, fits, models: [id]}``, None where the manifest has no profiles)."""

    grants: Grants
    asleep: Asleep = field(default_factory=Asleep)
    profile: Mapping[str, Any] | None = None


@contextmanager
def awake_file(state: StateFolder, admission: Admission) -> Iterator[tuple[Path, Digest]]:
    """While the block runs: the file that tells the runtime inside what is awake, and its digest.

    What is written can only narrow the manifest, whatever was remembered of earlier versions.
    """
    from locara.core.compile import compile_grants  # noqa: PLC0415 - inside, this module is loaded without it

    declared = compile_grants(admission.bundle.manifest)
    app = file_name(declared.app_id)
    _remove_left_behind(state, app)
    name = f"consent/{app}.{secrets.token_hex(8)}.{AWAKE_NAME}"
    # Read inside by another user when the launcher is root; the folder around it is the person's alone.
    digest = state.write(name, _written(declared, admission), mode=0o444)
    try:
        yield Path(os.path.realpath(state.path)) / name, digest
    finally:
        state.remove(name)


def _written(declared: Grants, admission: Admission) -> dict[str, Any]:
    return {
        "awake": grants_json(intersect(declared, admission.bundle.grants)),
        "asleep": [
            {"wakes": layer.wakes, "grants": grants_json(intersect(declared, layer.grants))}
            for layer in admission.asleep.layers
        ],
        "declared": {
            str(grant.kind): [
                grant.origin.pointer,
                grant.origin.declared,
                grant.origin.line,
                grant.origin.column,
            ]
            for grant in declared.grants
        },
        "order": [*declared.models, *declared.tools],
        "profile": _profile(admission.bundle),
    }


def _profile(bundle: AppBundle) -> dict[str, Any] | None:
    from locara.models.profiles import choose, ram_bytes  # noqa: PLC0415 - inside, this module is loaded without it

    choice = choose(bundle.manifest, ram_bytes())
    if choice.profile is None:
        return None
    return {"name": choice.profile, "fits": choice.fits, "models": [pin.id for pin in choice.models]}


def _remove_left_behind(state: StateFolder, app: str) -> None:
    """Take away what a launcher left that was killed while it started this app."""
    before = time.time() - _LEFT_BEHIND_SECONDS
    for path in (state.path / "consent").glob(f"{app}.*.{AWAKE_NAME}"):
        with suppress(OSError):
            if path.lstat().st_mtime < before:
                path.unlink()


def confirm(folder: Path, *, manifest: Digest, awake: Digest) -> Admitted:
    """Inside the sandbox: what was admitted, from the file that the launcher handed in.

    The manifest must be the one that was agreed to and the file the one that was written; a power that the
    manifest does not name is refused. Raises StartError ``manifest_changed``, BundleError for a manifest that
    cannot be read.
    """
    text = read_manifest(folder / MANIFEST_NAME)
    if Digest.of(text) != manifest:
        raise _changed("the app's manifest changed while it was being started")
    try:
        with (folder / AWAKE_NAME).open("rb") as file:
            data = file.read(MAX_BYTES)
        if Digest.of(data) != awake:
            raise ValueError("another file")
        written = _Written(manifest, json.loads(data), json.loads(text).get("capabilities", {}))
        return Admitted(written.awake(), Asleep(written.layers()), written.value["profile"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _changed("the list of powers that are awake is not the one that was handed in") from error


@dataclass(frozen=True, slots=True)
class _Written:
    """What the file says, beside the capabilities of the manifest."""

    manifest: Digest
    value: Mapping[str, Any]
    capabilities: Mapping[str, Any]

    def awake(self) -> Grants:
        return self._grants(self.value["awake"])

    def layers(self) -> tuple[Layer, ...]:
        return tuple(
            Layer(self._grants(told["grants"]), float(told["wakes"])) for told in self.value["asleep"]
        )

    def _grants(self, told: Any) -> Grants:  # noqa: ANN401 - it is looked at by the reader
        grants = read_grants(told, source=AWAKE_NAME)
        named = {Kind.FS_APP_DATA, *self.capabilities}  # an app's own data is granted without being named
        if grants.manifest_digest != self.manifest or not grants.by_kind.keys() <= named:
            raise ValueError("these are not powers of this manifest")
        return replace(
            grants,
            grants=tuple(replace(one, origin=self._origin(one.kind)) for one in grants.grants),
            models=self._in_order(grants.models),
            tools=self._in_order(grants.tools),
        )

    def _origin(self, kind: Kind) -> Origin:
        pointer, declared, line, column = self.value["declared"][kind]
        return Origin(MANIFEST_NAME, pointer, declared, {pointer: (line, column)})

    def _in_order(self, pins: Mapping[str, Digest]) -> Mapping[str, Digest]:
        """The pins in the order of the manifest."""
        return {name: pins[name] for name in sorted(pins, key=self.value["order"].index)}


def _changed(message: str) -> StartError:
    return StartError(message, code="manifest_changed", fix="start the app again; you are asked if need be")

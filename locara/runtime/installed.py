"""The apps that were installed from bundles: where each is kept, and what was learned when it came.

The record says which version is at work, the highest one there ever was, and from whom it came. The next bundle of
the same app must be of nobody else, and not older.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from locara.core.fields import APP_ID_PATTERN, VERSION_PATTERN
from locara.records import dataclass
from locara.runtime.app import AppBundle
from locara.runtime.app_home import default_apps_root, file_name
from locara.runtime.origin import origin_of
from locara.runtime.state import StartError, StateFolder

FOLDER: Final = "installed"
_CODE: Final = "revocation_unreadable"
_Version = Annotated[str, StringConstraints(pattern=VERSION_PATTERN)]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
_Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Installed(BaseModel):
    """One app. ``floor`` is the highest version that was ever installed; ``bundle`` the digest of its list of
    files; ``manifest`` that of its locara.json; the rest is what its attestations said and the person expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["locara-installed/1"] = "locara-installed/1"
    app: Annotated[str, StringConstraints(pattern=APP_ID_PATTERN)]
    version: _Version
    floor: _Version
    bundle: _Digest
    manifest: _Digest
    source: _Text
    builder: _Text
    identity: _Text
    instance: _Text

    @property
    def folder(self) -> str:
        """The name of its folder: another version, or other files, is another folder."""
        return f"{self.version}-{self.bundle.removeprefix('sha256:')[:16]}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder that holds installed apps, one folder for each version. It is the person's and no app's."""

    path: Path

    @classmethod
    def default(cls) -> Shelf:
        """Beside the data of apps."""
        return cls(default_apps_root().with_name("bundles"))

    def of(self, app_id: str) -> Path:
        """The folder of all versions of an app."""
        return self.path / file_name(app_id)

    def place(self, one: Installed) -> Path:
        """Where that version lies."""
        return self.of(one.app) / one.folder


def record_name(app_id: str) -> str:
    """The record's file below the state folder."""
    return f"{FOLDER}/{file_name(app_id)}.json"


def installed(state: StateFolder, app_id: str) -> Installed | None:
    """The record of an app, None when it was never installed. StartError ``revocation_unreadable``."""
    name = record_name(app_id)
    value = state.read(name, code=_CODE)
    if value is None:
        return None
    try:
        found = Installed.model_validate(value)
    except ValidationError as error:
        raise state.unreadable(name, "it does not say what is installed", code=_CODE) from error
    if found.app != app_id:
        raise state.unreadable(name, "it is the record of another app", code=_CODE)
    return found


def all_installed(state: StateFolder) -> tuple[Installed, ...]:
    """Every app that is installed, sorted by name. StartError ``revocation_unreadable``."""
    folder = state.path / FOLDER
    names = sorted(path.name for path in folder.glob("*.json")) if folder.is_dir() else []
    found = []
    for name in names:
        one = installed(state, name.removesuffix(".json").replace(".", "/", 1))
        if one is not None:
            found.append(one)
    return tuple(found)


def app_of(state: StateFolder, shelf: Shelf, app_id: str) -> Path | None:
    """The folder to start an installed app from, None when it is not installed.

    Raises StartError ``manifest_changed`` when what lies there is not what was installed, or nothing is on record
    about how it was built: a revocation by its signer would not find it.
    """
    one = installed(state, app_id)
    if one is None:
        return None
    place = shelf.place(one)
    grants = AppBundle.open(place).grants
    if str(grants.manifest_digest) != one.manifest or origin_of(state, grants) is None:
        raise StartError(
            f"{app_id} in {place} is not the app that was installed, or its installation broke off",
            code="manifest_changed",
            fix="install it again",
        )
    return place


def older(version: str, floor: str) -> bool:
    """True when a version comes before another."""
    return _numbers(version) < _numbers(floor)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))

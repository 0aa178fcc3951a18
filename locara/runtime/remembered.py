"""The remembered picks of an app: one small file beside the person's other decisions, which no app reaches.

A remembered pick is for the version of the app that it was given to, and for each later one that the person
was not asked about again. What widens an app ends what it remembers, and so does taking the consent back.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locara.core.digest import Digest
from locara.errors import CallError
from locara.records import dataclass
from locara.runtime.app_home import file_name
from locara.runtime.private_places import PrivatePlaces
from locara.runtime.state import StartError, StateFolder
from locara.sandbox.broker_wire import MAX_KEPT
from locara.sandbox.handles import Handle
from locara.sandbox.kept import Identity, Kept

FORMAT: Final = "locara-picked/1"
_UNREADABLE: Final = "consent_unreadable"
_64_BITS: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Remembered:
    """A remembered pick and the manifest of the version it is for."""

    kept: Kept
    manifest: Digest


class _KeptForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    key: str = Field(pattern=r"^[0-9a-f]{16}$")
    manifest: str
    path: str = Field(min_length=2, max_length=8_192, pattern=r"^/[^\x00]+$")
    filesystem: int = Field(ge=0, le=_64_BITS)
    number: int = Field(ge=0, le=_64_BITS)
    born: int
    kind: Literal["file", "directory"]
    access: Literal["read", "read-write"]
    recursive: bool
    picked: float = Field(ge=0, allow_inf_nan=False)


class _FileForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    format: Literal["locara-picked/1"]
    app: str
    grants: list[_KeptForm] = Field(max_length=MAX_KEPT)


def record_name(app_id: str) -> str:
    """The file below the state folder: ``picked/<publisher>.<name>.json``."""
    return f"picked/{file_name(app_id)}.json"


def load(state: StateFolder, app_id: str) -> tuple[Remembered, ...]:
    """All that an app may find again, of every version, in the order it was picked. StartError
    ``consent_unreadable`` when the file cannot be believed."""
    name = record_name(app_id)
    value = state.read(name, code=_UNREADABLE)
    if value is None:
        return ()
    try:
        form = _FileForm.model_validate(value)
        if form.app != app_id:
            raise ValueError("it is about another app")
        return tuple(_remembered(item) for item in form.grants)
    except (ValueError, ValidationError) as error:
        reason = "it is no list of picks" if isinstance(error, ValidationError) else str(error)
        raise state.unreadable(name, reason, code=_UNREADABLE) from error


def _remembered(form: _KeptForm) -> Remembered:
    kept = Kept(
        key=form.key,
        path=Path(form.path),
        identity=Identity(form.filesystem, form.number, form.born),
        kind=form.kind,
        writable=form.access == "read-write",
        recursive=form.recursive,
        picked=form.picked,
    )
    return Remembered(kept, Digest.parse(form.manifest))


def _save(state: StateFolder, app_id: str, found: Iterable[Remembered]) -> None:
    grants = [
        {
            "key": item.kept.key,
            "manifest": str(item.manifest),
            "path": str(item.kept.path),
            "filesystem": item.kept.identity.filesystem,
            "number": item.kept.identity.number,
            "born": item.kept.identity.born,
            "kind": item.kept.kind,
            "access": "read-write" if item.kept.writable else "read",
            "recursive": item.kept.recursive,
            "picked": item.kept.picked,
        }
        for item in found
    ]
    state.write(record_name(app_id), {"format": FORMAT, "app": app_id, "grants": [*grants]})


def apps(state: StateFolder) -> tuple[str, ...]:
    """The ids of all apps that have a list of remembered picks, sorted."""
    found = (path.name.removesuffix(".json") for path in (state.path / "picked").glob("*.json"))
    return tuple(sorted(name.replace(".", "/", 1) for name in found))


def carry(state: StateFolder, app_id: str, before: Digest, after: Digest) -> None:
    """An update that asked for nothing new goes on with what the version before could find again."""
    if before == after:
        return
    with state.alone(record_name(app_id)):
        found = load(state, app_id)
        if any(item.manifest == before for item in found):
            moved = [replace(item, manifest=after) if item.manifest == before else item for item in found]
            _save(state, app_id, moved)


def revoke(state: StateFolder, app_id: str, key: str) -> bool:
    """Take one remembered pick back, False when there is none of that key. A running app loses it at once."""
    with state.alone(record_name(app_id)):
        found = load(state, app_id)
        left = [item for item in found if item.kept.key != key]
        if len(left) < len(found):
            _save(state, app_id, left)
        return len(left) < len(found)


def forget_all(state: StateFolder, app_id: str) -> int:
    """Take every remembered pick of an app back. Returns how many there were; a file that cannot be read
    is taken away, too."""
    with state.alone(record_name(app_id)):
        try:
            count = len(load(state, app_id))
        except StartError:
            count = 0
        state.remove(record_name(app_id))
        return count


class PickMemory:
    """The broker's memory for one version of one app. See locara.sandbox.kept.Memory.

    The file is read for every question, so that what the person takes back in another window counts at once.
    """

    def __init__(
        self,
        state: StateFolder,
        app_id: str,
        manifest: Digest,
        places: PrivatePlaces,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._app_id = app_id
        self._manifest = manifest
        self._places = places
        self._now = now

    def kept(self) -> Mapping[str, Kept]:
        """See Memory. What became a private place since it was picked is left out."""
        found = (item.kept for item in self._load() if item.manifest == self._manifest)
        return {kept.key: kept for kept in found if self._places.refusal(kept.path) is None}

    def keep(self, handle: Handle, path: Path, identity: Identity) -> Kept:
        """See Memory."""
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise CallError("a name that is no text cannot be remembered", code="io_error") from error
        key, picked = secrets.token_hex(8), self._now()
        new = Kept(key, path, identity, handle.kind, handle.writable, handle.recursive, picked)
        with self._state.alone(record_name(self._app_id)):
            found = self._load()
            for item in found:
                same = replace(item.kept, key=key, picked=picked) == new
                if same and item.manifest == self._manifest:
                    return item.kept
            if len(found) >= MAX_KEPT:
                found = tuple(item for item in found if item.manifest == self._manifest)
            if len(found) >= MAX_KEPT:
                raise CallError(
                    f"an app finds at most {MAX_KEPT} picks again",
                    code="limit_exceeded",
                    fix="give one up: fs.forget",
                )
            self._store((*found, Remembered(new, self._manifest)))
        return new

    def forget(self, key: str) -> bool:
        """See Memory. What another version was given is not this one's to give up."""
        if key not in self.kept():
            return False
        try:
            return revoke(self._state, self._app_id, key)
        except StartError as error:
            raise _broken(error) from error

    def _store(self, found: Iterable[Remembered]) -> None:
        try:
            _save(self._state, self._app_id, found)
        except StartError as error:
            raise _broken(error) from error

    def _load(self) -> tuple[Remembered, ...]:
        try:
            return load(self._state, self._app_id)
        except StartError as error:
            raise _broken(error) from error


def _broken(error: StartError) -> CallError:
    """What the app hears: not where the person's decisions lie."""
    words = "could not be written" if error.code == "state_unwritable" else "cannot be relied on"
    return CallError(
        f"the list of remembered picks {words}",
        code="io_error",
        fix="the person sees why: locara grants list",
    )

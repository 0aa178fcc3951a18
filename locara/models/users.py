"""Which app folders use this cache: what keeps a model from being collected.

A record holds the path of a folder and nothing else that counts: the folder's own locara.json says, each time
it is asked, what is pinned. An app that was deleted, or pins something else now, keeps nothing alive.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from locara.core.manifest import parse_manifest
from locara.core.strict_json import MAX_BYTES
from locara.errors import ManifestError, Problem
from locara.models.cache import ModelCache
from locara.models.pin import Pin
from locara.plain_files import open_plain
from locara.records import dataclass

USERS: Final = ".apps"
MANIFEST: Final = "locara.json"


@dataclass(frozen=True, slots=True)
class User:
    """An app that pins models: its id, its folder and its pins."""

    app_id: str
    folder: Path
    pins: tuple[Pin, ...]


def remember(cache: ModelCache, folder: Path) -> None:
    """Note that the app in this folder uses the cache. A cache that cannot be written stays as it is."""
    place = os.path.realpath(folder)
    record = cache.root / USERS / (hashlib.sha256(os.fsencode(place)).hexdigest()[:32] + ".json")
    if record.exists():
        return
    try:
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = record.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"folder": place}), encoding="utf-8")
        draft.replace(record)
    except (OSError, UnicodeError):
        return


def users(cache: ModelCache, folders: Iterable[Path] = (), *, lenient: bool = False) -> tuple[User, ...]:
    """The apps that use the cache and are still there, and those in `folders`, sorted by id.

    Raises ManifestError when one of them has a manifest which is not valid: what it pins is not known then,
    so nothing may be removed. With `lenient` such an app is left out, for lists.
    """
    places = {Path(os.path.realpath(folder)) for folder in folders} | set(_remembered(cache))
    found = []
    for place in sorted(places):
        try:
            user = user_in(place)
        except ManifestError:
            if not lenient:
                raise
            continue
        if user is not None:
            found.append(user)
    return tuple(sorted(found, key=lambda user: (user.app_id, str(user.folder))))


def user_in(folder: Path) -> User | None:
    """The app in a folder; None when there is none. Raises ManifestError when its manifest is not valid or cannot be
    read."""
    place = folder / MANIFEST
    try:
        with open_plain(place, follow=True) as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(place, error.strerror or type(error).__name__) from error
    manifest = parse_manifest(data, source=str(folder / MANIFEST))
    return User(manifest.app_id, folder, tuple(Pin.parse(text) for text in manifest.capabilities.models))


def _unreadable(place: Path, why: str) -> ManifestError:
    return ManifestError([Problem("bad_value", f"it cannot be read: {why}", "", 1, 1)], source=str(place))


def _remembered(cache: ModelCache) -> Iterable[Path]:
    try:
        records = sorted((cache.root / USERS).glob("*.json"))
    except OSError:
        return
    for record in records:
        try:
            folder = json.loads(record.read_bytes()[:65_536])["folder"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue
        if isinstance(folder, str) and folder.startswith("/") and "\0" not in folder:
            yield Path(folder)

"""The signature of a cached model: its bundle as it came, and what was found when it was last checked.

The bundle stands beside the blob as `model.sig`. `signed.json` names the bundle by digest: a note about another
bundle counts for nothing. What a signature is worth is not known here; whoever keeps one has checked it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.cache import BLOB, META, VERIFIED, ModelCache, open_regular
from locara.models.web import Url, Web

SIGNATURE: Final = "model.sig"
NOTE: Final = "signed.json"
MAX_SIGNATURE: Final = 8 << 20
_KNOWN: Final = frozenset({BLOB, META, VERIFIED, SIGNATURE, NOTE})


def find_beside(model: Path) -> Path | None:
    """The signature file of a model file, by name; the name that says most about the file comes first."""
    names = (
        f"{model.name}.sigstore.json",
        f"{model.name}.sig",
        f"{model.stem}.sigstore.json",
        f"{model.stem}.sig",
        SIGNATURE,
    )
    return next((model.with_name(name) for name in names if os.path.lexists(model.with_name(name))), None)


def read_signature(place: Url | Path, web: Web | None = None) -> bytes:
    """The bundle in a file or at an https address.

    Raises ModelError: `not_cached` or `unreachable` when it cannot be had, `bad_format` when it is too large.
    """
    if isinstance(place, Path):
        with open_regular(place.resolve()) as file:
            data = file.read(MAX_SIGNATURE + 1)
        if len(data) > MAX_SIGNATURE:
            raise ModelError(f"the signature {place} is larger than any honest one")
        return data
    with (web or Web()).ask(place) as answer:
        if answer.status != 200:
            raise ModelError(f"{place.origin} answers {answer.status} for the signature", code="unreachable")
        return answer.read_all(MAX_SIGNATURE)


def kept_signature(cache: ModelCache, digest: Digest) -> bytes | None:
    """The bundle beside a cached model; None when it has none. Raises ModelError when it cannot be read."""
    place = cache.root / digest.hex / SIGNATURE
    if not os.path.lexists(place):
        return None
    with open_regular(place) as file:
        return file.read(MAX_SIGNATURE + 1)


def kept_note(cache: ModelCache, digest: Digest, bundle: bytes) -> Mapping[str, str]:
    """What was found when exactly this bundle was checked; empty when it never was."""
    try:
        with open_regular(cache.root / digest.hex / NOTE) as file:
            found = json.loads(file.read(65_536))
    except (OSError, ValueError, RecursionError, ModelError):
        return {}
    whole = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if whole and found.get("bundle") == _digest(bundle) else {}


def keep_signature(cache: ModelCache, digest: Digest, bundle: bytes, found: Mapping[str, str] | None) -> None:
    """Keep a bundle and what was found in it; one that was not checked never displaces another.

    Killed in between, there is a bundle without a note, which counts as not checked. Raises ModelError
    `not_cached` when the cache cannot be written.
    """
    folder = cache.root / digest.hex
    if found is None and os.path.lexists(folder / SIGNATURE):
        return
    try:
        _put(folder / SIGNATURE, bundle)
        if found is not None:
            note = json.dumps({**found, "bundle": _digest(bundle)}, sort_keys=True, indent=1)
            _put(folder / NOTE, note.encode())
    except OSError as error:
        raise ModelError(f"the signature could not be kept: {error.strerror}", code="not_cached") from error


def strangers(cache: ModelCache, digest: Digest) -> tuple[str, ...]:
    """Names of files in a model's entry that the cache did not put there."""
    try:
        names = sorted(entry.name for entry in (cache.root / digest.hex).iterdir())
    except OSError:
        return ()
    return tuple(name for name in names if name not in _KNOWN and not name.startswith("."))


def _put(target: Path, data: bytes) -> None:
    draft = target.with_name(f".{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o444)
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

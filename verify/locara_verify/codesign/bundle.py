"""A bundle of macOS: where its program lies, and the seal that lists every file beside it."""

from __future__ import annotations

import hashlib
import os
import plistlib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath
from typing import Any, Final

from locara.records import dataclass
from locara_verify.codesign.blobs import Beside
from locara_verify.codesign.macho import MalformedError

_KINDS: Final = (".app", ".framework", ".xpc", ".appex", ".bundle", ".plugin", ".systemextension")
_SEAL: Final = "_CodeSignature/CodeResources"
_SIGNED_ELSEWHERE: Final = frozenset({"CodeResources", "PkgInfo"})  # a notary's ticket; eight fixed letters
_LARGEST: Final = 64 << 20

Digests = Mapping[Path, AbstractSet[bytes]]
"""What the system knows each program by, for every directory of its slices."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle. Everything below ``root`` is sealed but the program itself, which holds the hash of the seal."""

    folder: Path
    root: Path
    info: Path
    program: Path
    facts: Mapping[str, Any]

    def beside(self) -> Beside:
        """What the program signs beside itself."""
        return Beside(_read(self.info), _read(self.root / _SEAL) or b"")


def is_bundle(folder: Path) -> bool:
    """Whether a folder is one by its name: the system sees it as one thing then."""
    return folder.suffix.lower() in _KINDS and folder.is_dir() and not folder.is_symlink()


def open_bundle(folder: Path) -> Bundle:
    """The bundle in a folder, of either layout. Raises MalformedError."""
    root, info = folder / "Contents", folder / "Contents/Info.plist"
    below = "MacOS"
    if not info.is_file():
        versions = sorted(each for each in (folder / "Versions").glob("*") if not each.is_symlink())
        if len(versions) != 1:
            raise MalformedError("it is a bundle of no layout that is known")
        root, info, below = versions[0], versions[0] / "Resources/Info.plist", "."
    facts = _plist(info)
    name = facts.get("CFBundleExecutable")
    if not isinstance(name, str) or not name or "/" in name or name in {".", ".."}:
        raise MalformedError("its property list names no program")
    return Bundle(folder, root, info, root / below / name, facts)


def faults_of_seal(one: Bundle, digests: Digests) -> Iterator[str]:
    """Every file that the seal does not cover, or covers as another one; and what it lists and is not there.

    The seal brings rules of what it leaves out; none is believed: whatever lies in a bundle has to be listed.
    """
    try:
        listed = _plist(one.root / _SEAL).get("files2")
    except MalformedError as error:
        yield f"its seal cannot be read: {error}"
        return
    if not isinstance(listed, dict):
        yield "its seal lists nothing with SHA-256"
        return
    seen = set()
    for place in _sealed(one):
        name = place.relative_to(one.root).as_posix()
        seen.add(name)
        if name not in listed:
            yield f"{name} is not sealed"
        elif fault := _fault(one, place, listed[name], digests):
            yield f"{name} {fault}"
    for name in sorted(listed.keys() - seen):
        optional = isinstance(listed[name], dict) and listed[name].get("optional") is True
        if not optional:
            yield f"{str(name)[:200]} is sealed and not there"


def _sealed(one: Bundle) -> Iterator[Path]:
    """All that must be listed: files, links, and bundles within it, whose own seals list what is in them."""
    for place, names, files in os.walk(one.root):
        folder = Path(place)
        within = [name for name in names if is_bundle(folder / name)]
        links = [name for name in names if (folder / name).is_symlink()]
        names[:] = sorted(name for name in names if name not in within and name not in links)
        for name in sorted([*files, *links, *within]):
            path = folder / name
            told = path.relative_to(one.root).as_posix()
            if told not in _SIGNED_ELSEWHERE and told != _SEAL and path not in (one.program, one.info):
                yield path


def _fault(one: Bundle, place: Path, told: Any, digests: Digests) -> str:  # noqa: ANN401 - of a property list
    if not isinstance(told, dict):
        return "is sealed with SHA-1 alone"
    if place.is_symlink():
        target = str(place.readlink())
        inside = _within(one.root, place.parent, target)
        return (
            "" if told.get("symlink") == target and inside else "is a link to another place than was sealed"
        )
    if "cdhash" in told:
        program = open_bundle(place).program if place.is_dir() else place
        return "" if told["cdhash"] in digests.get(program, ()) else "is another program than was sealed"
    if place.is_dir() or not place.is_file():
        return "is not what was sealed"
    return "" if told.get("hash2") == _digest(place) else "is not as it was sealed"


def _within(root: Path, folder: Path, target: str) -> bool:
    """Whether a link stays in its bundle, wherever the bundle lies."""
    if PurePosixPath(target).is_absolute():
        return False
    return Path(os.path.normpath(folder / target)).is_relative_to(root)


def _digest(place: Path) -> bytes:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _plist(place: Path) -> Mapping[str, Any]:
    raw = _read(place)
    if raw is None:
        raise MalformedError(f"it has no {place.name}")
    try:
        found = plistlib.loads(raw)
    except Exception as error:
        raise MalformedError(f"its {place.name} is no property list: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise MalformedError(f"its {place.name} is no dictionary")
    return found


def _read(place: Path) -> bytes | None:
    if place.is_symlink() or not place.is_file():
        return None
    with place.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise MalformedError(f"its {place.name} is larger than it may be")
    return data

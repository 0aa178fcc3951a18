"""The thing that is verified: a folder with a locara.json, and the digest that names its exact content."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, TypeAlias

from locara.errors import LocaraError, ManifestError
from locara.plain_files import NotPlainError, open_plain
from locara.records import dataclass

if TYPE_CHECKING:
    from locara.core.grant import Grants
    from locara.core.manifest import Manifest
    from locara.errors import Problem

MANIFEST: Final = "locara.json"
EXCLUDED: Final = frozenset({"node_modules", ".git", ".locara", "__pycache__"})
"""Folders that are no part of an app: tools write them, the runtime never reads them. Below what it does read, the
built page and ``db``, such a name is one like any other."""

PAGE: Final = "dist"
"""Where the built page lies when the manifest does not say."""
Parts: TypeAlias = tuple[str, ...]
"""A path below the app, name by name."""
EVERYTHING: Final[tuple[Parts, ...]] = ((),)
"""Of `walk`: no folder is left out."""

BUILT: Final = ".app"
INSIDE_BUILT: Final = "Contents/Resources/app"
"""An app that was built for macOS, and where in it the folder with its locara.json lies."""

_OFTEN: Final = 16
"""A record or model is used so often before it is as quick as it gets."""
_UP: Final = "../../../"
_MANIFEST_READ_LIMIT: Final = 32 << 20
_SMALL: Final = 1 << 20
"""A file of this size is read at once: the buffer that a larger one is read through takes as long to make."""


class TargetError(LocaraError):
    """The target cannot be read or is not an app. codes: ``not_found``, ``not_an_app``, ``unreadable``."""

    code = "unreadable"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the tree: ``kind`` is ``file``, ``exec``, ``link`` or ``special``; ``path`` relative."""

    path: str
    kind: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Target:
    """A source tree with its manifest. ``problems`` says why ``manifest`` is None when it is.

    ``digest`` is ``sha256:<hex>`` over names, kinds and contents of all files outside EXCLUDED folders, and of all that
    the runtime reads: equal digests mean equal trees, whatever the times, the owners or the place on disk. Where the
    app lies in one that was built for macOS, ``built`` is that and ``around`` all its files, and the digest is over
    those as well.
    """

    path: Path
    manifest_bytes: bytes
    manifest: Manifest | None
    compiled: Grants | None
    problems: tuple[Problem, ...]
    entries: tuple[Entry, ...]
    digest: str
    built: Path | None = None
    around: tuple[Entry, ...] = ()

    @property
    def grants(self) -> Grants:
        """What the manifest grants. Raises TargetError when the manifest is not valid."""
        if self.compiled is None:
            raise TargetError("locara.json is not valid, so nothing is granted", code="not_an_app")
        return self.compiled

    @property
    def app_id(self) -> str | None:
        """``publisher/name``, when the manifest is valid."""
        return None if self.manifest is None else self.manifest.app_id


def load(path: Path) -> Target:
    """Read the app at ``path`` without running anything of it. Raises TargetError."""
    root = _root(path)
    data = _manifest_bytes(root)
    entries = tuple(walk(root, read_whole(data)))
    manifest, grants, problems = _compile(data)
    built = _built_around(root)
    around = () if built is None else tuple(walk(built, EVERYTHING))
    digest = digest_of((*entries, *(replace(one, path=f"{_UP}{one.path}") for one in around)))
    return Target(root, data, manifest, grants, problems, entries, digest, built, around)


def rehearse() -> None:
    """Do what `load` does, for nothing: what is made at first use is then there in every process forked from this."""
    from locara_verify.strategies.manifests import minimal  # noqa: PLC0415 - only here

    for number in range(_OFTEN):
        _compile(json.dumps(minimal()).encode())
        digest_of((Entry(str(number), "file", 0, ""),))


def _built_around(root: Path) -> Path | None:
    """The app for macOS that this one lies in, by its place in it."""
    around = root.parents[2] if len(root.parents) > 2 else root
    return around if around.suffix == BUILT and root == around / INSIDE_BUILT else None


def _root(path: Path) -> Path:
    if path.name == MANIFEST and path.is_file():
        path = path.parent
    if path.suffix == BUILT and (path / INSIDE_BUILT / MANIFEST).is_file():
        path = path / INSIDE_BUILT
    try:
        root = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise TargetError(f"there is nothing at {path}", code="not_found") from error
    if not root.is_dir():
        raise TargetError(
            f"{path} is not an app", code="not_an_app", fix="name a folder that holds a locara.json"
        )
    return root


def _manifest_bytes(root: Path) -> bytes:
    try:
        with open_plain(root / MANIFEST) as file:
            return file.read(_MANIFEST_READ_LIMIT)
    except FileNotFoundError as error:
        raise TargetError(
            f"{root} holds no {MANIFEST}",
            code="not_an_app",
            fix="name the folder of an app, or write its locara.json first",
        ) from error
    except NotPlainError as error:
        raise TargetError(f"{root / MANIFEST} is not an ordinary file", code="not_an_app") from error
    except OSError as error:
        raise TargetError(f"{root / MANIFEST} cannot be read: {error.strerror}") from error


def _compile(data: bytes) -> tuple[Manifest | None, Grants | None, tuple[Problem, ...]]:
    from locara.core.compile import compile_grants  # noqa: PLC0415 - the value types load without the framework
    from locara.core.manifest import parse_manifest  # noqa: PLC0415

    try:
        manifest = parse_manifest(data)
        return manifest, compile_grants(manifest), ()
    except ManifestError as error:
        return None, None, error.problems


def read_whole(manifest: bytes) -> tuple[Parts, ...]:
    """The folders of which the runtime may read every file, as a manifest names them, valid or not."""
    try:
        out = json.loads(manifest)["build"]["out"]
    except (ValueError, LookupError, TypeError, RecursionError):
        out = None
    named = (out if isinstance(out, str) else PAGE, "db")
    return tuple(parts for name in named if (parts := PurePosixPath(name).parts))


def is_part(path: Parts, whole: tuple[Parts, ...]) -> bool:
    """Whether a folder is a part of the app, or leads to one."""
    if EXCLUDED.isdisjoint(path):
        return True
    return any(path[: len(part)] == part[: len(path)] for part in whole)


def walk(root: Path, whole: tuple[Parts, ...] = ()) -> Iterator[Entry]:
    """Every file below ``root`` that is a part of the app, of ``whole`` folders each one; those of a folder before what
    is below it, by name. Links are recorded, never followed."""
    return _below(str(root), (), whole)


def _below(folder: str, here: Parts, whole: tuple[Parts, ...]) -> Iterator[Entry]:
    # Every check asks whether the app is still the same, and a path for each file takes as long as its digest.
    try:
        with os.scandir(folder) as listed:
            found = sorted((one.is_dir(follow_symlinks=False), one.name, one) for one in listed)
    except OSError as error:
        raise TargetError(f"{folder} cannot be read: {error.strerror}") from error
    for is_folder, name, one in found:
        path = (*here, name)
        if not is_folder:
            yield _entry(one, "/".join(path))
        elif is_part(path, whole):
            yield from _below(one.path, path, whole)


def _entry(found: os.DirEntry[str], relative: str) -> Entry:
    try:
        info = found.stat(follow_symlinks=False)
        if stat.S_ISLNK(info.st_mode):
            target = os.fsencode(Path(found.path).readlink())
            return Entry(relative, "link", len(target), hashlib.sha256(target).hexdigest())
        if not stat.S_ISREG(info.st_mode):
            return Entry(relative, "special", 0, hashlib.sha256(b"").hexdigest())
        kind = "exec" if info.st_mode & 0o111 else "file"
        with open(found.path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            small = info.st_size <= _SMALL
            digest = hashlib.sha256(file.read()) if small else hashlib.file_digest(file, "sha256")
        return Entry(relative, kind, info.st_size, digest.hexdigest())
    except OSError as error:
        raise TargetError(f"{found.path} cannot be read: {error.strerror}") from error


def digest_of(entries: tuple[Entry, ...]) -> str:
    """The digest of a tree: over one length-prefixed record per entry, in byte order of the paths."""
    state = hashlib.sha256(b"locara-tree/1\n")
    for entry in sorted(entries, key=lambda item: os.fsencode(item.path)):
        name = os.fsencode(entry.path)
        state.update(
            b"%s %d %s %d %s\n"
            % (
                entry.kind.encode(),
                len(name),
                name,
                entry.size,
                entry.sha256.encode(),
            )
        )
    return f"sha256:{state.hexdigest()}"

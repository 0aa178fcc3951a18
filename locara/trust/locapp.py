"""`.locapp`: a built app with the list of its files, and the attestations about that list.

    locapp.json               who and what it is, from which commit, and every file by size and SHA-256
    app/…                     the app as it runs, with its locara.json
    attestations/*.json       Sigstore bundles; their subject is the SHA-256 of locapp.json

A folder or a zip archive of that shape. The list names the files and the attestations name the list, so an
attestation may lie inside or come from elsewhere, and nothing is signed twice.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from locara.core.digest import Digest
from locara.core.fields import APP_ID_PATTERN, VERSION_PATTERN
from locara.core.paths import is_portable
from locara.plain_files import open_plain
from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import Hex256, read_json, read_model
from locara.trust.zip_layout import check_layout

LIST: Final = "locapp.json"
APP: Final = "app/"
ATTESTATIONS: Final = "attestations/"
MAX_FILES: Final = 20_000
MAX_BYTES: Final = 8 << 30
MAX_ATTESTATIONS: Final = 64
_MAX_ATTESTATION: Final = 8 << 20
_MAX_LIST: Final = 4 << 20
_BLOCK: Final = 1 << 20


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ListedFile(_Form):
    """A file by size and SHA-256."""

    size: Annotated[int, Field(ge=0, le=MAX_BYTES)]
    sha256: Hex256


class FileList(_Form):
    """`locapp.json`. ``files`` by path below ``app/``; ``source`` and ``commit`` say what it was built from."""

    format: Literal["locapp/1"] = "locapp/1"
    app: Annotated[str, Field(pattern=APP_ID_PATTERN)]
    version: Annotated[str, Field(pattern=VERSION_PATTERN)]
    source: Annotated[str, Field(pattern=r"^https://[!-~]{1,2000}$")]
    commit: Annotated[str, Field(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
    files: Annotated[dict[str, ListedFile], Field(min_length=1, max_length=MAX_FILES)]

    def text(self) -> bytes:
        """The bytes whose digest attestations name; equal lists give equal bytes."""
        return (json.dumps(self.model_dump(), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A bundle whose app was copied to ``app``. ``digest`` is that of its list, byte for byte.

    ``problems`` says, path first, where its files are not the listed ones; only without any is it what
    attestations are about.
    """

    listed: FileList
    digest: Digest
    app: Path
    attestations: tuple[tuple[str, bytes], ...]
    problems: tuple[tuple[str, str], ...]

    def whole(self) -> None:
        """Raise TrustError `PACKAGE_MISMATCH` unless every file is the listed one and none is more."""
        if self.problems:
            path, what = self.problems[0]
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            raise TrustError(Reason.PACKAGE_MISMATCH, f"{path[:200]}: {what}{more}")


def is_locapp(path: Path) -> bool:
    """True for a folder with a list, and for a file that begins like a zip archive."""
    if path.is_dir():
        return (path / LIST).is_file()
    try:
        with open_plain(path, follow=True) as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def list_files(app: Path, *, app_id: str, version: str, source: str, commit: str) -> FileList:
    """The list of a built app's folder. Raises TrustError `PACKAGE_MALFORMED` for what no bundle can hold."""
    found: dict[str, ListedFile] = {}
    for name, file in _Folder(app).files():
        if not is_portable(name):
            raise _malformed(f"{name[:200]!a} is not a name that every system can hold")
        hasher, size = hashlib.sha256(), 0
        with file:
            while block := file.read(_BLOCK):
                hasher.update(block)
                size += len(block)
        found[name] = ListedFile(size=size, sha256=hasher.hexdigest())
    return FileList(app=app_id, version=version, source=source, commit=commit, files=found)


def write(place: Path, app: Path, listed: FileList, attestations: Mapping[str, bytes]) -> None:
    """Write the archive: equal inputs give equal bytes. Raises FileExistsError, OSError."""
    with zipfile.ZipFile(place, "x", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            (LIST, listed.text()),
            *((f"{ATTESTATIONS}{name}", raw) for name, raw in sorted(attestations.items())),
            *((f"{APP}{name}", (app / name).read_bytes()) for name in sorted(listed.files)),
        ):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)


def unpack(path: Path, into: Path) -> Unpacked:
    """Read a bundle, folder or archive, and copy its app below ``into``, an empty folder.

    Nothing outside ``into`` is written and no link is followed. What is copied was hashed while it was
    copied, so what is looked at afterwards is what was compared. Raises TrustError `PACKAGE_MALFORMED`.
    """
    source: _Source = _Folder(path) if path.is_dir() else _Archive(path)
    with source:
        raw = source.one(LIST, _MAX_LIST)
        listed = read_model(
            read_json(raw, LIST, Reason.PACKAGE_MALFORMED), FileList, LIST, Reason.PACKAGE_MALFORMED
        )
        folded: dict[str, str] = {}
        folded_all = {_folded(name) for name in listed.files}
        for name in listed.files:
            if not is_portable(name):
                raise _malformed(f"{name[:200]!a} is not a name that every system can hold")
            if (other := folded.setdefault(_folded(name), name)) != name:
                raise _malformed(f"{name[:200]!a} and {other[:200]!a} are one file on some systems")
            if any(_folded(str(above)) in folded_all for above in PurePosixPath(name).parents):
                raise _malformed(f"{name[:200]!a} lies below another listed file")
        return _copy(source, listed, Digest.of(raw), into / "app")


def _folded(name: str) -> str:
    """What a file system makes of a name that ignores case, the spelling of accents and what cannot be seen."""
    shown = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", shown).casefold())


def _copy(source: _Source, listed: FileList, digest: Digest, app: Path) -> Unpacked:
    app.mkdir(mode=0o700)
    problems: list[tuple[str, str]] = []
    attestations: list[tuple[str, bytes]] = []
    seen: set[str] = set()
    for name, file in source.files():
        with file:
            if name == LIST:
                continue
            if name.startswith(ATTESTATIONS) and is_portable(name) and len(attestations) < MAX_ATTESTATIONS:
                attestations.append((name, file.read(_MAX_ATTESTATION + 1)))
                continue
            inner = name.removeprefix(APP)
            wanted = listed.files.get(inner) if name.startswith(APP) else None
            if wanted is None or inner in seen:
                problems.append((name, "is not listed" if wanted is None else "is there twice"))
                continue
            seen.add(inner)
            if problem := _copy_one(file, app / inner, wanted):
                problems.append((name, problem))
    problems += [(f"{APP}{name}", "is missing") for name in sorted(set(listed.files) - seen)]
    return Unpacked(listed, digest, app, tuple(sorted(attestations)), tuple(problems))


def _copy_one(file: io.BufferedIOBase, to: Path, wanted: ListedFile) -> str:
    """Copy at most the listed size, and say what is wrong; empty when nothing is."""
    to.parent.mkdir(parents=True, exist_ok=True)
    hasher, left = hashlib.sha256(), wanted.size
    with to.open("xb") as copy:
        while left and (block := file.read(min(left, _BLOCK))):
            hasher.update(block)
            copy.write(block)
            left -= len(block)
    if left or file.read(1):
        return "has another size than listed"
    return "" if hasher.hexdigest() == wanted.sha256 else "has other bytes than listed"


class _Source(Protocol):
    """Where the files of a bundle come from."""

    def one(self, name: str, limit: int) -> bytes: ...
    def files(self) -> Iterator[tuple[str, io.BufferedIOBase]]: ...
    def __enter__(self) -> object: ...
    def __exit__(self, *_: object) -> None: ...


class _Folder:
    """A folder. Links and whatever is no plain file are refused, not followed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def one(self, name: str, limit: int) -> bytes:
        with self._open(self._root / name) as file:
            return _limited(file, name, limit)

    def files(self) -> Iterator[tuple[str, io.BufferedIOBase]]:
        for count, (folder, _, names) in enumerate(os.walk(self._root, onerror=_unreadable)):
            if count > MAX_FILES:
                raise _malformed("there are too many folders")
            for name in sorted(names):
                path = Path(folder, name)
                yield path.relative_to(self._root).as_posix(), self._open(path)
            for name in os.listdir(folder):  # noqa: PTH208 - names alone
                if Path(folder, name).is_symlink():
                    raise _malformed(f"{name[:200]!a} is a link")

    def _open(self, path: Path) -> io.BufferedIOBase:
        try:
            return open_plain(path)
        except OSError as error:
            raise _malformed(f"{path.name[:200]!a} cannot be read: {error.strerror}") from error

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""


class _Archive:
    """A zip archive. Two names for one file, links, encryption and other methods are refused."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise _malformed(f"{path.name[:200]!a} cannot be read: {error.strerror}") from error
        try:
            check_layout(self._file)
            self._zip = zipfile.ZipFile(self._file)
            self._entries = self._judged()
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            self._file.close()
            raise _malformed(f"{path.name[:200]!a} is not an archive with one reading: {error}") from error
        except TrustError:
            self._file.close()
            raise

    def _judged(self) -> list[zipfile.ZipInfo]:
        entries = self._zip.infolist()
        names = [_folded(one.filename) for one in entries]
        if len(entries) > MAX_FILES + MAX_ATTESTATIONS + 1 or len(set(names)) != len(names):
            raise _malformed("the archive names a file twice, or too many")
        for one in entries:
            kind = stat.S_IFMT(one.external_attr >> 16)
            plain = one.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not one.flag_bits & 1
            if kind not in (0, stat.S_IFREG) or not plain or one.is_dir():
                raise _malformed(
                    f"{one.filename[:200]!a} is a folder, a link, encrypted, or packed in another way"
                )
        return entries

    def one(self, name: str, limit: int) -> bytes:
        found = [entry for entry in self._entries if entry.filename == name]
        if not found:
            raise _malformed(f"there is no {name}")
        with self._open(found[0]) as file:
            return _limited(file, name, limit)

    def files(self) -> Iterator[tuple[str, io.BufferedIOBase]]:
        for entry in self._entries:
            yield entry.filename, self._open(entry)

    def _open(self, entry: zipfile.ZipInfo) -> io.BufferedIOBase:
        try:
            return _Guarded(self._zip.open(entry))
        except (zipfile.BadZipFile, RuntimeError, OSError) as error:
            raise _malformed(f"{entry.filename[:200]!a} cannot be unpacked: {error}") from error

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()


class _Guarded(io.BufferedIOBase):
    """A member of an archive whose damage is told as a refusal."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner

    def read(self, size: int | None = -1) -> bytes:
        """As of the member. Raises TrustError `PACKAGE_MALFORMED`."""
        try:
            return self._inner.read(-1 if size is None else size)
        except Exception as error:
            raise _malformed(f"the archive is damaged: {error}") from error

    def close(self) -> None:
        """Close the member."""
        self._inner.close()
        super().close()


def _limited(file: io.BufferedIOBase, name: str, limit: int) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise _malformed(f"{name} is larger than {limit:,} bytes")
    return content


def _unreadable(error: OSError) -> None:
    raise _malformed(f"{error.filename} cannot be read: {error.strerror}") from error


def _malformed(message: str) -> TrustError:
    return TrustError(Reason.PACKAGE_MALFORMED, message)

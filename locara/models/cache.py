"""The model cache: one read-only file per digest, shared by all apps of one person.

Layout: `<root>/<hex>/model.gguf` (mode 0444) beside `<root>/<hex>/meta.json`. A directory named by a digest
appears by one rename, complete or not at all; names are always digests, so no model or app chooses a path.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from locara.core.digest import Digest
from locara.durable import sync_folder
from locara.errors import ModelError
from locara.plain_files import open_plain
from locara.records import dataclass
from locara.staging import attempt

BLOB = "model.gguf"
META = "meta.json"
VERIFIED = "verified.json"
_PARTIAL = ".partial"
_CHUNK = 1 << 20
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MAX_META_BYTES = 64 * 1024


# Looks at a file before it may enter the cache; raises ModelError when it is not a model it knows.
Inspect = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class CachedModel:
    """One entry: its digest, size in bytes and what was known when it was added (id, licence, origin).

    verified: when its whole content was last compared with the digest, in seconds since 1970.
    """

    digest: Digest
    size: int
    meta: Mapping[str, Any]
    verified: float | None = None


@dataclass(frozen=True, slots=True)
class ModelCache:
    """The cache below `root`. Reading never creates anything; a missing root is an empty cache."""

    root: Path

    def blob(self, digest: Digest) -> Path | None:
        """Return the path of the cached file, or None. Says nothing about its content: see `verify`."""
        path = self.root / digest.hex / BLOB
        try:
            mode = path.lstat().st_mode
        except OSError:
            return None
        return path if stat.S_ISREG(mode) else None

    def size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a cached model, or None."""
        path = self.blob(digest)
        return None if path is None else path.stat().st_size

    def verify(self, digest: Digest) -> None:
        """Read the whole file and compare; returns None when it is the file the digest names.

        Raises ModelError `not_cached` or `digest_mismatch`.
        """
        path = self.blob(digest)
        if path is None:
            raise not_cached(digest)
        with open_regular(path) as file:
            found = Digest.parse("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
        if found != digest:
            raise ModelError(
                f"the cached model {digest} has other bytes than its digest says (found {found})",
                code="digest_mismatch",
                fix=f"delete {path.parent} and add the model again",
            )

    def list(self) -> tuple[CachedModel, ...]:
        """Return all complete entries, sorted by digest."""
        try:
            names = sorted(entry.name for entry in self.root.iterdir())
        except OSError:
            return ()
        found = []
        for name in names:
            try:
                digest = Digest.parse("sha256:" + name)
            except ValueError:
                continue
            size = self.size(digest)
            if size is not None:
                found.append(CachedModel(digest, size, self._notes(digest, META), self._verified(digest)))
        return tuple(found)

    def add_file(
        self,
        path: Path,
        *,
        expected: Digest | None = None,
        meta: Mapping[str, Any] | None = None,
        inspect: Inspect | None = None,
    ) -> Digest:
        """Copy the file into the cache and return its digest.

        The copy is hashed while it is written, flushed to the disk and then moved into place by one rename.
        Several processes may add the same model at once; one copies, all see the same result. A damaged
        entry is replaced. `inspect` sees the finished copy before it gets its name. On any failure nothing
        of the attempt remains. Raises ModelError of `inspect`, `digest_mismatch` when the file is not
        `expected`, `disk_full`, or `not_cached` when the source cannot be read.
        """
        self._make_root()
        with self._lock(expected.hex if expected is not None else "any"):
            if expected is not None and self.is_intact(expected):
                return expected
            try:
                with attempt(self.root / _PARTIAL) as staging:
                    digest = self._stage(path, staging, expected, meta or {}, inspect)
                    self._publish(staging, digest)
            except OSError as error:
                if error.errno in NO_SPACE:
                    raise ModelError(
                        "the disk is full: the model was not added",
                        code="disk_full",
                        fix=f"free space below {self.root} and try again",
                    ) from error
                raise ModelError(
                    f"the model could not be added: {error.strerror or type(error).__name__}",
                    code="not_cached",
                ) from error
        return digest

    @contextmanager
    def hold(self, digest: Digest, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Be the one process that adds this digest; others wait here, and are told so by `waiting`."""
        self._make_root()
        with self._lock(digest.hex, waiting):
            yield

    def is_intact(self, digest: Digest) -> bool:
        """True when the model is there and its whole content is what its digest says."""
        try:
            self.verify(digest)
        except ModelError:
            return False
        return True

    def adopt(self, path: Path, *, expected: Digest, meta: Mapping[str, Any], inspect: Inspect) -> None:
        """Move a finished file, already compared with `expected`, into the cache; call it inside `hold`.

        The file has to lie on the cache's own file system. Raises ModelError of `inspect`, and OSError.
        """
        with attempt(self.root / _PARTIAL) as staging:
            inspect(path)
            self._seal(staging, meta, path.stat().st_size)
            path.rename(staging / BLOB)
            (staging / BLOB).chmod(0o444)
            staging.chmod(0o755)
            sync_folder(staging)
            self._publish(staging, expected)

    def remove(self, digest: Digest) -> None:
        """Take a model out of the cache. A running app that has it open keeps it until it ends."""
        self._make_root()
        gone = self.root / _PARTIAL / secrets.token_hex(16)
        with self._lock(digest.hex):
            try:
                (self.root / digest.hex).rename(gone)
            except FileNotFoundError:
                return
            shutil.rmtree(gone, ignore_errors=True)

    def note_verified(self, digest: Digest, when: float) -> None:
        """Record that `verify` found the model intact at this time, where the cache can be written."""
        target = self.root / digest.hex / VERIFIED
        draft = target.with_name(f".{secrets.token_hex(8)}")
        try:
            draft.write_text(json.dumps({"verified": when}), encoding="utf-8")
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)

    def _verified(self, digest: Digest) -> float | None:
        when = self._notes(digest, VERIFIED).get("verified")
        return float(when) if isinstance(when, int | float) and 0 <= when < 1e11 else None

    def _notes(self, digest: Digest, name: str) -> Mapping[str, Any]:
        """What was written beside the blob; unreadable notes are no notes, they decide nothing."""
        try:
            with open_regular(self.root / digest.hex / name) as file:
                found = json.loads(file.read(_MAX_META_BYTES))
        except (OSError, ValueError, RecursionError, ModelError):
            return {}
        return found if isinstance(found, dict) else {}

    def _make_root(self) -> None:
        try:
            (self.root / _PARTIAL).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(
                f"the model cache {self.root} cannot be written: {error.strerror}", code="not_cached"
            ) from error

    @contextmanager
    def _lock(self, name: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the lock file of one digest, so that of several processes one copies and the others wait."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.root / _PARTIAL / f"{name}.lock", flags, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _stage(
        self,
        source: Path,
        staging: Path,
        expected: Digest | None,
        meta: Mapping[str, Any],
        inspect: Inspect | None,
    ) -> Digest:
        """Copy source into the staging directory and return the digest of what was written."""
        state = hashlib.sha256()
        size = 0
        target = staging / BLOB
        with open_regular(source.resolve()) as reading, target.open("xb") as writing:
            while chunk := reading.read(_CHUNK):
                state.update(chunk)
                writing.write(chunk)
                size += len(chunk)
            writing.flush()
            os.fsync(writing.fileno())
        digest = Digest.parse("sha256:" + state.hexdigest())
        if expected is not None and digest != expected:
            raise ModelError(f"the file is {digest}, expected {expected}", code="digest_mismatch")
        if inspect is not None:
            inspect(target)
        self._seal(staging, meta, size)
        target.chmod(0o444)
        staging.chmod(0o755)
        sync_folder(staging)
        return digest

    def _seal(self, staging: Path, meta: Mapping[str, Any], size: int) -> None:
        """Write the notes that stand beside the blob."""
        notes = staging / META
        with notes.open("x", encoding="utf-8") as writing_text:
            json.dump({**meta, "size": size}, writing_text, sort_keys=True, indent=1)
            writing_text.flush()
            os.fsync(writing_text.fileno())
        notes.chmod(0o444)

    def _publish(self, staging: Path, digest: Digest) -> None:
        """Move the finished directory to its name; an intact entry that is already there wins."""
        final = self.root / digest.hex
        try:
            staging.rename(final)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            if self.is_intact(digest):
                return
            damaged = self.root / _PARTIAL / secrets.token_hex(16)
            final.rename(damaged)
            staging.rename(final)
            shutil.rmtree(damaged, ignore_errors=True)
        sync_folder(self.root)


def not_cached(digest: Digest) -> ModelError:
    """Return the error for a model that is pinned but not on this machine."""
    return ModelError(
        f"the model {digest} is not in the cache",
        code="not_cached",
        fix="get it with `locara models pull`, or add a file with `locara models import`",
    )


def default_root() -> Path:
    """Return where models of this person are kept: the platform's cache directory, `Locara/models`."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "Locara" / "models"
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rule: a relative value is invalid and must be ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "Locara" / "models"


def open_regular(path: Path) -> io.BufferedReader:
    """Open for reading; a link in the last place, a pipe or a device is refused."""
    try:
        return open_plain(path)
    except OSError as error:
        raise ModelError(f"the model file cannot be read: {error.strerror}", code="not_cached") from error

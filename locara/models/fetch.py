"""Fetching one pinned file: in pieces, resumable, from the first mirror that has the right bytes.

What is on the disk at any moment, also after kill -9 or a power cut: complete entries of the cache, and below
`<cache>/.downloads/<hex>/` a `body` of bytes that nobody uses before their digest was compared, with the note
`from.json` that says where they came from. Nothing is ever named by what a server says.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Final

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.cache import NO_SPACE, Inspect, ModelCache, open_regular
from locara.models.web import Answer, Unreachable, Url, Web
from locara.records import dataclass

DOWNLOADS: Final = ".downloads"
BODY: Final = "body"
NOTE: Final = "from.json"
MAX_TRIES: Final = 5  # connections to one mirror, as long as each brought something
_CHUNK: Final = 1 << 18
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file: its digest, its exact size in bytes, its mirrors, and what to write beside it."""

    digest: Digest
    size: int
    sources: tuple[Url | Path, ...]
    meta: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller wants to know and decide while a file is fetched.

    inspect sees the complete file before it enters the cache; progress is told how many bytes are there;
    trying which source is asked; waiting that another process is fetching the same file; failed why a source
    was given up. window and floor: a source that brings fewer than floor bytes in window seconds is given up.
    """

    inspect: Inspect = lambda path: None
    progress: Progress = lambda done: None
    trying: Callable[[Url | Path], None] = lambda source: None
    waiting: Callable[[], None] = lambda: None
    failed: Callable[[str], None] = lambda reason: None
    window: float = 60.0
    floor: int = 16_384
    clock: Callable[[], float] = time.monotonic


def fetch(cache: ModelCache, wanted: Wanted, *, web: Web, watch: Watch | None = None) -> None:
    """Return when the cache holds the file that the digest names.

    Sources are tried in order; one that is unreachable, stalls, sends more than the size says or other bytes
    is given up for the next. An interruption keeps what was received and the next call goes on from there.
    Raises ModelError: `digest_mismatch` when a source had other bytes and none the right ones, `unreachable`
    when none answered, `disk_full` (nothing is kept then), and whatever `watch.inspect` raises.
    """
    watch = watch or Watch()
    try:
        with cache.hold(wanted.digest, watch.waiting):
            if not cache.is_intact(wanted.digest):
                _keeping_room(cache, wanted, web, watch)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelError(f"the cache {cache.root} failed: {reason}", code="not_cached") from error


def _keeping_room(cache: ModelCache, wanted: Wanted, web: Web, watch: Watch) -> None:
    """Fetch; when the disk is full, give back what was taken of it."""
    try:
        _from_any(cache, wanted, web, watch)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        discard(cache, wanted.digest)
        raise _disk_full(cache, wanted.size) from error


def discard(cache: ModelCache, digest: Digest) -> None:
    """Forget what was received of a file so far."""
    shutil.rmtree(cache.root / DOWNLOADS / digest.hex, ignore_errors=True)


def partials(cache: ModelCache) -> tuple[tuple[Digest, int], ...]:
    """The digests of which a part was received, with the bytes it has on the disk."""
    found = []
    with contextlib.suppress(OSError):
        for folder in sorted((cache.root / DOWNLOADS).iterdir()):
            with contextlib.suppress(OSError, ValueError):
                found.append((Digest(folder.name), (folder / BODY).lstat().st_size))
    return tuple(found)


def _from_any(cache: ModelCache, wanted: Wanted, web: Web, watch: Watch) -> None:
    failures: list[ModelError] = []
    for source in wanted.sources:
        watch.trying(source)
        try:
            if isinstance(source, Path):
                _copy(cache, wanted, source, watch)
            else:
                _download(cache, wanted, source, web, watch)
        except ModelError as error:
            if error.code not in {"digest_mismatch", "unreachable", "bad_address", "not_cached"}:
                raise
            watch.failed(error.message)
            failures.append(error)
        else:
            return
    raise _gave_up(wanted, failures)


def _gave_up(wanted: Wanted, failures: list[ModelError]) -> ModelError:
    wrong = [error for error in failures if error.code == "digest_mismatch"]
    first = (wrong or failures or [ModelError("no source is known", code="unreachable")])[0]
    more = f" (and {len(failures) - 1} more sources failed)" if len(failures) > 1 else ""
    fix = (
        "nothing was kept; a server has other bytes than the pin says: ask whoever gave you the pin"
        if wrong
        else "run the same command again: what was received is kept, and goes on from there"
    )
    return ModelError(f"{first.message}{more}", code=first.code, fix=fix)


def _copy(cache: ModelCache, wanted: Wanted, source: Path, watch: Watch) -> None:
    """A source on this machine: into the place of the download, so that both ends are one."""
    with _Partial(cache, wanted) as partial:
        partial.restart("", "")
        _check_space(cache, wanted.size)
        try:
            file = open_regular(source.resolve())  # an index may name anything: a pipe would be waited for
        except ModelError as error:
            raise Unreachable(f"{source}: {error.message}") from error
        with file:
            while piece := file.read(_CHUNK):
                partial.write(piece, source.name)
                watch.progress(partial.length)
        partial.finish(cache, source.name, watch.inspect)


def _download(cache: ModelCache, wanted: Wanted, url: Url, web: Web, watch: Watch) -> None:
    with _Partial(cache, wanted) as partial:
        tries = 0
        while True:
            before, continued = partial.length, partial.length > 0
            try:
                if before < wanted.size:
                    _check_space(cache, wanted.size - before)
                    continued = _receive(partial, url, web, watch)
                partial.finish(cache, url.origin, watch.inspect)
            except Unreachable:
                tries += 1
                if tries >= MAX_TRIES or partial.length <= before:
                    raise
            except _WrongBytes:
                if not continued:
                    raise
                # What an earlier source or a dying disk left behind may be at fault: once more from nothing.
            else:
                return


def _receive(partial: _Partial, url: Url, web: Web, watch: Watch) -> bool:
    """Read the rest of the file. Returns whether it went on from bytes that were there."""
    offset = partial.length
    with web.ask(url, headers=partial.conditions(url)) as answer:
        if answer.header("Content-Encoding") not in {"", "identity"}:
            raise Unreachable(f"{url.origin} sends the file encoded, though it was asked not to")
        if answer.status == 416 and offset:
            partial.restart("", "")
            return _receive(partial, url, web, watch)
        if answer.status == 206 and offset:
            _check_range(answer, offset, partial.wanted.size)
        elif answer.status == 200:
            partial.restart(str(url), _validator(answer))
        else:
            raise Unreachable(f"{url.origin} answers {answer.status}")
        continued = partial.length > 0
        _check_length(answer, partial)
        pace = _Pace(watch)
        while piece := answer.read(_CHUNK):
            partial.write(piece, url.origin)
            watch.progress(partial.length)
            pace.count(len(piece), url)
    if partial.length < partial.wanted.size:
        raise Unreachable(f"{url.origin} stopped after {partial.length:,} of {partial.wanted.size:,} bytes")
    return continued


def _check_range(answer: Answer, offset: int, size: int) -> None:
    found = _RANGE.fullmatch(answer.header("Content-Range"))
    if found is None or int(found[1]) != offset or int(found[2]) >= size or found[3] not in {"*", str(size)}:
        raise Unreachable(f"{answer.url.origin} answers with another part than was asked for")


def _check_length(answer: Answer, partial: _Partial) -> None:
    """Refuse an announced length that cannot be right before a byte of it is read."""
    length = answer.header("Content-Length")
    if not length.isdigit():
        return
    announced, rest = int(length[:20]), partial.wanted.size - partial.length
    if announced > rest or (answer.status == 200 and announced != rest):
        partial.restart("", "")
        raise _WrongBytes(partial.wanted, answer.url.origin, f"a file of {announced:,} bytes")


def _validator(answer: Answer) -> str:
    """What says that the file is still the same: a strong ETag, else the date; empty when there is none."""
    etag = answer.header("ETag")
    if etag.startswith('"') and len(etag) <= 256:
        return etag
    return answer.header("Last-Modified")[:64]


@dataclass(slots=True)
class _Pace:
    """Gives up a source that drips: it could hold the download for ever without ever being silent."""

    watch: Watch
    received: int = 0
    since: float = -1.0

    def count(self, size: int, url: Url) -> None:
        now = self.watch.clock()
        if self.since < 0:
            self.since = now
        self.received += size
        if now - self.since >= self.watch.window:
            if self.received < self.watch.floor:
                raise Unreachable(
                    f"{url.origin} is too slow: {self.received} bytes in {now - self.since:.0f} s"
                )
            self.received, self.since = 0, now


class _WrongBytes(ModelError):
    """A source has other bytes than the digest or the size says."""

    code = "digest_mismatch"

    def __init__(self, wanted: Wanted, origin: str, found: str) -> None:
        super().__init__(f"{origin} has {found}, expected {wanted.digest} of {wanted.size:,} bytes")


class _Partial:
    """The bytes received so far, and the digest of exactly those: what is on the disk is read again first."""

    def __init__(self, cache: ModelCache, wanted: Wanted) -> None:
        self.wanted = wanted
        self.length = 0
        self._folder = cache.root / DOWNLOADS / wanted.digest.hex
        self._state = hashlib.sha256()
        self._file: io.FileIO | None = None
        self._note: dict[str, str] = {}

    def __enter__(self) -> _Partial:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self._folder / BODY, flags, 0o600)
        self._file = io.FileIO(fd, "r+")
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(0, "the partial download is not a regular file")
        self._read_again()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._file is not None:
            self._file.close()
        if self.length == 0:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _open(self) -> io.FileIO:
        if self._file is None:
            raise OSError(0, "the partial download is closed")
        return self._file

    def _read_again(self) -> None:
        while piece := self._open.read(1 << 20):
            self._state.update(piece)
            self.length += len(piece)
        if self.length > self.wanted.size:
            self.restart("", "")
            return
        with contextlib.suppress(OSError, ValueError, RecursionError):
            note = json.loads((self._folder / NOTE).read_bytes()[:65_536])
            if isinstance(note, dict):
                self._note = {key: value for key, value in note.items() if isinstance(value, str)}

    def restart(self, url: str, validator: str) -> None:
        """Begin at nothing, with bytes of this address."""
        self._open.truncate(0)
        self._open.seek(0)
        self._state, self.length = hashlib.sha256(), 0
        self._note = {"url": url, "validator": validator}
        (self._folder / NOTE).write_text(json.dumps(self._note), encoding="utf-8")

    def conditions(self, url: Url) -> dict[str, str]:
        """The headers that ask for the rest; of another mirror without a condition: the digest decides."""
        if not self.length:
            return {}
        validator = self._note.get("validator", "")
        same = self._note.get("url") == str(url) and validator.isascii() and validator.isprintable()
        wanted = {"Range": f"bytes={self.length}-"}
        return {**wanted, "If-Range": validator} if same and validator else wanted

    def write(self, piece: bytes, origin: str) -> None:
        """Append; one byte more than the size says and the source is refused."""
        if self.length + len(piece) > self.wanted.size:
            self.restart("", "")
            raise _WrongBytes(self.wanted, origin, "more bytes")
        view = memoryview(piece)
        while view:
            written = self._open.write(view)
            self._state.update(view[:written])
            self.length += written
            view = view[written:]

    def finish(self, cache: ModelCache, origin: str, inspect: Inspect) -> None:
        """Compare, flush to the disk and hand over to the cache. Nothing is kept when the bytes are wrong."""
        found = Digest(self._state.hexdigest())
        if found != self.wanted.digest or self.length != self.wanted.size:
            found_size = self.length
            self.restart("", "")
            raise _WrongBytes(self.wanted, origin, f"{found} of {found_size:,} bytes")
        os.fsync(self._open.fileno())
        try:
            cache.adopt(self._folder / BODY, expected=found, meta=self.wanted.meta, inspect=inspect)
        except ModelError:
            self.restart("", "")
            raise
        self.length = 0  # nothing is left to go on from: the folder goes


def _check_space(cache: ModelCache, needed: int) -> None:
    if shutil.disk_usage(cache.root).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _disk_full(cache: ModelCache, needed: int) -> ModelError:
    return ModelError(
        f"the disk is full: the model needs {needed:,} bytes below {cache.root}; nothing of it was kept",
        code="disk_full",
        fix="free space (`locara models gc` lists models that no app pins) and try again",
    )

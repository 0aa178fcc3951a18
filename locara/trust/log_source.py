"""Where a log's static files come from: a folder, or a web server. Nothing that comes from here is believed.

Requests carry nothing about the person: no cookies, no credentials, no proxy of the environment. Redirects are
refused, answers are bounded in bytes and in time. Plain http is allowed, because what is read is checked
against signatures in any case.
"""

from __future__ import annotations

import http.client
import ssl
import time
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from locara.core.authority import authority, is_plain
from locara.records import dataclass
from locara.trust.kept_files import read_file
from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import HASH_BYTES
from locara.trust.note import MAX_NOTE
from locara.trust.tiles import MAX_BUNDLE, WIDTH, Tile, entries_of, pack_entries

SECONDS: Final = 30.0  # for one file
_NOT_THERE: Final = frozenset({http.client.NOT_FOUND, http.client.GONE})


class LogSource(Protocol):
    """Gives the bytes of a file of the log, None when it is not there."""

    def read(self, path: str, most: int) -> bytes | None:
        """Raises LogRefused `source_unreadable`."""


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder of this machine, such as the writer's public folder or a copy of it."""

    folder: Path

    def read(self, path: str, most: int) -> bytes | None:
        """The file below the folder."""
        return read_file(self.folder / path, most, code="source_unreadable")


@dataclass(frozen=True, slots=True)
class WebSource:
    """A web server, by the address that the paths of the log are put behind."""

    address: str
    seconds: float = SECONDS

    def read(self, path: str, most: int) -> bytes | None:
        """The answer to a GET of the path."""
        parts = urlsplit(self.address)
        target = f"{parts.path.rstrip('/')}/{path}"
        status, _, data = request(self.address, "GET", target, most=most, seconds=self.seconds)
        if status in _NOT_THERE:
            return None
        if status != http.client.OK:
            raise LogRefused(f"{self.address} answers {status} to {path}", code="source_unreadable")
        return data


def source_of(text: str) -> LogSource:
    """The source that a person named: an http or https address, or a folder. Raises LogRefused."""
    if "://" not in text:
        if not Path(text).is_dir():
            raise LogRefused(f"there is no folder {text}", code="source_unreadable")
        return FolderSource(Path(text))
    check_address(text)
    return WebSource(text)


def check_address(text: str) -> None:
    """Raises LogRefused `source_unreadable` for anything but a plain http or https address."""
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and authority(parts.netloc) is not None
    except ValueError:
        plain = False
    if not plain or not is_plain(text) or any(mark in text for mark in "#?@"):
        raise LogRefused(f"{text[:80]!r} is not a plain http or https address", code="source_unreadable")


def request(
    address: str, method: str, target: str, *, most: int, body: bytes | None = None, seconds: float = SECONDS
) -> tuple[int, str, bytes]:
    """Status, content type and body of one answer. Raises LogRefused `source_unreadable`."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
    end = time.monotonic() + seconds
    data = bytearray()
    try:
        connection.request(method, target, body=body, headers={"Accept-Encoding": "identity"})
        response = connection.getresponse()
        while piece := response.read1(65_536):
            data += piece
            if len(data) > most and response.status != http.client.OK:
                break  # the page of an error; its beginning is enough
            if len(data) > most:
                raise LogRefused(f"{address} answers with more than {most} bytes", code="source_unreadable")
            if time.monotonic() > end:
                raise LogRefused(f"{address} takes too long to answer", code="source_unreadable")
        if response.length and response.status == http.client.OK:
            raise LogRefused(f"{address} ended its answer early", code="source_unreadable")
        return response.status, response.headers.get_content_type(), bytes(data[:most])
    except (OSError, http.client.HTTPException) as error:
        raise LogRefused(f"{address} cannot be reached: {error}", code="source_unreadable") from error
    finally:
        connection.close()


def read_checkpoint(source: LogSource) -> bytes:
    """The checkpoint that a source shows. Raises LogRefused `source_unreadable`."""
    raw = source.read("checkpoint", MAX_NOTE)
    if raw is None:
        raise LogRefused("the source has no checkpoint", code="source_unreadable")
    return raw


def read_tile(source: LogSource, tile: Tile) -> bytes:
    """A tile or bundle of exactly that width; where an unfinished one is gone, cut from the whole one.

    Raises LogRefused `source_unreadable`, `tile_malformed`.
    """
    most = MAX_BUNDLE if tile.level is None else WIDTH * HASH_BYTES
    data = source.read(tile.path, most)
    if data is not None:
        return data
    whole = Tile(tile.level, tile.n)
    data = None if tile.width == WIDTH else source.read(whole.path, most)
    if data is None:
        raise LogRefused(f"the source has no {tile.path}", code="source_unreadable")
    if tile.level is None:
        return pack_entries(entries_of(data, WIDTH)[: tile.width])
    return data[: tile.width * HASH_BYTES]

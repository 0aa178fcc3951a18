"""The page's files at `locara://app/`: one folder, read-only, with a policy that lets nothing out."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from locara.plain_files import open_plain
from locara.records import dataclass

POLICY: Final = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; media-src 'self' blob:; connect-src 'self'; "
    "worker-src 'self'; frame-src 'none'; object-src 'none'; form-action 'none'; base-uri 'none'"
)
TYPES: Final = {
    ".css": "text/css",
    ".gif": "image/gif",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
MAX_FILE: Final = 256 * 1024 * 1024


@dataclass(frozen=True)
class Served:
    """A file as it is answered: its bytes, its media type, its headers."""

    data: bytes
    media_type: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Every answer carries the policy; the type stands here too, or `nosniff` would drop the file."""
        return (
            ("Content-Security-Policy", POLICY),
            ("Content-Type", self.media_type),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        )


def serve(folder: str, uri: str, entry: str) -> Served | None:
    """The file an address names, None when there is none. Nothing outside the folder is ever opened."""
    parts = urlsplit(uri)
    if parts.scheme != "locara" or parts.netloc != "app":
        return None
    names = [name for name in unquote(parts.path).split("/") if name] or entry.split("/")
    if any(name in {".", ".."} or "\0" in name or "\\" in name for name in names):
        return None
    try:
        data = _read(folder, names)
    except (OSError, ValueError):
        return None
    return Served(data, TYPES.get(PurePosixPath(names[-1]).suffix.lower(), "application/octet-stream"))


def _read(folder: str, names: list[str]) -> bytes:
    """Open step by step without following a link; only an ordinary file has bytes."""
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names[:-1]:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        file = open_plain(names[-1], dir_fd=at)
    finally:
        os.close(at)
    with file:
        if os.fstat(file.fileno()).st_size > MAX_FILE:
            raise ValueError("not a file of a size that a page can have")
        return file.read(MAX_FILE)

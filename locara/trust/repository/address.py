"""Which addresses a repository may have."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from locara.core.authority import authority, is_plain
from locara.trust.repository.refused import UpdateRefused

LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def checked_address(url: str) -> str:
    """The address of a repository, ending in a slash. UpdateRefused ``bad_address``."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _bad(url) from error
    place = authority(parts.netloc)
    safe = place and (parts.scheme == "https" or (parts.scheme == "http" and place[0] in LOCAL))
    if not safe or not is_plain(url) or "?" in url or "#" in url or len(url) > 2_048:
        raise _bad(url)
    return url if url.endswith("/") else f"{url}/"


def _bad(url: str) -> UpdateRefused:
    return UpdateRefused(
        f"{ascii(url)[:120]} is not the address of a repository",
        code="bad_address",
        fix="write https://host/path, without user, query or fragment",
    )

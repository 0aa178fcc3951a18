"""Addresses of web pages that may be handed to the person's browser: one strict form, read once.

What is opened is the text that was judged and no other: it begins with ``https://``, so no program takes it for
an option, a file or another scheme, and it is printable ASCII without blanks, quotes or control characters, in
plain or percent-encoded form.
"""

from __future__ import annotations

import re
from typing import Final

from locara.core.hosts import is_host
from locara.records import dataclass

MAX_PAGE: Final = 2_048
_PAGE: Final = re.compile(
    r"https://(?P<host>[A-Za-z0-9.-]{1,253})(?::443)?"
    r"(?P<rest>(?:[/?](?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]|%[0-9A-Fa-f]{2})*)?"
    r"(?:#(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?)",
    re.ASCII,
)
_CONTROL: Final = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page:
    """An https page: its lower-case host, and the whole address as it is opened."""

    host: str
    address: str


def page_of(text: str) -> Page | None:
    """The page of an address; ``None`` for another scheme or port, for credentials, and for characters that
    are not written as a URL writes them. Total for every string.
    """
    found = _PAGE.fullmatch(text) if len(text) <= MAX_PAGE else None
    if found is None or _CONTROL.search(found["rest"]):
        return None
    host, rest = found["host"].lower(), found["rest"]
    if not is_host(host):
        return None
    return Page(host, f"https://{host}{rest if rest.startswith('/') else '/' + rest}")

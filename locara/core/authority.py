"""Where a web address leads: its characters, and the host and port of its authority, with every sign accounted for.

Readers of addresses differ in what they pass over: the standard library looks for a host in brackets wherever
brackets stand, and takes `x[::1]` for `::1`. Here the whole text is a name or a number, then perhaps a port.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from locara.core.hosts import LABEL, MAX_HOST
from locara.core.ports import is_port

_ODD: Final = frozenset('\\"<>^`{|}')
_AUTHORITY: Final = re.compile(
    rf"(?:\[(?P<long>[0-9a-f:.]+)\]|(?P<name>{LABEL}(?:\.{LABEL})*))(?::(?P<port>[0-9]{{1,5}}))?",
    re.ASCII | re.IGNORECASE,
)


def is_plain(text: str) -> bool:
    """Whether each character is a visible one of ASCII that readers of addresses neither change nor pass over."""
    return all("!" <= character <= "~" for character in text) and not _ODD.intersection(text)


def authority(text: str) -> tuple[str, int | None] | None:
    """Lower-case host, without brackets, and port of ``host[:port]``; None for any other text. Total.

    A host is a name of labels or an address by number in its plain form. User names, zones, empty ports and
    numbers that some resolvers read as addresses and others as names (`010.0.0.1`, `0x7f.1`, `2130706433`) are
    none.
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not is_port(port):
        return None
    host = (found["long"] or found["name"]).lower()
    return (host, port) if (_is_long(host) if found["long"] else _is_name(host)) else None


def is_number(host: str) -> bool:
    """Whether the host is an address by number, of either version."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_long(host: str) -> bool:
    return ":" in host and is_number(host)


def _is_name(host: str) -> bool:
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        return is_number(host)
    return len(host) <= MAX_HOST

"""Which addresses an app's traffic may reach after a name was resolved: the public internet, and nothing
nearer.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_V4_REFUSED: Final = {
    network: ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
}
_V6_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
# Inside 2000::/3, these carry another address (Teredo, 6to4) or are no one's: the embedded address is
# what would be hit.
_V6_REFUSED: Final = {
    network: ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
}
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC_LABEL: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


def refused_address(address: str) -> str | None:
    """Why an address is not reachable for an app, None when it is an ordinary public one.

    IPv6 outside 2000::/3 is refused as a whole, which covers loopback, link-local, unique-local, multicast,
    IPv4-mapped and NAT64 forms; zone suffixes and anything unparsable are refused too.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(parsed, ipaddress.IPv4Address):
        return next((f"{name} is not public" for name, net in _V4_REFUSED.items() if parsed in net), None)
    if parsed.scope_id is not None or parsed not in _V6_GLOBAL:
        return "not a global unicast IPv6 address"
    return next((f"{name} is not public" for name, net in _V6_REFUSED.items() if parsed in net), None)


def is_host_name(host: str) -> bool:
    """Whether `host` is a canonical DNS name of two or more labels; no IP address in any spelling is one."""
    labels = host.split(".")
    return (
        len(host) <= 253
        and len(labels) >= 2
        and all(_LABEL.fullmatch(label) for label in labels)
        and not _NUMERIC_LABEL.fullmatch(labels[-1])
    )

"""No network for the tests themselves: what this process asks of sockets in Python is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from locara.records import dataclass

_EVENTS = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "socket.sendmsg",
        "socket.bind",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
    }
)


class NetworkRefused(OSError):
    """A test that uses ``no_network`` asked for the network."""


@dataclass(slots=True)
class NoNetwork:
    """``attempts`` names what was asked for and refused."""

    attempts: list[str] = field(default_factory=list)
    on: bool = False


_state: list[NoNetwork] = []


def _hook(event: str, args: tuple[object, ...]) -> None:
    # An audit hook can never be taken off again; outside of a `no_network` test it looks at a list and leaves.
    if not _state or event not in _EVENTS:
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        family = getattr(args[0], "family", None)
        if getattr(family, "name", "") == "AF_UNIX":
            return
        address = args[1] if len(args) > 1 else None
    else:
        address = args[0] if args else None
    _state[-1].attempts.append(f"{event} {address!r}")
    raise NetworkRefused(f"this test has no network, and something asked for {event} {address!r}")


@contextmanager
def refused() -> Iterator[NoNetwork]:
    """Refuse the network to Python code of this process within the block; sockets of the file system stay."""
    if not getattr(sys, "_locara_no_network", False):
        sys.addaudithook(_hook)
        sys._locara_no_network = True  # type: ignore[attr-defined]  # once in a process, whatever is imported twice
    state = NoNetwork()
    _state.append(state)
    try:
        yield state
    finally:
        _state[:] = [one for one in _state if one is not state]  # two that have refused as much are equal

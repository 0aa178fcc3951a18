"""What this process asks of the network: the launcher of an app and its broker run in it, outside every sandbox."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

_NAMES: Final = (
    "getaddrinfo",
    "gethostbyname",
    "gethostbyname_ex",
    "gethostbyaddr",
    "getnameinfo",
    "getfqdn",
)
_METHODS: Final = ("connect", "connect_ex", "sendto", "sendmsg")


@contextmanager
def outward() -> Iterator[list[str]]:
    """During the block, each name that is looked up and each address that something is sent to, by any thread."""
    told: list[str] = []
    module: Any = socket
    kept = {name: getattr(module, name) for name in _NAMES}
    own = {name: socket.socket.__dict__.get(name) for name in _METHODS}
    for name, real in kept.items():
        setattr(module, name, _noting(told, name, real))
    for name in _METHODS:
        setattr(module.socket, name, _noting(told, name, getattr(socket.socket, name)))
    try:
        yield told
    finally:
        for name, real in kept.items():
            setattr(module, name, real)
        for name, mine in own.items():
            if mine is None:
                delattr(module.socket, name)
            else:
                setattr(module.socket, name, mine)


def _noting(told: list[str], name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for any function of sockets
        # An address of the network is a tuple; a path, or a name without a file, is this machine's own.
        aims = [one for one in given[1:] if isinstance(one, tuple)] if name in _METHODS else [given[:1]]
        if aims:
            told.append(f"{name} {aims[0]}")
        return real(*given, **named)

    return noted

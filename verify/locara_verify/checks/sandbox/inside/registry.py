"""Probes: one attempt each to reach something outside. The same code runs sandboxed and, as the control,
unsandboxed.

A probe returns when its attempt succeeded and raises OSError or Held when it was stopped. Only the effects
of the attempt count in the end: the canaries outside keep their own record.
"""

# What is tested is the system call itself, so it is made without pathlib in between.

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

World = Mapping[str, Any]
"""Where the victims are: paths, ports, process ids. Made by the checks, passed as JSON."""

libc = ctypes.CDLL(None, use_errno=True)


class Held(Exception):
    """The attempt was stopped without an errno: the reason in one or two words."""


class Probe(NamedTuple):
    """`reached`: errors that show the gate was passed and only the harmless arguments were refused.

    `inline` probes run in the app's own process, because a forked child has a stricter view of /proc.
    `essential` ones must be provable on every host, or the whole run proves nothing.
    """

    name: str
    attempt: Callable[[World], None]
    reached: frozenset[int]
    inline: bool
    essential: bool
    allow: bool


_probes: dict[str, Probe] = {}


def probe(
    *, reached: tuple[int, ...] = (), inline: bool = False, essential: bool = False, allow: bool = False
) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Register a probe under its function's name. `allow` marks a twin that must succeed inside as well."""

    def register(attempt: Callable[[World], None]) -> Callable[[World], None]:
        name = attempt.__name__
        if name in _probes:
            raise ValueError(f"two probes are named {name}")
        _probes[name] = Probe(name, attempt, frozenset(reached), inline, essential, allow)
        return attempt

    return register


def probes() -> Mapping[str, Probe]:
    """Every registered probe by name, in the order of registration."""
    return dict(_probes)


def checked(result: int) -> int:
    """The result of a C call, or its errno as OSError."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def attempt(one: Probe, world: World) -> str:
    """`open`, or what stopped it: an errno's name, a reason, or the name of an unexpected exception."""
    try:
        one.attempt(world)
    except OSError as error:
        code = error.errno or 0
        return "open" if code in one.reached else errno.errorcode.get(code, f"errno-{code}")
    except Held as held:
        return str(held)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:80]
    return "open"

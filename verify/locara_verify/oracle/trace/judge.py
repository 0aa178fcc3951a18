"""What a request lets its process ask of the kernel, from the words of the specification; pure.

While a request for a file is answered, only the folder that it names is used, for what the request says and the grant
allows, and in it only what has the name that is asked for, or a new name that nobody could know: no file beside it is
opened, made, moved or removed. No name is looked up in a way that could lead through a link. A request that names no
granted folder, or no portable path, touches no file at all. Besides that there are the places in which a running app
works by itself: they are listed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from locara.records import dataclass
from locara_verify.oracle.trace import calls
from locara_verify.oracle.trace.lookups import Seen

RUNTIME: Final = "the runtime"
BROKER: Final = "the broker"
FILES: Final = frozenset({calls.OPEN, calls.LOOK, calls.CHANGE, calls.HELD, calls.WRITTEN})
OWN: Final[Mapping[str, Mapping[str, str]]] = {
    RUNTIME: {"audit": "w", "code": "r"},
    BROKER: {"picked before": "r", "code": "r"},
}
"""Where each works by itself, whatever is asked: the runtime writes its log, the broker reads what the person lets be
found again, and both may load a part of their code late."""
_DRAFT: Final = re.compile(r"(?:[^\x00]*/)?\.(?:locara-)?[0-9a-f]{16,}(?:\.part)?")
"""What is written before it gets its name: drawn by chance, so it is no name of anybody's."""
_ALIAS: Final = "a link, or a file that has a second name, was changed"
NUMBERS: Final = ("/proc/meminfo", "/proc/pressure/memory")
"""Read by the runtime now and then, to unload models in time: numbers of the machine."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was sent. ``uses`` says which places it may use, for reading (r) or writing (w), ``path`` what in
    them."""

    told: str
    uses: Mapping[str, str]
    path: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was wrong with one call."""

    files: bool
    message: str
    seen: Seen


def judged(seen: Seen, request: Request | None) -> Fault | None:
    """What is wrong with a call that belongs to ``request``, or None."""
    if seen.kind not in FILES:
        return Fault(False, _POWERS[seen.kind], seen)
    if seen.role in OWN and _by_itself(seen):
        return None
    message = _wrong(seen, {} if request is None else request.uses)
    if message is None and request is not None and _beside(seen, request.path):
        message = "a file beside the one that was asked for was opened, made, moved or removed"
    return None if message is None else Fault(True, message, seen)


def _wrong(seen: Seen, uses: Mapping[str, str]) -> str | None:
    if seen.kind == calls.WRITTEN:
        return _ALIAS if seen.alias else None  # where it lies was judged when it was opened
    access = uses.get(seen.place)
    if access is None:
        if uses and seen.confined and seen.error:
            return None  # the kernel itself held it below the folder
        opened = seen.kind == calls.OPEN and not seen.error
        return f"something outside the folder of the request was {'opened' if opened else 'reached for'}"
    wrong = {
        "a request that reads, or a folder that is only read, was used for writing": (
            seen.access == "w" and access != "w"
        ),
        "what is neither a file nor a folder was opened": seen.special and seen.role == BROKER,
        "what was opened could have waited for another process": seen.waits,
        "what was made is for others to write": seen.for_others,
        _ALIAS: seen.alias,
        "a name of the app was looked up in a way that follows links": seen.follows,
    }
    return next((message for message, holds in wrong.items() if holds), None)


def _beside(seen: Seen, asked: str) -> bool:
    """Whether a call names another file than the request does. What opens folders alone reads no file."""
    opens = seen.kind == calls.OPEN and seen.access != "" and not seen.folder
    if not (opens or seen.kind == calls.CHANGE) or seen.path.startswith("/"):
        return False
    parts = seen.path.strip("/")
    return f"/{parts}/" not in f"/{asked}/" and parts not in {"", "."} and _DRAFT.fullmatch(parts) is None


def _by_itself(seen: Seen) -> bool:
    if seen.role == RUNTIME and seen.place == "proc" and seen.path in NUMBERS:
        return seen.access == "r"
    access = OWN[seen.role].get(seen.place)
    return access is not None and (access == "w" or seen.access != "w")


_POWERS: Final = {
    calls.SOCKET: "a socket reached for something",
    calls.RUN: "a process was started",
    calls.POWER: "a power over other processes or the system was asked for",
}

"""The broker's protocol: one JSON object per SEQPACKET datagram, descriptors beside it. Shared by both ends.

request  {"op": "pick" | "dropped" | "handed" | "kept" | "reopen" | "forget" | "release" | "open" | "commit"
                | "abort" | "list" | "stat" | "mkdir" | "remove"
                | "clipboard-read" | "clipboard-offer" | "clipboard-write" | "notify" | "open-external"
                | "listen" | "watch" | "stop" | "background" | "program" | "facts", ...}
reply    {"ok": true, ...} or {"ok": false, "code": one of errors.IPC_CODES, "message", "because"?, "fix"?}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeVar

MAX_DATAGRAM: Final = 65536
LIST_PAGE: Final = 200
MAX_HANDLES: Final = 256
MAX_KEPT: Final = 32  # remembered picks of one app: the names of all of them fit into one datagram
MAX_PENDING: Final = 64

Mode = Literal["read", "create", "replace", "append"]
MODES: Final[tuple[Mode, ...]] = ("read", "create", "replace", "append")
PickKind = Literal["file", "directory"]
PickAccess = Literal["read", "read-write"]

_BESIDE: Final = 1024  # bytes of a reply beside its list
Item = TypeVar("Item")


def encode(message: dict[str, Any]) -> bytes:
    """One datagram. ValueError when it would not fit."""
    data = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    if len(data) > MAX_DATAGRAM:
        raise ValueError("the message does not fit into a datagram")
    return data


def fitting(items: Sequence[Item]) -> list[Item]:
    """As many of the first of these JSON values as one reply holds. A name of 255 bytes can take 1,530 of them."""
    told, room = list[Item](), MAX_DATAGRAM - _BESIDE
    for item in items:
        room -= len(json.dumps(item, ensure_ascii=True, separators=(",", ":"))) + 1
        if room < 0:
            break
        told.append(item)
    return told


def decode(data: bytes) -> dict[str, Any]:
    """The object in a datagram. ValueError for anything else."""
    try:
        message = json.loads(data)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError("not a JSON datagram") from error
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a malformed datagram, not a caller's type
    return message

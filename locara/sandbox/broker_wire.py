"""The broker's protocol: one JSON object per SEQPACKET datagram, descriptors beside it. Shared by both ends.

request  {"op": "pick" | "dropped" | "kept" | "reopen" | "forget" | "release" | "open" | "commit" | "abort"
                | "list" | "stat" | "mkdir" | "remove"
                | "clipboard-read" | "clipboard-offer" | "clipboard-write" | "notify" | "open-external"
                | "listen" | "watch" | "stop" | "background" | "program" | "facts", ...}
reply    {"ok": true, ...} or {"ok": false, "code": one of errors.IPC_CODES, "message", "because"?, "fix"?}
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

MAX_DATAGRAM: Final = 65536
LIST_PAGE: Final = 200
MAX_HANDLES: Final = 256
MAX_KEPT: Final = 32  # remembered picks of one app: the names of all of them fit into one datagram
MAX_PENDING: Final = 64

Mode = Literal["read", "create", "replace", "append"]
MODES: Final[tuple[Mode, ...]] = ("read", "create", "replace", "append")
PickKind = Literal["file", "directory"]
PickAccess = Literal["read", "read-write"]


def encode(message: dict[str, Any]) -> bytes:
    """One datagram. ValueError when it would not fit."""
    data = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    if len(data) > MAX_DATAGRAM:
        raise ValueError("the message does not fit into a datagram")
    return data


def decode(data: bytes) -> dict[str, Any]:
    """The object in a datagram. ValueError for anything else."""
    try:
        message = json.loads(data)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError("not a JSON datagram") from error
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a malformed datagram, not a caller's type
    return message

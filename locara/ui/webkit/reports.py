"""What this process tells the launcher about the window, over the control socket. The launcher believes none
of it further than it must: it decides nothing by it."""

from __future__ import annotations

import json
import socket
from typing import Final

MAX_TEXT: Final = 300
MAX_REPORTS: Final = 1000
MAX_DROPPED: Final = 48 * 1024
"""Bytes that the addresses of one drop may take. More is no drop: nothing of it is told."""
_OF_THE_PERSON: Final = frozenset({"size", "closed", "dropped"})
"""No page can cause these, so that none uses them up."""


class Reports:
    """Small datagrams, never blocking; after a flood of what a page can cause nothing more is said of that."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._left = MAX_REPORTS

    @property
    def socket(self) -> socket.socket:
        """The control socket; what the launcher has to say comes over it, too."""
        return self._socket

    def say(self, event: str, **facts: object) -> None:
        """Tell one event. Texts are cut; a launcher that does not read loses it."""
        if event not in _OF_THE_PERSON:
            if self._left <= 0:
                return
            self._left -= 1
        short = {key: value[:MAX_TEXT] if isinstance(value, str) else value for key, value in facts.items()}
        self._send({"event": event, **short})

    def dropped(self, uris: list[str]) -> None:
        """Tell the addresses of what was dropped, whole or not at all."""
        if sum(map(len, uris)) < MAX_DROPPED:
            self._send({"event": "dropped", "uris": uris})

    def _send(self, report: dict[str, object]) -> None:
        try:
            self._socket.send(json.dumps(report).encode())
        except OSError:
            return

"""What this process tells the launcher about the window, over the control socket. The launcher believes none
of it further than it must: it decides nothing by it."""

from __future__ import annotations

import json
import socket
from typing import Final

MAX_TEXT: Final = 300
MAX_REPORTS: Final = 1000
_OF_THE_PERSON: Final = frozenset({"size", "closed"})
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
        try:
            self._socket.send(json.dumps({"event": event, **short}).encode())
        except OSError:
            return

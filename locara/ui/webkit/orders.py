"""What the launcher tells this process over the control socket: load the page anew, show a sentence instead, or be
dark or light.

The launcher is the trusted side. What is read here is bounded all the same, and what is no order is dropped.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import field
from typing import Final, TypeGuard

from locara.records import dataclass

MAX_ORDER: Final = 64 * 1024
_MOST_AT_ONCE: Final = 64


@dataclass(frozen=True)
class Order:
    """``reload`` with an entry and what the menu tells, ``notice`` with a text, ``dark`` or ``light``."""

    name: str
    text: str = ""
    about: Mapping[str, list[str]] = field(default_factory=dict)


def order_of(data: bytes) -> Order | None:
    """The order in one datagram, None when it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if value.get("order") == "notice" and isinstance(value.get("text"), str):
        return Order("notice", value["text"])
    if value.get("order") == "dark" and isinstance(value.get("dark"), bool):
        return Order("dark" if value["dark"] else "light")
    about = value.get("about")
    if value.get("order") == "reload" and isinstance(value.get("entry"), str) and _is_about(about):
        return Order("reload", value["entry"], about)
    return None


def _is_about(value: object) -> TypeGuard[Mapping[str, list[str]]]:
    return isinstance(value, dict) and all(
        isinstance(lines, list) and all(isinstance(line, str) for line in lines) for lines in value.values()
    )


def take(sock: socket.socket) -> tuple[list[Order], bool]:
    """The orders that have come, without waiting, and whether more can come."""
    found: list[Order] = []
    for _ in range(_MOST_AT_ONCE):
        try:
            data = sock.recv(MAX_ORDER)
        except BlockingIOError:
            return found, True
        except OSError:
            return found, False
        if not data:
            return found, False
        order = order_of(data)
        if order is not None:
            found.append(order)
    return found, True

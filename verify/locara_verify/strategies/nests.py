"""Arrays and objects inside each other."""

from __future__ import annotations

from itertools import cycle, islice


def nested(shape: tuple[bytes, ...], depth: int) -> bytes:
    """So many arrays and objects inside each other, opened in this order, around a number."""
    opened = list(islice(cycle(shape), depth))
    closed = [b"]" if one == b"[" else b"}" for one in reversed(opened)]
    return b"".join((*opened, b"0", *closed))

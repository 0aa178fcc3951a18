"""LC402 and LC403 at the window: what holds the frames of a page takes no length beyond the cap, and does not grow.

The real holder of one end of a socket runs here; the other end announces lengths, or does not read.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Callable
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape import pieces
from locara_verify.context import Context
from locara_verify.strategies.frames import HEADER, MAX_FRAME
from locara_verify.tally import Tally

FRAMES: Final = "LC402"
FLOODS: Final = "LC403"
MOST_HELD: Final = 4 * MAX_FRAME
MOST_FRAMES: Final = 4_096
_BEYOND: Final = (MAX_FRAME + 1, 2 * MAX_FRAME, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


@check("window.frames", rules=(FRAMES, FLOODS))
def run(ctx: Context) -> CheckResult:
    """Lengths that come in, lengths that go out, what crosses in parts, and a peer that does not read."""
    tally, rng = Tally(), ctx.rng("window.frames")
    pieces.cut(tally, rng)
    for length in (0, *_BEYOND, rng.randint(MAX_FRAME + 1, 0xFFFF_FFFF)):
        announced(tally, length)
    for size, due in ((0, False), (1, True), (MAX_FRAME, True), (MAX_FRAME + 1, False)):
        with Pair() as pair:
            sent = pair.link.send(bytes(size))
        if due:
            tally.twin(FRAMES, sent, f"the window sends a frame of {size} bytes")
        else:
            tally.judge(FRAMES, not sent, "the window sends a frame that is none", f"{size} bytes")
    # One frame more than is held is on its way already, and a part of it with the kernel.
    flood(tally, "bytes", bytes(MAX_FRAME), MOST_HELD // MAX_FRAME + 1)
    # Small ones are written together, up to a MiB of them at once: those are on their way as well.
    flood(tally, "frames", bytes(rng.randint(200, 400)), 3 * MOST_FRAMES)
    return tally.result()


class Pair:
    """The window's end of the frames, and a peer."""

    def __init__(self) -> None:
        from locara.ui.webkit.link import Link  # noqa: PLC0415 - only this check needs it

        ours, self.peer = socket.socketpair()
        self.got: list[bytes] = []
        self.ended = False
        self.broken = False
        self.link = Link(ours.detach(), self.got.append, self._end, watched=True)

    def _end(self) -> None:
        self.ended = True

    def take(self) -> None:
        """Read all that has come."""
        while not (self.ended or self.broken) and select.select([self.link], [], [], 0)[0]:
            try:
                self.link.take()
            except (struct.error, ValueError, OverflowError, MemoryError):
                self.broken = True  # the thread that draws would have met it

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()
        self.take()


def announced(tally: Tally, length: int) -> None:
    """A length alone, behind an ordinary frame: that one is taken, and nothing is waited for."""
    with Pair() as pair:
        pair.peer.sendall(HEADER.pack(6) + b"before" + HEADER.pack(length) + os.urandom(8))
        pair.take()
        tally.twin(FRAMES, pair.got[:1] == [b"before"], "an ordinary frame comes through")
        tally.judge(
            FRAMES,
            pair.ended and len(pair.got) == 1,
            "the window waits for a frame that is none",
            f"{length} bytes were announced, at most {MAX_FRAME} are taken",
        )


def flood(tally: Tally, what: str, payload: bytes, most: int) -> None:
    """Send until it is refused; then read, and one more is taken."""
    with Pair() as pair:
        taken = _counted(lambda: pair.link.send(payload), most + 2)
        tally.judge(
            FLOODS,
            taken <= most,
            f"the window keeps {what} without bound for a peer that does not read",
            f"{taken} frames of {len(payload)} bytes were taken, at most {most} may be",
        )
        left = taken * (len(payload) + HEADER.size)
        pair.peer.settimeout(20.0)
        while left and (piece := pair.peer.recv(min(left, 1 << 20))):
            left -= len(piece)
        again = pair.link.send(payload)
        tally.twin(FLOODS, taken > 1 and not left, f"{what} that were taken arrive")
        tally.judge(
            FLOODS, again, f"the window takes no {what} although its peer has read all", "one more was sent"
        )


def _counted(send: Callable[[], bool], most: int) -> int:
    taken = 0
    while taken < most and send():
        taken += 1
    return taken

"""LC812: what was judged is what goes to the clipboard, whatever the app makes of it meanwhile.

A place for text is shared with the app, which can write into it at any moment. It does so here after the first thing
that the broker does with a request, after the second, and so on, each time with what no clipboard takes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from locara_verify.checks.desktop.stage import CLIPBOARD, manifest_of, watched
from locara_verify.checks.escape.outside import serving
from locara_verify.context import Context
from locara_verify.tally import Tally

_GOOD: Final = b"text of the app"
_BAD: Final = b"\xff\0 no text"
_MOST: Final = 400


class _Steps:
    """Counts what the broker's thread does, and calls this after so many things."""

    def __init__(self) -> None:
        self.left = 0
        self.then: Callable[[], object] = lambda: None

    def __call__(self, _frame: object, event: str, _arg: object) -> None:
        """As a profiler is called."""
        if event == "c_return":
            self.left -= 1
            if self.left == 0:
                self.then()


@contextlib.contextmanager
def _counted() -> Iterator[_Steps]:
    """Threads that begin in the block are counted."""
    steps: Any = _Steps()
    threading.setprofile(steps)
    try:
        yield steps
    finally:
        threading.setprofile(None)


def fetched(ctx: Context, tally: Tally) -> None:
    """One text after the other, each changed one step later than the one before."""
    _, grants = manifest_of(ctx, {"clipboard": {"write": True}})
    desk = watched(ctx)
    kept, taken = desk.clipboard.text, 0
    with _counted() as steps, serving(grants, desktop=desk.desktop) as peer:
        for number in range(1, _MOST):
            with contextlib.ExitStack() as held:
                offer = peer.hold(held, op="clipboard-offer").reply.get("offer")
                place = held.enter_context(_place())
                os.pwrite(place, _GOOD, 0)
                steps.then = lambda place=place: os.pwrite(place, _BAD, 0)  # type: ignore[misc]
                steps.left = number
                desk.clipboard.text = kept
                reply = peer.ask(op="clipboard-write", offer=offer)
                ended, steps.left = steps.left > 0, 0
            found = desk.clipboard.text
            taken += found == _GOOD
            told = f"changed after {number} steps: answered {reply.reply.get('code', 'ok')}, {found[:20]!r}"
            held_ = found in {_GOOD, kept} and (found == _GOOD) == reply.ok
            tally.judge(CLIPBOARD, held_, "what was judged is not what goes to the clipboard", told)
            if ended:
                break
    tally.twin(CLIPBOARD, taken > 0, "text that does not change is written")


@contextlib.contextmanager
def _place() -> Iterator[int]:
    """The memory that was handed over last, opened by its own name and not by the broker's."""
    at = max(int(fd) for fd in os.listdir("/proc/self/fd") if _is_memory(fd))  # noqa: PTH208 - names alone
    place = os.open(f"/proc/self/fd/{at}", os.O_RDWR | os.O_CLOEXEC)
    try:
        yield place
    finally:
        os.close(place)


def _is_memory(fd: str) -> bool:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/self/fd/{fd}").startswith("/memfd:clipboard")  # noqa: PTH115 - as above
    return False

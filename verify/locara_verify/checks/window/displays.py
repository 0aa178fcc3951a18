"""LC433 at the choice of a display: a window is drawn where windows are kept apart, wherever there is such a place, and
where there is none the person is told.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC433"
_X11: Final = Path("/tmp/.X11-unix")  # noqa: S108 - the place the protocol fixes


def displays(ctx: Context, tally: Tally) -> None:
    """Sessions that have a Wayland display, one of X11, both, and neither; and further words about either."""
    from locara.errors import SandboxError  # noqa: PLC0415 - loads the framework
    from locara.ui.display import find_display  # noqa: PLC0415

    with _sockets(ctx.fresh_dir("displays")) as (wayland, x11):
        more = {"XDG_SESSION_TYPE": "x11", "GDK_BACKEND": "x11", "QT_QPA_PLATFORM": "xcb"}
        for apart, shared, words in itertools.product((True, False), (True, False), ({}, more)):
            session = {"XDG_RUNTIME_DIR": str(wayland.parent), **words}
            session |= {"WAYLAND_DISPLAY": wayland.name} if apart else {}
            session |= {"DISPLAY": x11} if shared and x11 else {}
            try:
                found = find_display(session)
                where, told = str(found.socket), bool(found.exposure)
            except SandboxError:
                where, told = "", False
            due = os.path.realpath(wayland) if apart else str(_X11 / f"X{x11[1:]}") if shared and x11 else ""
            because = (
                f"Wayland {apart}, X11 {shared}, {sorted(words)}: {Path(where).name or 'none'}, told {told}"
            )
            held = where in {due, os.path.realpath(due)} and told == (where != "" and not apart)
            tally.judge(RULE, held, "a window is drawn where others see it, though it need not", because)


@contextmanager
def _sockets(folder: Path) -> Iterator[tuple[Path, str]]:
    """Where a Wayland display listens, and the name of one of X11, empty where none can be made."""
    at = os.open(folder, os.O_PATH | os.O_DIRECTORY)  # the path of a socket is short
    number = next(number for number in range(700, 800) if not (_X11 / f"X{number}").exists())
    name, made = f":{number}", _X11 / f"X{number}"
    with socket.socket(socket.AF_UNIX) as wayland, socket.socket(socket.AF_UNIX) as x11:
        try:
            wayland.bind(f"/proc/self/fd/{at}/wayland-0")
            try:
                _X11.mkdir(mode=0o1777, exist_ok=True)
                x11.bind(str(made))
            except OSError:
                name = ""
            yield folder / "wayland-0", name
        finally:
            os.close(at)
            if name:
                made.unlink(missing_ok=True)

"""Where a window can appear on this machine: Wayland where there is one, else X11, and what X11 means."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from locara.errors import SandboxError
from locara.records import dataclass

X11_EXPOSURE: Final = (
    "this is an X11 session: X11 lets every program that draws a window see and type into all others, "
    "and no sandbox changes that; a Wayland session keeps windows apart"
)
_X11_SOCKETS: Final = Path("/tmp/.X11-unix")  # noqa: S108 - the place the protocol fixes
_DISPLAY: Final = re.compile(r"(?:unix)?:(\d{1,5})(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Display:
    """A display server's socket on this host, the variable that names it, and the cookie X11 may need."""

    kind: Literal["wayland", "x11"]
    socket: Path
    name: str
    cookie: Path | None = None

    @property
    def exposure(self) -> str:
        """What the display lets a window's process do to other windows; empty when nothing."""
        return X11_EXPOSURE if self.kind == "x11" else ""


def find_display(environ: Mapping[str, str]) -> Display:
    """The display of this session. SandboxError ``no_display`` says what to do when there is none."""
    return _wayland(environ) or _x11(environ) or _none()


def _wayland(environ: Mapping[str, str]) -> Display | None:
    name = environ.get("WAYLAND_DISPLAY", "")
    folder = environ.get("XDG_RUNTIME_DIR", "")
    if not name or not (folder or name.startswith("/")):
        return None
    path = Path(os.path.realpath(Path(folder) / name))
    return Display("wayland", path, name="wayland-0") if _is_socket(path) else None


def _x11(environ: Mapping[str, str]) -> Display | None:
    match = _DISPLAY.fullmatch(environ.get("DISPLAY", ""))
    if match is None:
        return None
    path = Path(os.path.realpath(_X11_SOCKETS / f"X{match[1]}"))
    if not _is_socket(path):
        return None
    cookie = Path(environ.get("XAUTHORITY") or Path(environ.get("HOME", "/")) / ".Xauthority")
    return Display("x11", path, name=f":{match[1]}", cookie=cookie if cookie.is_file() else None)


def _none() -> Display:
    raise SandboxError(
        "there is no display to show a window on",
        code="no_display",
        fix="start it inside a desktop session, or without a window: locara run --headless",
    )


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False

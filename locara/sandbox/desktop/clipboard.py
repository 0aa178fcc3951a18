"""The clipboard of the session, by the program that the session has for it. Text only."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from locara.errors import CallError
from locara.records import dataclass
from locara.sandbox.desktop import programs
from locara.sandbox.desktop.ports import MAX_CLIPBOARD, unavailable


@dataclass(frozen=True, slots=True)
class Tool:
    """How one program reads and writes; ``needs`` is the variable that its display is named by."""

    needs: str
    read: tuple[str, ...]
    write: tuple[str, ...]


# Targets are text types: pictures and files are never asked for.
_TOOLS: Final = (
    Tool(
        "WAYLAND_DISPLAY",
        ("wl-paste", "--no-newline", "--type", "text/plain;charset=utf-8"),
        ("wl-copy", "--type", "text/plain;charset=utf-8"),
    ),
    Tool(
        "DISPLAY",
        ("xclip", "-selection", "clipboard", "-out", "-target", "UTF8_STRING"),
        ("xclip", "-selection", "clipboard", "-in"),
    ),
    Tool("DISPLAY", ("xsel", "--clipboard", "--output"), ("xsel", "--clipboard", "--input")),
)
_MACOS: Final = Tool("", ("pbpaste", "-Prefer", "txt"), ("pbcopy",))


class SessionClipboard:
    """wl-clipboard on Wayland, xclip or xsel on X11, pbcopy and pbpaste on macOS."""

    def __init__(self, environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> None:
        self._environ = environ
        self._tools = (_MACOS,) if platform == "darwin" else _TOOLS

    def read(self) -> bytes:
        """See Clipboard."""
        done = programs.run(self._command("read"), most=MAX_CLIPBOARD, environ=self._environ)
        if not done.well:
            self._refuse_unreachable(done)
            return b""  # these programs fail alike where nothing is and where no text is
        if len(done.out) > MAX_CLIPBOARD:
            raise CallError(f"the clipboard holds more than {MAX_CLIPBOARD} bytes", code="too_large")
        return done.out

    def write(self, text: bytes) -> None:
        """See Clipboard."""
        done = programs.run(self._command("write"), text=text, environ=self._environ)
        if not done.well:
            self._refuse_unreachable(done)
            raise CallError("the clipboard could not be written", code="io_error")

    @staticmethod
    def _refuse_unreachable(done: programs.Done) -> None:
        if any(word in done.complaint.lower() for word in (b"display", b"connect")):
            raise unavailable(
                "the desktop of this session cannot be reached", "start the app from a desktop session"
            )

    def _command(self, deed: str) -> tuple[str, ...]:
        session = programs.session_environment(self._environ)
        usable = [tool for tool in self._tools if not tool.needs or session.get(tool.needs)]
        for tool in usable:
            name, *words = tool.read if deed == "read" else tool.write
            program = programs.find(name, self._environ)
            if program is not None:
                return (program, *words)
        if not usable:
            raise unavailable("this session has no clipboard", "start the app from a desktop session")
        names = "wl-clipboard" if usable[0].needs == "WAYLAND_DISPLAY" else "xclip"
        raise unavailable("no program for the clipboard is installed", f"install {names}")

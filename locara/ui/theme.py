"""Whether the person's desktop is dark: at the start of a window, and while it is open."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Final, Protocol


class Turn(Protocol):
    """What is told that the desktop turned dark, or light."""

    def __call__(self, *, dark: bool) -> None:
        """Now it is so."""


_KEY: Final = ("org.gnome.desktop.interface", "color-scheme")
_DARK: Final = "prefer-dark"


def prefers_dark(environ: Mapping[str, str]) -> bool:
    """Whether the person's desktop is dark, by GTK_THEME or the desktop's own setting; light when unknown."""
    theme = environ.get("GTK_THEME", "")
    if theme:
        return theme.lower().endswith("dark")
    program = _program(environ)
    if program is None:
        return False
    try:
        said = subprocess.run(
            [program, "get", *_KEY], env=dict(environ), capture_output=True, text=True, timeout=2, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return _DARK in said


@contextmanager
def following(environ: Mapping[str, str], tell: Turn) -> Iterator[None]:
    """While the block runs, ``tell`` is called on a thread of its own each time the desktop turns dark or light.

    Where GTK_THEME fixes the answer, or the desktop has no such setting, it is never called.
    """
    program = None if environ.get("GTK_THEME") else _program(environ)
    if program is None:
        yield
        return
    try:
        watcher = subprocess.Popen(
            [program, "monitor", *_KEY],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        yield
        return
    with watcher:
        if watcher.stdout is not None:
            threading.Thread(
                target=_hear, args=(watcher.stdout, tell), name="locara-theme", daemon=True
            ).start()
        try:
            yield
        finally:
            watcher.kill()


def _hear(lines: IO[str], tell: Turn) -> None:
    for line in lines:
        tell(dark=_DARK in line)


def _program(environ: Mapping[str, str]) -> str | None:
    found = shutil.which("gsettings", path="/usr/bin:/bin")
    return found if "DBUS_SESSION_BUS_ADDRESS" in environ else None

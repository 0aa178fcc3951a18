"""Opening a page in the person's browser: one program, one argument, which begins with https://."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Final

from locara.core.pages import page_of
from locara.errors import CallError
from locara.sandbox.desktop import programs
from locara.sandbox.desktop.ports import unavailable

_LOOK_SECONDS: Final = 2.0


class SessionOpener:
    """xdg-open, or open on macOS. A program in its place can be named, as an absolute path."""

    def __init__(
        self,
        program: str | None = None,
        environ: Mapping[str, str] | None = None,
        platform: str = sys.platform,
    ) -> None:
        self._program = program
        self._name = "open" if platform == "darwin" else "xdg-open"
        self._environ = environ

    def open(self, address: str) -> None:
        """See Opener."""
        page = page_of(address)
        if page is None or page.address != address:
            raise CallError("this is no address of a page", code="bad_request")
        program = self._program or programs.find(self._name, self._environ)
        if program is None:
            raise unavailable(f"{self._name} is not installed", "install xdg-utils")
        # A browser that was not running may stay in the foreground of xdg-open: that is no failure.
        try:
            started = programs.start([program, address], stdout=subprocess.DEVNULL, environ=self._environ)
        except OSError as error:
            raise CallError("the browser could not be started", code="io_error") from error
        with contextlib.suppress(subprocess.TimeoutExpired):
            if started.wait(_LOOK_SECONDS) != 0:
                raise CallError("the browser did not take the page", code="io_error")
            return
        threading.Thread(target=started.wait, name="locara-browser", daemon=True).start()

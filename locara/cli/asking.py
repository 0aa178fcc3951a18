"""Asking the person in their terminal.

The question and the answer go over the terminal itself, never over stdin: frames, a pipe or a script on stdin
cannot answer. Keys that were pressed before the question stood there are thrown away.
"""

from __future__ import annotations

import os
import termios
from typing import Final

from locara.cli.consent import text_lines
from locara.cli.terminal import printable
from locara.core.consent import ConsentText
from locara.runtime.consent import NoConsent

TERMINAL: Final = "/dev/tty"
_YES: Final = frozenset({"y", "yes"})
_LINE: Final = 1_024


class TerminalConsent:
    """Shows the text on the terminal and reads one line from it. Anything but `y` or `yes` means no."""

    def __init__(self, terminal: str = TERMINAL) -> None:
        self._terminal = terminal

    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> bool:
        """The person's answer. Raises StartError ``consent_needed`` when there is no terminal to ask in."""
        try:
            fd = os.open(self._terminal, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return NoConsent().ask(text, changes)
        try:
            if not os.isatty(fd):
                return NoConsent().ask(text, changes)
            _write(fd, "\n".join(question(text, changes)))
            termios.tcflush(fd, termios.TCIFLUSH)
            _write(fd, "\nAllow this? Type yes or no, then Enter: ")
            return os.read(fd, _LINE).decode("utf-8", "replace").strip().lower() in _YES
        finally:
            os.close(fd)


def question(text: ConsentText, changes: tuple[str, ...]) -> list[str]:
    """The lines that are shown: for a new app all of it, for an update what it adds and then all of it."""
    if not changes:
        return [*text_lines(text), ""]
    added = [f"  + {printable(change)}" for change in changes]
    return [
        "This update asks for more than you agreed to:",
        *added,
        "What it adds begins to work 7 days after your answer.",
        "",
        *text_lines(text),
        "",
    ]


def _write(fd: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(fd, data) :]

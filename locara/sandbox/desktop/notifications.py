"""Notifications by the published protocol (org.freedesktop.Notifications), called with gdbus.

Text is plain text: what a server would read as markup is escaped wherever the server may read markup. A badge
is the count that docks show (com.canonical.Unity.LauncherEntry), a sound without an alert is played from the
theme.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Final

from locara.errors import CallError
from locara.sandbox.desktop import programs
from locara.sandbox.desktop.ports import Note, unavailable

_SERVER: Final = "org.freedesktop.Notifications"
_PATH: Final = "/org/freedesktop/Notifications"
_MOST: Final = 8_192
_MARKUP: Final = "body-markup"
_SOUND: Final = "message-new-instant"
_PLAYERS: Final = (
    ("canberra-gtk-play", "--id", "message-new-instant"),
    ("paplay", "/usr/share/sounds/freedesktop/stereo/message.oga"),
)


class SessionNotifier:
    """The notification server of the session bus."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ

    def show(self, note: Note) -> None:
        """See Notifier."""
        if note.badge is not None:
            self._badge(note.app_id, note.badge)
        if note.alert:
            self._alert(note)
        elif note.sound:
            self._play()

    def _alert(self, note: Note) -> None:
        body = html.escape(note.body, quote=False) if self._reads_markup() else note.body
        hints = [f'"desktop-entry": <{text(_desktop_entry(note.app_id))}>']
        hints.append(f'"sound-name": <{text(_SOUND)}>' if note.sound else '"suppress-sound": <true>')
        self._call(
            "Notify",
            text(note.app_name),
            "uint32 0",
            text(""),
            text(note.title),
            text(body),
            "@as []",
            "{" + ", ".join(hints) + "}",
            "int32 -1",
        )

    def _reads_markup(self) -> bool:
        """Whether the server may take a body for markup; a server that does not say is taken to."""
        told = self._call("GetCapabilities")
        names = re.findall(r"'([a-z0-9-]+)'", told)
        return not names or _MARKUP in names

    def _badge(self, app_id: str, count: int) -> None:
        visible = "true" if count else "false"
        entry = text(f"application://{_desktop_entry(app_id)}.desktop")
        value = f"{{'count': <int64 {count}>, 'count-visible': <{visible}>}}"
        path = "/com/canonical/unity/launcherentry/locara"
        command = [self._program(), "emit", "--session", "--object-path", path]
        command += ["--signal", "com.canonical.Unity.LauncherEntry.Update", entry, value]
        done = programs.run(command, environ=self._environ)
        if not done.well:
            raise _no_server()

    def _play(self) -> None:
        for name, *words in _PLAYERS:
            program = programs.find(name, self._environ)
            if program is not None and programs.run([program, *words], environ=self._environ).well:
                return
        raise unavailable(
            "this session plays no sounds", "install libcanberra-gtk3-module or pulseaudio-utils"
        )

    def _call(self, method: str, *arguments: str) -> str:
        command = [self._program(), "call", "--session", "--timeout", "4", "--dest", _SERVER]
        command += ["--object-path", _PATH, "--method", f"{_SERVER}.{method}", *arguments]
        done = programs.run(command, most=_MOST, environ=self._environ)
        if not done.well:
            raise _no_server()
        return done.out.decode("utf-8", "replace")

    def _program(self) -> str:
        found = programs.find("gdbus", self._environ)
        if found is None:
            raise unavailable("gdbus is not installed", "install libglib2.0-bin")
        return found


def _no_server() -> CallError:
    return unavailable("nothing in this session shows notifications", "start the app from a desktop session")


def _desktop_entry(app_id: str) -> str:
    return "locara." + app_id.replace("/", ".")


def text(value: str) -> str:
    """A string in GVariant text form that holds printable ASCII alone, so that nothing in it is syntax.

    Raises CallError bad_request for half a surrogate pair.
    """
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise CallError("the text is not Unicode", code="bad_request")
    plain = (
        character
        if character.isascii() and character.isprintable() and character not in "\"'\\"
        else f"\\U{ord(character):08x}"
        for character in value
    )
    return '"' + "".join(plain) + '"'

"""The desktop of the person who started Locara, as it is on this host."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from locara.core.text import escape
from locara.errors import CallError
from locara.sandbox.desktop import sound, v4l2
from locara.sandbox.desktop.clipboard import SessionClipboard
from locara.sandbox.desktop.notifications import SessionNotifier
from locara.sandbox.desktop.opener import SessionOpener
from locara.sandbox.desktop.ports import Desktop, Recording, SoundSource
from locara.sandbox.desktop.recording import record

_LONGEST = 200


class SessionRecorder:
    """Microphone and what is played through the sound server, camera through Video4Linux."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ

    def listen(self, source: SoundSource, rate: int, channels: int) -> Recording:
        """See Recorder."""
        return sound.listen(source, rate, channels, self._environ)

    def watch(self, width: int, height: int) -> Recording:
        """See Recorder."""
        failed = CallError(
            "there is no camera, or another program uses it",
            code="device_unavailable",
            fix="connect a camera, or close what uses it",
        )
        if not v4l2.devices():
            raise failed
        program = [sys.executable, "-I", "-S", "-B", str(Path(v4l2.__file__)), str(width), str(height)]
        return record(program, failed=failed, environ=self._environ)


def tell_on_stderr(text: str) -> None:
    """The indicator of `locara run` and `locara dev`: one line on stderr."""
    print(f"locara: {escape(text, _LONGEST)}", file=sys.stderr, flush=True)


def session_desktop(environ: Mapping[str, str] | None = None) -> Desktop:
    """The whole desktop of this session."""
    return Desktop(
        clipboard=SessionClipboard(environ),
        notifier=SessionNotifier(environ),
        opener=SessionOpener(environ=environ),
        recorder=SessionRecorder(environ),
        tell=tell_on_stderr,
    )

"""What a desktop can do for an app, as protocols, and the desktop that can do nothing.

Everything here runs outside the sandbox, on the broker's thread, after the broker has decided. An
implementation is handed values that were judged and bounded, and hands errors back as CallError; whatever
another program prints never reaches an app.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field
from typing import Final, Literal, Protocol

from locara.errors import CallError
from locara.records import dataclass

MAX_CLIPBOARD: Final = 1024 * 1024
MAX_TITLE: Final = 100
MAX_BODY: Final = 400
MAX_BADGE: Final = 9_999
RATES: Final = (8_000, 192_000)
MAX_CHANNELS: Final = 2
SIZES: Final = (16, 4_096)
MAX_FRAME: Final = 8 * 1024 * 1024
FRAME_HEAD: Final = 16
"""Bytes before each picture on a camera's descriptor: length, width, height (big-endian), four-letter format."""
MJPG: Final = b"MJPG"
YUYV: Final = b"YUYV"
RGB3: Final = b"RGB3"

SoundSource = Literal["microphone", "system-audio"]


def unavailable(what: str, fix: str) -> CallError:
    """The error for a device or a service that this session does not have."""
    return CallError(what, code="device_unavailable", fix=fix)


class Clipboard(Protocol):
    """The text on the clipboard, as UTF-8."""

    def read(self) -> bytes:
        """The text; empty when there is none. CallError: device_unavailable, too_large, io_error."""

    def write(self, text: bytes) -> None:
        """Take the place of what is there. CallError: device_unavailable, io_error."""


@dataclass(frozen=True, slots=True)
class Note:
    """One notification. ``title`` and ``body`` are plain text; ``badge`` is a count on the app's icon."""

    app_id: str
    app_name: str
    alert: bool
    sound: bool
    title: str = ""
    body: str = ""
    badge: int | None = None


class Notifier(Protocol):
    """Calls for the person's attention."""

    def show(self, note: Note) -> None:
        """Show it, as plain text. CallError: device_unavailable, io_error."""


class Opener(Protocol):
    """Hands pages to the person's browser."""

    def open(self, address: str) -> None:
        """Open an https address, as `locara.core.pages` writes it. CallError: device_unavailable, io_error."""


class Recording(Protocol):
    """A device that is on, and a pipe that its data comes through."""

    def hand_over(self) -> int:
        """The reading end, once: whoever takes it closes it, and the device goes off when it is closed."""

    def stop(self) -> None:
        """Switch the device off. Idempotent."""

    def running(self) -> bool:
        """Whether the device is still on: it may have been unplugged, or the app may have stopped reading."""


class Recorder(Protocol):
    """Switches devices on."""

    def listen(self, source: SoundSource, rate: int, channels: int) -> Recording:
        """Sound as interleaved signed 16-bit little-endian samples. CallError: device_unavailable."""

    def watch(self, width: int, height: int) -> Recording:
        """Pictures of about that size, each behind a head of FRAME_HEAD bytes. CallError: device_unavailable."""


class NoClipboard:
    """A session without a clipboard."""

    def read(self) -> bytes:
        """Unavailable."""
        raise unavailable("this session has no clipboard", "start the app from a desktop session")

    def write(self, text: bytes) -> None:
        """Unavailable."""
        self.read()


class NoNotifier:
    """A session without notifications."""

    def show(self, note: Note) -> None:
        """Unavailable."""
        raise unavailable("this session shows no notifications", "start the app from a desktop session")


class NoOpener:
    """A session without a browser."""

    def open(self, address: str) -> None:
        """Unavailable."""
        raise unavailable("this session has no browser", "start the app from a desktop session")


class NoRecorder:
    """A session without devices."""

    def listen(self, source: SoundSource, rate: int, channels: int) -> Recording:
        """Unavailable."""
        raise unavailable("there is no microphone and no sound to record", "connect a microphone")

    def watch(self, width: int, height: int) -> Recording:
        """Unavailable."""
        raise unavailable("there is no camera", "connect a camera")


def tell_nobody(text: str) -> None:
    """An indicator that nobody sees; only tests and the verifier use it."""


@dataclass(frozen=True, slots=True)
class Desktop:
    """The whole of it. ``tell`` is how the person sees that a device is on; ``clock`` is in seconds."""

    clipboard: Clipboard = field(default_factory=NoClipboard)
    notifier: Notifier = field(default_factory=NoNotifier)
    opener: Opener = field(default_factory=NoOpener)
    recorder: Recorder = field(default_factory=NoRecorder)
    tell: Callable[[str], None] = tell_nobody
    clock: Callable[[], float] = time.monotonic

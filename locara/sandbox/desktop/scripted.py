"""A desktop whose answers are known in advance: what tests and the verifier hand to the launcher.

It keeps what was asked of it, so that an attack is judged by what happened here and not by a reply.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import wave
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from locara.errors import CallError
from locara.records import dataclass
from locara.sandbox.desktop.ports import MJPG, Note, Recording, SoundSource, unavailable
from locara.sandbox.desktop.recording import PipeEnd

_MOST_PICTURE: Final = 64 * 1024 * 1024

_PIECE = 16_384


@dataclass(slots=True)
class HeldClipboard:
    """A clipboard in memory; ``reads`` counts who looked."""

    text: bytes = b""
    reads: int = 0

    def read(self) -> bytes:
        """See Clipboard."""
        self.reads += 1
        return self.text

    def write(self, text: bytes) -> None:
        """See Clipboard."""
        self.text = text


@dataclass(slots=True)
class KeptNotes:
    """Notifications, kept and shown to nobody."""

    shown: list[Note] = field(default_factory=list)

    def show(self, note: Note) -> None:
        """See Notifier."""
        self.shown.append(note)


@dataclass(slots=True)
class KeptPages:
    """Addresses of pages, kept and opened by nobody."""

    opened: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """See Opener."""
        self.opened.append(address)


class FedRecording:
    """A device whose data a thread of this process writes into the pipe."""

    def __init__(self, feed: Callable[[int], None]) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self._end = PipeEnd(reading)
        self._thread = threading.Thread(target=self._run, args=(feed, writing), daemon=True)
        self._thread.start()

    def hand_over(self) -> int:
        """See Recording."""
        return self._end.take()

    @staticmethod
    def _run(feed: Callable[[int], None], writing: int) -> None:
        try:
            with contextlib.suppress(BrokenPipeError):
                feed(writing)
        finally:
            os.close(writing)

    def stop(self) -> None:
        """See Recording. The thread ends with the reading end."""
        self._end.close()

    def running(self) -> bool:
        """See Recording."""
        return self._thread.is_alive()


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:_PIECE]) :]


@dataclass(slots=True)
class FileRecorder:
    """Devices that play files: a WAV file of 16 bits for each source of sound, JPEG files for the camera.

    Sound must be asked for at the file's own rate and channels. It is given as fast as it is read and ends
    with the file; the pictures are shown one after the other, each once. ``opened`` names what was switched on.
    """

    microphone: Path | None = None
    system_audio: Path | None = None
    pictures: Sequence[Path] = ()
    opened: list[str] = field(default_factory=list)

    def listen(self, source: SoundSource, rate: int, channels: int) -> Recording:
        """See Recorder."""
        path = self.microphone if source == "microphone" else self.system_audio
        if path is None:
            raise unavailable(f"there is no {source}", "hand a file to the recorder")
        with wave.open(str(path)) as sound:
            if (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) != (rate, channels, 2):
                raise CallError("the file has another rate, width or number of channels", code="bad_request")
            data = sound.readframes(sound.getnframes())
        self.opened.append(source)
        return FedRecording(lambda fd: _write(fd, data))

    def watch(self, width: int, height: int) -> Recording:
        """See Recorder."""
        if not self.pictures:
            raise unavailable("there is no camera", "hand pictures to the recorder")
        files = [_picture(path) for path in self.pictures]
        self.opened.append("camera")

        def feed(fd: int) -> None:
            for data in files:
                _write(fd, struct.pack(">III4s", len(data), width, height, MJPG) + data)

        return FedRecording(feed)


def _picture(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_PICTURE)

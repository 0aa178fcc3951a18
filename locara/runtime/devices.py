"""Devices that are on: what comes through their descriptors, kept in bounded buffers until the app takes it.

A thread per device empties its pipe, so that a slow app loses what is oldest (sound) or older than the newest
picture, is told how much, and never holds the recording program up. An unguessable name is the handle.
"""

from __future__ import annotations

import os
import secrets
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from locara.errors import CallError
from locara.records import dataclass
from locara.sandbox.broker_client import BrokerClient
from locara.sandbox.desktop.ports import FRAME_HEAD, MAX_FRAME, MJPG, RGB3, YUYV

MAX_OPEN: Final = 4
MAX_KEPT: Final = 8 * 1024 * 1024
_PIECE: Final = 65_536
_LOOK_SECONDS: Final = 0.05
_HEAD: Final = struct.Struct(">III4s")
_FORMATS: Final = frozenset({MJPG, YUYV, RGB3})

Device = Literal["microphone", "system-audio", "camera"]
Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples as they came, the bytes that were dropped before them, and whether no more will come."""

    data: bytes
    dropped: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture: its four-letter format, size, bytes, and how many others came since the last one taken."""

    format: bytes
    width: int
    height: int
    data: bytes
    dropped: int


class _Source:
    """The reading thread of one device."""

    def __init__(self, fd: int, device: Device, recording: str) -> None:
        self.device: Device = device
        self.recording = recording
        self.ready = threading.Condition()
        self.ended = False
        self._fd = fd
        self._thread = threading.Thread(target=self._run, name=f"locara-{device}", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        try:
            self.take_in()
        except (OSError, ValueError):
            pass  # the device is gone, or sent what is no data of its kind: in both cases nothing more comes
        finally:
            os.close(self._fd)
            with self.ready:
                self.ended = True
                self.ready.notify_all()

    def take_in(self) -> None:
        raise NotImplementedError

    def piece(self, most: int) -> bytes:
        return b"" if self.closing() else os.read(self._fd, most)

    def closing(self) -> bool:
        return self.recording == ""

    def close(self) -> None:
        """Stop taking in; the thread closes the descriptor when the device goes off or gives its next piece."""
        self.recording = ""

    def wait(self, enough: Callable[[], bool], seconds: float, cancelled: Cancelled) -> None:
        """Until there is enough, the end, or the time is over. Raises CallError cancelled. Holds `ready`."""
        until = time.monotonic() + seconds
        while not enough() and not self.ended and time.monotonic() < until:
            if cancelled():
                raise CallError("the wait was cancelled", code="cancelled")
            self.ready.wait(_LOOK_SECONDS)


class SoundSource(_Source):
    """Sound: the newest `MAX_KEPT` bytes that were not taken yet, in whole sample frames of `width` bytes."""

    def __init__(self, fd: int, device: Device, recording: str, *, rate: int, channels: int) -> None:
        super().__init__(fd, device, recording)
        self.rate = rate
        self.channels = channels
        self.width = 2 * channels
        self._pieces: deque[bytes] = deque()
        self._kept = 0
        self._dropped = 0

    def take_in(self) -> None:
        """Keep samples until the device ends."""
        rest = b""
        while data := self.piece(_PIECE):
            data = rest + data
            whole = len(data) - len(data) % self.width
            data, rest = data[:whole], data[whole:]
            with self.ready:
                self._pieces.append(data)
                self._kept += len(data)
                while self._kept > MAX_KEPT:
                    lost = len(self._pieces.popleft())
                    self._kept -= lost
                    self._dropped += lost
                self.ready.notify_all()

    def take(self, *, least: int, most: int, seconds: float, cancelled: Cancelled) -> Sound:
        """Up to `most` bytes, once `least` are there, the device has ended, or `seconds` are over."""
        most -= most % self.width
        with self.ready:
            self.wait(lambda: self._kept >= least, seconds, cancelled)
            taken, size = [], 0
            while self._pieces and size < most:
                piece = self._pieces.popleft()
                if size + len(piece) > most:
                    self._pieces.appendleft(piece[most - size :])
                    piece = piece[: most - size]
                taken.append(piece)
                size += len(piece)
            self._kept -= size
            dropped, self._dropped = self._dropped, 0
            return Sound(b"".join(taken), dropped, self.ended and not self._pieces)


class PictureSource(_Source):
    """Pictures: the newest alone."""

    def __init__(self, fd: int, recording: str) -> None:
        super().__init__(fd, "camera", recording)
        self._newest: Frame | None = None
        self._since = 0

    def take_in(self) -> None:
        """Keep the newest picture until the device ends. Raises ValueError for what is no picture."""
        while head := self._exactly(FRAME_HEAD):
            size, width, height, name = _HEAD.unpack(head)
            if not 0 < size <= MAX_FRAME or name not in _FORMATS:
                raise ValueError("no picture")
            data = self._exactly(size)
            if not data:
                return
            with self.ready:
                self._since += 1
                self._newest = Frame(name, width, height, data, 0)
                self.ready.notify_all()

    def _exactly(self, size: int) -> bytes:
        parts, left = [], size
        while left and (data := self.piece(min(left, _PIECE))):
            parts.append(data)
            left -= len(data)
        return b"" if left else b"".join(parts)

    def take(self, seconds: float, cancelled: Cancelled) -> Frame | None:
        """A picture newer than the last one taken; None when none came in `seconds`, or none will."""
        with self.ready:
            self.wait(lambda: self._newest is not None, seconds, cancelled)
            newest, self._newest = self._newest, None
            since, self._since = self._since, 0
            return None if newest is None else Frame(*_fields(newest), since - 1)


def _fields(frame: Frame) -> tuple[bytes, int, int, bytes]:
    return frame.format, frame.width, frame.height, frame.data


class Devices:
    """The devices of one app that are on, by handle. Callers have asked the gate before."""

    def __init__(self, broker: BrokerClient) -> None:
        self._broker = broker
        self._open: dict[str, SoundSource | PictureSource] = {}
        self._lock = threading.Lock()

    def listen(self, device: Literal["microphone", "system-audio"], *, rate: int, channels: int) -> str:
        """Begin to record sound; returns the handle. Raises CallError busy, device_unavailable."""
        with self._lock:
            self._room()
            recording, fd = self._broker.listen(device, rate, channels)
            return self._keep(SoundSource(fd, device, recording, rate=rate, channels=channels))

    def watch(self, width: int, height: int) -> str:
        """Switch the camera on; returns the handle. Raises CallError busy, device_unavailable."""
        with self._lock:
            self._room()
            recording, fd = self._broker.watch(width, height)
            return self._keep(PictureSource(fd, recording))

    def _room(self) -> None:
        if len(self._open) >= MAX_OPEN:
            raise CallError(
                f"at most {MAX_OPEN} devices are on at a time", code="busy", fix="close one of them"
            )

    def _keep(self, source: SoundSource | PictureSource) -> str:
        handle = secrets.token_hex(16)
        self._open[handle] = source
        source.begin()
        return handle

    def sound(self, handle: str) -> SoundSource:
        """The sound behind a handle. Raises CallError not_found."""
        found = self._open.get(handle)
        if not isinstance(found, SoundSource):
            raise CallError(
                "nothing is recorded under this handle", code="not_found", fix="open it: audio.open"
            )
        return found

    def pictures(self, handle: str) -> PictureSource:
        """The pictures behind a handle. Raises CallError not_found."""
        found = self._open.get(handle)
        if not isinstance(found, PictureSource):
            raise CallError("no camera is on under this handle", code="not_found", fix="open it: camera.open")
        return found

    def switch_off(self, handle: str) -> None:
        """Switch the device of a handle off."""
        with self._lock:
            source = self._open.pop(handle, None)
        if source is None:
            return
        recording = source.recording
        source.close()
        try:
            self._broker.stop(recording)
        except CallError as error:
            if error.code != "not_found":  # it ended by itself
                raise

    def close(self) -> None:
        """Take no more in; the broker switches everything off when the app ends."""
        for source in self._open.values():
            source.close()
        self._open.clear()

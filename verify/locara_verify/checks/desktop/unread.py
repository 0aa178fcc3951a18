"""LC421 and LC811 at what waits for a reader: changes of settings, sound and pictures that nobody takes are bounded,
and what was dropped is told. The queues of the runtime are filled in this process, as quickly as they take it in."""

from __future__ import annotations

import json
import os
import random
import select
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from locara.errors import CallError
from locara.runtime.devices import Devices, PictureSource
from locara.runtime.subscriptions import Subscriptions
from locara.storage.settings import Change
from locara.storage.store import Store
from locara_verify.check import CheckResult, check
from locara_verify.checks.desktop.stage import DEVICES, SUBSCRIBED
from locara_verify.checks.names import ENOUGH, guessable
from locara_verify.context import Context
from locara_verify.tally import Tally

_MOST_KEPT: Final = 1_000
_MOST_BYTES: Final = 2 * 1024 * 1024
_FED: Final = 12 * 1024 * 1024
_MOST_SOUND: Final = 8 * 1024 * 1024
_PIECE: Final = 1024 * 1024
_MOST_PICTURE: Final = 8 * 1024 * 1024
_FORMATS: Final = (b"MJPG", b"YUYV", b"RGB3")
_SOON: Final = 5.0


@check("desktop.unread", rules=(DEVICES,), waits=True)
def run(ctx: Context) -> CheckResult:
    """Devices at the runtime's end of the pipe: silent ones, torn sound, lying cameras, and their handles."""
    tally = Tally()
    silent(tally)
    torn(tally, ctx.rng("desktop-torn"))
    pictures(tally)
    handles(tally)
    return tally.result()


class _Told:
    """Settings that change as often as is asked for, without a disk."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Change], None]] = []

    def watch(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """See Settings.watch."""
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


def changes(tally: Tally, rng: random.Random) -> None:
    """Nobody reads while settings change: few large values, and many small ones. What is told in the end is bounded,
    what is missed is counted, and a subscription that was closed keeps nothing."""
    for count, size in ((200, 65_536), (4_000, 8)):
        settings = _Told()
        subscriptions = Subscriptions(settings)  # type: ignore[arg-type]
        one = subscriptions.open(frozenset({"user"}))
        written = [
            Change("user", f"k{number}", json.dumps("x" * rng.randrange(size))) for number in range(count)
        ]
        for change in written:
            for listener in tuple(settings.listeners):
                listener(change)
        subscriptions.close(one.name)
        events = list(one.events(lambda: False))
        told = [event for event in events if event["type"] == "changed"]
        missed = sum(event["count"] for event in events if event["type"] == "missed")
        kept = sum(len(json.dumps(event["value"])) for event in told)
        what = f"of {count} changes {len(told)} with {kept} bytes were kept, {missed} counted as missed"
        bounded = len(told) <= _MOST_KEPT and kept <= _MOST_BYTES
        tally.judge(SUBSCRIBED, bounded, "changes that nobody reads are kept without end", what)
        counted = len(told) + missed == count
        tally.judge(SUBSCRIBED, counted, "changes that were dropped are not told", what)
        tally.judge(SUBSCRIBED, not settings.listeners, "a closed subscription is told on", what)
        newest = [event["key"] for event in told] == [change.key for change in written[count - len(told) :]]
        tally.judge(SUBSCRIBED, newest, "what is told is not the newest, in order", what)


def after_the_disk(tally: Tally, folder: Path) -> None:
    """A listener that asks another connection to the database when it is told: the write is there already."""
    path = folder / "app.sqlite3"
    seen: list[bool] = []
    sql = "SELECT value FROM __locara_settings WHERE key = ? AND scope = ?"

    def look(change: Change) -> None:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as other:
            row = other.execute(sql, (change.key, change.scope)).fetchone()
        seen.append((None if row is None else row[0]) == change.value)

    with Store.open(path, schema_dir=None, quota_mb=16) as store:
        store.settings.watch(look)
        for value in (1, 2):
            store.settings.set("k", value)
        store.settings.delete("k")
        store.settings.set("k", 3, "profile:a")
    tally.twin(SUBSCRIBED, len(seen) == 4, "each write is told")
    tally.judge(SUBSCRIBED, all(seen), "a change was told before it was on disk", f"{seen}")


class _Microphone:
    """A broker whose only device is a pipe that the check writes into."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe2(os.O_CLOEXEC)
        self.stopped = False

    def listen(self, _device: str, _rate: int, _channels: int) -> tuple[str, int]:
        """See BrokerClient.listen."""
        return "recording", self.reading

    def watch(self, _width: int, _height: int) -> tuple[str, int]:
        """See BrokerClient.watch."""
        return "recording", self.reading

    def stop(self, recording: str) -> None:
        """See BrokerClient.stop."""
        if recording != "recording":
            raise CallError("no such recording", code="not_found")
        self.stopped = True

    def is_on(self) -> bool:
        """Whether somebody still takes sound from it, and it was not stopped."""
        try:
            os.write(self.writing, bytes(64))
        except BrokenPipeError:
            return False
        return not self.stopped


def _devices(stand_in: _Microphone) -> Devices:
    """The devices of an app whose broker is this one."""
    return Devices(stand_in)  # type: ignore[arg-type]


def sound(tally: Tally) -> None:
    """A microphone gives twelve megabytes to an app that takes nothing, and is then closed."""
    microphone = _Microphone()
    devices = _devices(microphone)
    handle = devices.listen("microphone", rate=16_000, channels=1)
    source = devices.sound(handle)
    feeding = threading.Thread(target=_feed, args=(microphone.writing,), daemon=True)
    feeding.start()
    feeding.join(_SOON)
    taken = dropped = 0
    end = time.monotonic() + _SOON
    while taken + dropped < _FED and time.monotonic() < end:
        one = source.take(least=2, most=_PIECE, seconds=0.05, cancelled=lambda: False)
        taken, dropped = taken + len(one.data), dropped + one.dropped
    what = f"of {_FED} bytes {taken} were kept, {dropped} counted as dropped"
    tally.judge(DEVICES, taken <= _MOST_SOUND + _PIECE, "sound that nobody takes is kept without end", what)
    tally.judge(DEVICES, taken + dropped == _FED, "sound that was dropped is not told", what)
    tally.twin(DEVICES, taken > 0, "sound that waits is taken")
    devices.switch_off(handle)
    end = time.monotonic() + _SOON
    while microphone.is_on() and time.monotonic() < end:
        time.sleep(0.02)
    tally.judge(
        DEVICES, not microphone.is_on(), "a device that the app closed stays on", "it is still read from"
    )
    os.close(microphone.writing)


def silent(tally: Tally) -> None:
    """A device that gives nothing at all, and a picture that never comes to its end: closed, it is off at once."""
    for kind, given in (("sound", b""), ("a picture", b""), ("a picture", _head(100, b"MJPG") + b"x")):
        microphone = _Microphone()
        devices = _devices(microphone)
        sounds = kind == "sound"
        handle = devices.listen("microphone", rate=8_000, channels=2) if sounds else devices.watch(64, 48)
        os.write(microphone.writing, given)
        devices.switch_off(handle)
        told = f"{kind}, after {len(given)} bytes"
        tally.judge(DEVICES, microphone.stopped, "a silent device that the app closed stays on", told)
        os.close(microphone.writing)


def torn(tally: Tally, rng: random.Random) -> None:
    """Sound comes in pieces that end anywhere and is taken in any amount: each time in whole samples of all channels,
    and in the end all of it in its order."""
    for channels in (1, 2):
        microphone, width = _Microphone(), 2 * channels
        devices = _devices(microphone)
        source = devices.sound(devices.listen("microphone", rate=8_000, channels=channels))
        given = rng.randbytes(width * 300)
        at = 0
        taken: list[bytes] = []
        over = 0
        while at < len(given):
            piece = given[at : at + rng.randrange(1, 4 * width)]
            os.write(microphone.writing, piece)
            at += len(piece)
            most = rng.randrange(width, 8 * width)
            taken.append(source.take(least=1, most=most, seconds=0.001, cancelled=lambda: False).data)
            over += len(taken[-1]) > most
        os.close(microphone.writing)
        while not (one := source.take(least=1, most=999, seconds=_SOON, cancelled=lambda: False)).ended:
            taken.append(one.data)
        taken.append(one.data)
        odd = [len(data) for data in taken if len(data) % width]
        told = f"{channels} channels, {odd[:3]}"
        tally.judge(DEVICES, not odd, "an app is given a part of a sample", told)
        tally.judge(
            DEVICES, not over, "more sound is given than was asked for", f"{over} of {len(taken)} times"
        )
        same = b"".join(taken) == given
        tally.judge(DEVICES, same, "sound is given in another order, or not all of it", told)


def _head(size: int, name: bytes) -> bytes:
    return struct.pack(">III4s", size, 64, 48, name)


def pictures(tally: Tally) -> None:
    """What comes of a camera and is no picture ends it before any of it is kept; pictures are given as they came."""
    for size, name in _lies():
        camera = _Microphone()
        source = _watching(camera)
        os.write(camera.writing, _head(16, b"MJPG") + bytes(16) + _head(size, name))
        ended = _ends(camera.writing)
        told = f"{size} bytes of {name!r} were announced"
        tally.judge(DEVICES, ended, "what is no picture is taken in from a camera", told)
        first = source.take(_SOON, lambda: False)
        tally.twin(DEVICES, first is not None and first.data == bytes(16), "the picture before it is given")
        later = source.take(0.0, lambda: False)
        tally.judge(DEVICES, later is None, "what is no picture is given to the app", told)
        os.close(camera.writing)
    for name in _FORMATS:
        camera = _Microphone()
        source = _watching(camera)
        for number in range(3):
            os.write(camera.writing, _head(4, name) + bytes([number] * 4))
        os.close(camera.writing)
        seen, data = 0, b""
        while (frame := source.take(_SOON, lambda: False)) is not None:
            seen, data = seen + 1 + frame.dropped, frame.data
        tally.judge(DEVICES, seen == 3, "pictures that were dropped are not told", f"{seen} of 3 {name!r}")
        tally.twin(DEVICES, data == bytes([2] * 4), f"the newest {name!r} is given")


def _lies() -> Iterator[tuple[int, bytes]]:
    """Sizes and formats that no picture has."""
    for size in (0, _MOST_PICTURE + 1, 2**31 - 1, 2**31, 2**32 - 1):
        yield size, b"MJPG"
    for name in (b"GIF8", b"mjpg", b"MJP\0", b"\0\0\0\0", b"JPMG"):
        yield 16, name


def _watching(camera: _Microphone) -> PictureSource:
    devices = _devices(camera)
    return devices.pictures(devices.watch(64, 48))


def _ends(fd: int) -> bool:
    """Whether nobody reads from a pipe any more within a short while."""
    poll = select.poll()
    poll.register(fd, 0)
    return bool(poll.poll(1_000))


def handles(tally: Tally) -> None:
    """Devices that are opened again and again: no handle says what another is."""
    names: list[str] = []
    for _ in range(ENOUGH):
        microphone = _Microphone()
        devices = _devices(microphone)
        names.append(devices.watch(64, 48))
        os.close(microphone.writing)
    guessed = guessable(names)
    tally.judge(DEVICES, guessed is None, "handles of devices can be guessed", str(guessed))


def _feed(fd: int) -> None:
    with suppress(OSError):
        for _ in range(_FED // _PIECE):
            view = memoryview(bytes(_PIECE))
            while view:
                view = view[os.write(fd, view) :]

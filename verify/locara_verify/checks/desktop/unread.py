"""LC421 and LC811 at what waits for a reader: changes of settings and sound that nobody takes are bounded, and what was
dropped is told. The queues of the runtime are filled in this process, as quickly as they take it in."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from locara.runtime.devices import Devices
from locara.runtime.subscriptions import Subscriptions
from locara.storage.settings import Change
from locara.storage.store import Store
from locara_verify.checks.desktop.stage import DEVICES, SUBSCRIBED
from locara_verify.tally import Tally

_MOST_KEPT: Final = 1_000
_MOST_BYTES: Final = 2 * 1024 * 1024
_FED: Final = 12 * 1024 * 1024
_MOST_SOUND: Final = 8 * 1024 * 1024
_PIECE: Final = 1024 * 1024
_SOON: Final = 5.0


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

    def stop(self, _recording: str) -> None:
        """See BrokerClient.stop."""
        self.stopped = True

    def is_on(self) -> bool:
        """Whether somebody still takes sound from it, and it was not stopped."""
        try:
            os.write(self.writing, bytes(64))
        except BrokenPipeError:
            return False
        return not self.stopped


def sound(tally: Tally) -> None:
    """A microphone gives twelve megabytes to an app that takes nothing, and is then closed."""
    microphone = _Microphone()
    devices = Devices(microphone)  # type: ignore[arg-type]
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


def _feed(fd: int) -> None:
    with suppress(OSError):
        for _ in range(_FED // _PIECE):
            view = memoryview(bytes(_PIECE))
            while view:
                view = view[os.write(fd, view) :]

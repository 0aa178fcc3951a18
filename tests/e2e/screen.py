"""A screen without a monitor, and a person in front of it: reads words, clicks them, types."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

SIZE = "1280x900x24"
_SCALES = (3.0, 4.0, 2.5)  # letters of a screen are small for a reader of paper

_STEPS = 8


class NotSeen(AssertionError):
    """What should be on the screen is not; the picture says what is."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its middle, in pixels of the screen."""

    text: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Place:
    """A window's upper left corner and its size, in pixels of the screen."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Screen:
    """One X server. ``pictures`` is where screenshots go."""

    display: str
    pictures: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a program on this screen."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "XDG_CACHE_HOME") if key in os.environ}
        return {**kept, "DISPLAY": self.display, "LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1"}

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, check=True, timeout=180
        )
        return done.stdout

    def shoot(self, name: str) -> Path:
        """A picture of the whole screen."""
        path = self.pictures / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._run("import", "-window", "root", str(path))
        return path

    def brightness(self, picture: Path) -> float:
        """How bright a picture is: 0 is black, 1 is white."""
        return float(self._run("convert", str(picture), "-format", "%[fx:mean]", "info:"))

    def readings(self, picture: Path, scale: float) -> Iterator[list[Word]]:
        """Every word of a picture, by readers with different eyes: small grey letters are hard for each."""
        large = picture.with_name("now-large.pgm")
        dark, light = ("-negate", "-level", "0%,75%"), ("-level", "25%,75%")
        for mode, tones in (("11", dark), ("6", light), ("4", ("-level", "20%,90%")), ("11", light)):
            grey = ("-colorspace", "Gray", "-resize", f"{scale * 100}%", *tones)
            self._run("convert", str(picture), *grey, str(large))
            yield _words(self._run("tesseract", str(large), "-", "--psm", mode, "tsv"), scale)

    def wait_for(self, *texts: str, seconds: float = 180) -> Word:
        """Wait until one of the texts can be read, word after word on one line; the middle of its first word."""
        end = time.monotonic() + seconds
        scales = cycle(_SCALES)  # a still screen that was not read is looked at in another size
        while True:
            picture = self.shoot("now")
            for words in self.readings(picture, next(scales)):
                for text in texts:
                    seen = _find(words, text.split())
                    if seen is not None:
                        return seen
            if time.monotonic() > end:
                picture = self.shoot("not-seen")
                raise NotSeen(f"{texts} not on the screen ({picture}): {' '.join(w.text for w in words)}")
            time.sleep(0.2)

    def click(self, text: str, seconds: float = 180) -> None:
        """Click on a text when it appears."""
        seen = self.wait_for(text, seconds=seconds)
        self.press(seen.x, seen.y)

    def press(self, x: int, y: int, times: int = 1) -> None:
        """Click at a place."""
        repeat = ("--repeat", str(times), "--delay", "60")
        self._run("xdotool", "mousemove", str(x), str(y), "click", *repeat, "1")

    def place_of(self, title: str) -> Place:
        """Where the window of this title is, as the X server knows it."""
        said = self._run("xdotool", "getwindowgeometry", "--shell", self._window(title))
        known = dict(line.split("=", 1) for line in said.splitlines())
        return Place(int(known["X"]), int(known["Y"]), int(known["WIDTH"]), int(known["HEIGHT"]))

    def put(self, title: str, place: Place) -> None:
        """Move the window of this title there and give it that size, as a window manager does."""
        window = self._window(title)
        self._run("xdotool", "windowsize", window, str(place.width), str(place.height))
        self._run("xdotool", "windowmove", window, str(place.x), str(place.y))

    def _window(self, title: str) -> str:
        self._until(lambda: self.shows(title))
        return self._run("xdotool", "search", "--onlyvisible", "--name", title).split()[-1]

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Take hold of something, carry it to another place, and let it go there."""
        self._run("xdotool", "mousemove", *map(str, start), "mousedown", "1")
        for step in range(
            1, _STEPS + 1
        ):  # as a hand moves: what is passed over has the time to say what it takes
            x, y = (round(a + (b - a) * step / _STEPS) for a, b in zip(start, end, strict=True))
            self._run("xdotool", "mousemove", str(x), str(y))
            time.sleep(0.15)
        time.sleep(0.6)
        self.shoot("carried")
        self._run("xdotool", "mouseup", "1")

    def pick(self, path: Path) -> None:
        """Answer the file dialog that opens with this path, typed as a person does who knows it."""
        self._until(lambda: self.shows("^Pick .* for "))
        self.key("ctrl+l")
        self.type(str(path))
        self.shoot("picked")
        # The dialog completes names while it looks the folder up, and takes a Return for the completion then.
        self._until(lambda: not self.shows("^Pick .* for "), lambda: self.key("Return"))

    def shows(self, title: str) -> bool:
        """Whether a window of this title is there."""
        search = ["xdotool", "search", "--onlyvisible", "--name", title]
        return subprocess.run(search, env=self.environ, capture_output=True, check=False).returncode == 0

    def _until(self, holds: Callable[[], bool], nudge: Callable[[], None] = lambda: None) -> None:
        end = time.monotonic() + 60
        while not holds():
            if time.monotonic() > end:
                raise NotSeen(f"the dialog did not come or go ({self.shoot('not-seen')})")
            nudge()
            time.sleep(1)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        self._run("xdotool", "type", "--delay", "15", text)

    def key(self, *keys: str) -> None:
        """Press keys, one after the other."""
        self._run("xdotool", "key", "--delay", "40", *keys)


def _words(table: str, scale: float) -> list[Word]:
    found = []
    for row in csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row["text"] or "").strip()
        if text and float(row["conf"]) >= 20:
            x = round((int(row["left"]) + int(row["width"]) / 2) / scale)
            y = round((int(row["top"]) + int(row["height"]) / 2) / scale)
            found.append(Word(text, x, y))
    return found


def _find(words: Sequence[Word], wanted: Sequence[str]) -> Word | None:
    for at, first in enumerate(words):
        line = [word for word in words[at:] if abs(word.y - first.y) < 12][: len(wanted)]
        if len(line) == len(wanted) and all(map(_alike, (w.text for w in line), wanted)):
            return first
    return None


def _alike(read: str, wanted: str) -> bool:
    plain = (re.sub(r"[^\w]", "", text).lower() for text in (read, wanted))
    seen, sought = plain
    return seen == sought


@contextmanager
def open_screen(pictures: Path) -> Iterator[Screen]:
    """A fresh X server of its own for the block."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", SIZE, "-ac", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number.isdigit(), "Xvfb did not start"
        screen = Screen(f":{number}", pictures)
        # Without a window manager a dialog would get no keyboard.
        manager = subprocess.Popen(
            ["openbox"], env=screen.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield screen
        finally:
            manager.terminate()
            manager.wait(30)
    finally:
        server.terminate()
        server.wait(30)

"""A window comes back as it was left, measured by the X server, and never where nobody can reach it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import Opened
from .screen import Place, Screen

WIDTH, HEIGHT = 1280, 900
Run = Callable[..., Opened]


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A small app of a template. Its title is its name: Demo."""
    command = [sys.executable, "-m", "locara", "init", "blank", "demo"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "demo"


def _kept(opened: Opened) -> Path:
    return next((opened.base / "state").rglob("windows/*.json"))


@contextmanager
def _open(screen: Screen, run_app: Run, demo: Path) -> Iterator[Opened]:
    """The app in its window, closed by the keyboard as a person does."""
    opened = run_app(demo, "--accept-consent")
    _rest(screen)  # waits for the window, too
    yield opened
    screen.key("ctrl+w")
    assert opened.end() == 0, opened.log.read_text()


def _until(screen: Screen, holds: Callable[[Place], bool]) -> Place:
    """Where the window is once it is as it should be; where it is after a while when it never is."""
    end = time.monotonic() + 20
    while not holds(place := screen.place_of("^Demo$")) and time.monotonic() < end:
        time.sleep(0.2)
    return place


def _rest(screen: Screen) -> Place:
    """Where the window is when it moves no more."""
    before = None
    while before != (now := screen.place_of("^Demo$")):
        before = now
        time.sleep(1)
    return now


def test_size_and_place_are_found_again_and_maximised_is_left_to_what_was_before(
    screen: Screen, run_app: Run, demo: Path
) -> None:
    with _open(screen, run_app, demo):
        first = _rest(screen)
        screen.put("^Demo$", Place(137, 91, 760, 540))
        moved = _rest(screen)
        assert (moved.width, moved.height) != (first.width, first.height)
        assert (moved.x, moved.y) != (first.x, first.y)
    with _open(screen, run_app, demo) as opened:
        assert _rest(screen) == moved, "the X server has it where it was"
        screen.shoot("1-back")
        screen.press(moved.x + moved.width // 3, moved.y + 20, times=2)  # the title bar
        large = _until(screen, lambda place: place.width >= WIDTH - 4)
        assert large.width >= WIDTH - 4
        assert large.height >= HEIGHT - 4
    assert json.loads(_kept(opened).read_text())["maximized"] is True
    with _open(screen, run_app, demo):
        assert _until(screen, lambda place: place.width >= WIDTH - 4) == large, "maximised, as it was left"
        screen.shoot("2-maximised")
        screen.press(WIDTH // 3, 20, times=2)
        back = _until(screen, lambda place: place.width < WIDTH - 4)
        assert (back.width, back.height) == (moved.width, moved.height), (
            "and what it was before is still known"
        )


def test_what_cannot_be_believed_is_the_default(screen: Screen, run_app: Run, demo: Path) -> None:
    """Damaged, beyond any screen, and larger than a file of ours can be."""
    with _open(screen, run_app, demo) as opened:
        default = _rest(screen)
    for text in (
        b"{",
        b'{"width": 900, "height": 100000, "x": 0, "y": 0}',
        b'{"width": 900, "height": 700, "pad": "' + b"x" * (9 * 1024 * 1024) + b'"}',
    ):
        _kept(opened).write_bytes(text)
        with _open(screen, run_app, demo):
            found = _rest(screen)
        assert (found.width, found.height) == (default.width, default.height), text[:60]


def test_a_place_that_is_on_no_screen_any_more_is_not_gone_to(
    screen: Screen, run_app: Run, demo: Path
) -> None:
    with _open(screen, run_app, demo) as opened:
        screen.put("^Demo$", Place(137, 91, 760, 540))
        moved = _rest(screen)
    kept = json.loads(_kept(opened).read_text())
    for change in ({"x": 5000, "y": 90}, {"x": 137, "y": -500}):
        _kept(opened).write_text(json.dumps({**kept, **change}))
        with _open(screen, run_app, demo):
            found = _rest(screen)
        assert (found.width, found.height) == (moved.width, moved.height)
        assert 0 <= found.x <= WIDTH - 120, change
        assert 0 <= found.y <= HEIGHT - 40, change
    _kept(opened).write_text(json.dumps({**kept, "width": 16_000, "height": 16_000}))
    with _open(screen, run_app, demo):
        found = _rest(screen)
        screen.shoot("larger-than-the-screen")
    assert found.width <= WIDTH + 60
    assert found.height <= HEIGHT + 60


def test_it_turns_dark_and_light_with_the_desktop(
    screen: Screen, run_app: Run, demo: Path, tmp_path: Path
) -> None:
    """While it is open, and again at the next start."""
    desktop = {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "GSETTINGS_BACKEND": "keyfile",
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
    }

    def turn(scheme: str) -> None:
        command = ["gsettings", "set", "org.gnome.desktop.interface", "color-scheme", scheme]
        subprocess.run(command, env={**screen.environ, **desktop}, check=True, capture_output=True)

    def brightness(fits: Callable[[float], bool]) -> float:
        end = time.monotonic() + 60
        while not fits(seen := screen.brightness(screen.shoot("now"))) and time.monotonic() < end:
            time.sleep(0.5)
        return seen

    turn("prefer-light")
    opened = run_app(demo, "--accept-consent", desktop=desktop)
    light = brightness(lambda seen: seen > 0.4)
    assert light > 0.4
    turn("prefer-dark")
    dark = brightness(lambda seen: seen < 0.25)
    screen.shoot("dark")
    assert dark < 0.25, (light, dark)
    turn("prefer-light")
    assert brightness(lambda seen: seen > 0.4) > 0.4
    turn("prefer-dark")
    screen.key("ctrl+w")
    assert opened.end() == 0
    opened = run_app(demo, desktop=desktop)
    _rest(screen)
    assert brightness(lambda seen: 0.02 < seen < 0.25) < 0.25
    screen.key("ctrl+w")
    assert opened.end() == 0

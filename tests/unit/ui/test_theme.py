"""The desktop's dark or light, asked of the desktop's own settings: once, and each time it changes."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
from pathlib import Path

import pytest

from locara.ui import theme

needs_settings = pytest.mark.skipif(
    shutil.which("gsettings") is None, reason="a desktop's settings are not here"
)


@pytest.fixture
def desktop(tmp_path: Path) -> dict[str, str]:
    """A person's desktop whose settings are a file of its own."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "GSETTINGS_BACKEND": "keyfile",
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
    }


def told_to(told: queue.Queue[bool]) -> theme.Turn:
    def tell(*, dark: bool) -> None:
        told.put(dark)

    return tell


def turn(desktop: dict[str, str], scheme: str) -> None:
    command = ["gsettings", "set", "org.gnome.desktop.interface", "color-scheme", scheme]
    subprocess.run(command, env=desktop, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("name", "dark"), [("Adwaita:dark", True), ("Adwaita-dark", True), ("Adwaita", False), ("", False)]
)
def test_the_theme_that_is_named_decides(name: str, dark: bool) -> None:
    assert theme.prefers_dark({"GTK_THEME": name} if name else {}) is dark


@needs_settings
def test_a_change_is_told_and_found_at_the_next_start(desktop: dict[str, str]) -> None:
    told: queue.Queue[bool] = queue.Queue()
    turn(desktop, "default")
    assert theme.prefers_dark(desktop) is False
    with theme.following(desktop, told_to(told)):
        for scheme, dark in (("prefer-dark", True), ("prefer-light", False)):
            heard = None
            for _ in range(60):  # until the one who watches is there
                turn(desktop, "default")
                turn(desktop, scheme)
                try:
                    while (heard := told.get(timeout=1)) is not dark:
                        pass
                    break
                except queue.Empty:
                    continue
            assert heard is dark
            assert theme.prefers_dark(desktop) is dark


@needs_settings
def test_a_theme_that_is_named_is_not_followed(desktop: dict[str, str]) -> None:
    told: queue.Queue[bool] = queue.Queue()
    with (
        theme.following({**desktop, "GTK_THEME": "Adwaita"}, told_to(told)),
        theme.following({}, told_to(told)),
    ):
        turn(desktop, "prefer-dark")
    assert told.empty()

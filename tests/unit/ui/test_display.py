"""Which display a window gets, and what is said about it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from locara.errors import SandboxError
from locara.ui import display


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(display, "_X11_SOCKETS", tmp_path)
    for name in ("X7", "wayland-9"):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / name))
    return tmp_path


def test_wayland_is_taken_before_x11(sockets: Path) -> None:
    environ = {"WAYLAND_DISPLAY": "wayland-9", "XDG_RUNTIME_DIR": str(sockets), "DISPLAY": ":7"}
    found = display.find_display(environ)
    assert (found.kind, found.socket, found.exposure) == ("wayland", sockets / "wayland-9", "")


def test_x11_is_named_with_what_it_exposes(sockets: Path) -> None:
    cookie = sockets / "cookie"
    cookie.write_bytes(b"x")
    found = display.find_display({"DISPLAY": ":7.0", "XAUTHORITY": str(cookie)})
    assert (found.kind, found.name, found.cookie) == ("x11", ":7", cookie)
    assert "X11" in found.exposure


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"DISPLAY": ":8"},
        {"DISPLAY": "elsewhere:7"},
        {"DISPLAY": ":7/../../etc"},
        {"WAYLAND_DISPLAY": "wayland-9"},
    ],
)
def test_without_a_display_of_this_machine_there_is_no_window(sockets: Path, environ: dict[str, str]) -> None:
    with pytest.raises(SandboxError) as caught:
        display.find_display(environ)
    assert caught.value.code == "no_display"
    assert "--headless" in str(caught.value.fix)

"""`locara run` from its command line, on a desktop of real programs: nothing is injected here."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from locara.errors import CallError, CapabilityDenied
from locara.runtime.client import Client
from tests.integration.runtime.conftest import write_folder

from .conftest import needs, pactl


@contextmanager
def running(folder: Path, capabilities: dict[str, Any], environ: dict[str, str]) -> Iterator[Client]:
    """An app, started as a host program starts it. What it says on stderr is in ``stderr.txt``."""
    app = write_folder(folder / "app", capabilities, None)
    command = [sys.executable, "-m", "locara", "run", "--headless", str(app), "--accept-consent"]
    session = {**environ, "XDG_STATE_HOME": str(folder / "state"), "LANG": "C.UTF-8"}
    with (folder / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--data", str(folder / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=session,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    client = Client(read_fd=process.stdout.fileno(), write_fd=process.stdin.fileno())
    try:
        client.call("app.info")
        yield client
    finally:
        client.end_input()
        try:
            assert process.wait(60) == 0, (folder / "stderr.txt").read_text()
        finally:
            process.kill()
            process.wait()


def said(folder: Path) -> list[str]:
    return (folder / "stderr.txt").read_text().splitlines()


def test_the_microphone_of_the_session_is_heard_and_shown(sound: dict[str, str], tmp_path: Path) -> None:
    fifo = tmp_path / "mic.fifo"
    pactl(sound, "load-module", "module-pipe-source", "source_name=mic", f"file={fifo}", "rate=16000", "channels=1",
          "format=s16le")  # fmt: skip
    pactl(sound, "set-default-source", "mic")

    def speak() -> None:
        with fifo.open("wb") as file:
            file.write(b"\x11\x22" * 64_000)

    with running(tmp_path, {"device.microphone": True}, sound) as client:
        handle = client.call("audio.open", {"source": "microphone"})["handle"]
        threading.Thread(target=speak, daemon=True).start()
        heard, end = b"", time.monotonic() + 60
        while b"\x11\x22" * 8_000 not in heard:
            assert time.monotonic() < end, "nothing was heard"
            heard += base64.b64decode(client.call("audio.read", {"handle": handle})["data"])
        client.call("audio.close", {"handle": handle})
        with pytest.raises(CapabilityDenied, match="system-audio"):
            client.call("audio.open", {"source": "system"})
    lines = said(tmp_path)
    assert "locara: Probe (acme/probe) uses the microphone" in lines
    assert "locara: Probe (acme/probe) no longer uses the microphone" in lines
    assert not any("sound of other apps" in line for line in lines)


def test_clipboard_and_pages_of_the_session(x11: dict[str, str], tmp_path: Path) -> None:
    needs(xclip="xclip")
    (tmp_path / "bin").mkdir()
    browser = tmp_path / "bin/xdg-open"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" >> {tmp_path}/argv\n')
    browser.chmod(0o755)
    environ = {**x11, "PATH": f"{tmp_path}/bin:{x11['PATH']}"}
    granted = {"clipboard": {"read": True, "write": True}, "open-external": {"hosts": ["docs.example.com"]}}
    with running(tmp_path, granted, environ) as client:
        client.call("clipboard.write", {"text": "gut – ✓"})
        assert client.call("clipboard.read") == {"text": "gut – ✓"}
        client.call("shell.openExternal", {"url": "https://docs.example.com/a?b=$(id)"})
        with pytest.raises(CapabilityDenied, match="open-external"):
            client.call("shell.openExternal", {"url": "https://evil.example.com/"})
    assert (tmp_path / "argv").read_text().splitlines() == ["1", "https://docs.example.com/a?b=$(id)"]


def test_a_session_without_a_desktop_says_what_is_missing(tmp_path: Path) -> None:
    place = tmp_path / "bin"
    place.mkdir()
    (place / "bwrap").symlink_to(shutil.which("bwrap") or "/usr/bin/bwrap")
    granted = {
        "device.microphone": True,
        "device.system-audio": True,
        "clipboard": {"read": True},
        "notifications": {"modes": ["alert"]},
        "open-external": {"hosts": ["docs.example.com"]},
    }
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("audio.open", {"source": "microphone"}),
        ("audio.open", {"source": "system"}),
        ("clipboard.read", {}),
        ("notify.show", {"modes": ["alert"], "title": "x"}),
        ("shell.openExternal", {"url": "https://docs.example.com/"}),
    )
    with running(tmp_path, granted, {"PATH": str(place), "HOME": str(tmp_path)}) as client:
        for cmd, args in asked:
            with pytest.raises(CallError) as caught:
                client.call(cmd, args)
            assert (caught.value.code, bool(caught.value.fix)) == ("device_unavailable", True), cmd
    assert not any("uses" in line for line in said(tmp_path))

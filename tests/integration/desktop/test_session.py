"""The session's own programs, really run: X11 clipboard, PulseAudio, notification protocol, a browser's start."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import wave
from pathlib import Path

import pytest

from locara.errors import CallError
from locara.sandbox.desktop.clipboard import SessionClipboard
from locara.sandbox.desktop.notifications import SessionNotifier
from locara.sandbox.desktop.opener import SessionOpener
from locara.sandbox.desktop.ports import MAX_CLIPBOARD, Note
from locara.sandbox.desktop.session import SessionRecorder

from .conftest import needs, pactl

SPEECH = Path(__file__).parents[3] / "fixtures/audio/s1-action.wav"
ODD = "ein Wort – 東京 ✓\n\ttabs; $(id) `id` -o --output\n"


# -- clipboard


@pytest.mark.parametrize("program", ["xclip", "xsel"])
def test_text_goes_to_the_x11_clipboard_and_comes_back(
    x11: dict[str, str], tmp_path: Path, program: str
) -> None:
    needs(xclip="xclip", xsel="xsel")
    (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    clipboard = SessionClipboard({**x11, "PATH": str(tmp_path)})
    assert clipboard.read() == b"", "an empty clipboard is empty and no error"
    clipboard.write(ODD.encode())
    assert clipboard.read() == ODD.encode()
    other = ["xclip", "-selection", "clipboard", "-out", "-target", "UTF8_STRING"]
    seen = subprocess.run(other, env=x11, check=True, capture_output=True, timeout=20).stdout
    assert seen == ODD.encode(), "another program of the session sees the same"


def test_a_clipboard_that_holds_too_much_is_refused_and_not_cut(x11: dict[str, str]) -> None:
    needs(xclip="xclip")
    clipboard = SessionClipboard(x11)
    clipboard.write(b"a" * MAX_CLIPBOARD)
    assert len(clipboard.read()) == MAX_CLIPBOARD
    copy = ["xclip", "-selection", "clipboard", "-in"]
    subprocess.run(
        copy, env=x11, input=b"a" * (MAX_CLIPBOARD + 1), check=True, timeout=20, stdout=subprocess.DEVNULL
    )
    with pytest.raises(CallError) as caught:
        clipboard.read()
    assert caught.value.code == "too_large"


def test_without_a_display_the_answer_says_what_is_missing() -> None:
    needs(xclip="xclip")
    for environ in ({"PATH": os.environ["PATH"]}, {"PATH": os.environ["PATH"], "DISPLAY": ":987654"}):
        with pytest.raises(CallError) as caught:
            SessionClipboard(environ).read()
        assert (caught.value.code, bool(caught.value.fix)) == ("device_unavailable", True)
    with pytest.raises(CallError) as caught:
        SessionClipboard({"PATH": "/nowhere", "DISPLAY": ":1"}).write(b"x")
    assert caught.value.fix == "install xclip"


# -- sound


def heard(environ: dict[str, str], source: str, seconds: float) -> bytes:
    """What is recorded until there are so many seconds of it that are not silence."""
    recording = SessionRecorder(environ).listen(source, 16_000, 1)  # type: ignore[arg-type]
    fd, found = recording.hand_over(), b""
    end = time.monotonic() + 60
    while len(found.strip(b"\0")) < seconds * 32_000 and time.monotonic() < end:
        found += os.read(fd, 65_536)
    assert recording.running()
    assert len(found.strip(b"\0")) >= seconds * 32_000, "silence for a minute"
    os.close(fd)
    while recording.running():
        assert time.monotonic() < end, "a program that nobody listens to any more goes on"
        time.sleep(0.05)
    recording.stop()
    return found


def test_a_microphone_is_recorded(sound: dict[str, str], tmp_path: Path) -> None:
    fifo = tmp_path / "mic.fifo"
    pactl(sound, "load-module", "module-pipe-source", "source_name=mic", f"file={fifo}", "rate=16000", "channels=1",
          "format=s16le")  # fmt: skip
    pactl(sound, "set-default-source", "mic")
    samples, done = b"\x11\x22" * 1_600, threading.Event()

    def speak() -> None:
        # What the sound server reads before anybody records is lost, so this goes on until it was heard.
        with fifo.open("wb") as file:
            while not done.wait(0.05):
                file.write(samples)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        found = heard(sound, "microphone", 2.0)
    finally:
        done.set()
        speaker.join(10)
    assert b"\x11\x22" * 16_000 in found, "a second of it without a gap"


def test_what_the_computer_plays_is_recorded_and_is_no_microphone(sound: dict[str, str]) -> None:
    with pytest.raises(CallError, match="there is no microphone") as caught:
        SessionRecorder(sound).listen("microphone", 16_000, 1)
    assert caught.value.code == "device_unavailable"
    assert caught.value.fix
    # The control: the server itself would have given the monitor for its default source.
    default = subprocess.run(
        ["pactl", "get-default-source"], env=sound, check=True, capture_output=True, text=True
    )
    assert default.stdout.strip() == "speakers.monitor"
    player = subprocess.Popen(["paplay", str(SPEECH)], env=sound)
    try:
        found = heard(sound, "system-audio", 0.5)
    finally:
        player.kill()
        player.wait()
    with wave.open(str(SPEECH)) as file:
        assert file.getframerate() == 16_000
    assert len(found.strip(b"\0")) >= 16_000


def test_without_a_sound_server_or_a_card_there_is_no_microphone(tmp_path: Path) -> None:
    lonely = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    lonely["PULSE_SERVER"] = f"unix:{tmp_path}/nobody"
    for source in ("microphone", "system-audio"):
        with pytest.raises(CallError) as caught:
            SessionRecorder(lonely).listen(source, 16_000, 1)  # type: ignore[arg-type]
        assert (caught.value.code, bool(caught.value.fix)) == ("device_unavailable", True)


@pytest.mark.skipif(
    any(Path("/dev").glob("video*")), reason="this machine has a camera, and it is left alone"
)
def test_without_a_camera_the_answer_says_so() -> None:
    with pytest.raises(CallError, match="no camera") as caught:
        SessionRecorder().watch(640, 480)
    assert caught.value.code == "device_unavailable"


# -- notifications


def lines(tmp_path: Path, count: int) -> list[dict[str, object]]:
    end = time.monotonic() + 20
    while len(found := (tmp_path / "notifications.jsonl").read_text().splitlines()) < count:
        assert time.monotonic() < end, f"only {len(found)} came"
        time.sleep(0.05)
    return [json.loads(line) for line in found]


def test_a_notification_arrives_as_plain_text(bus: dict[str, str], tmp_path: Path) -> None:
    title, body = "--hint 'x' \"y\" \\ 東京 ✓", "<b>bold</b> <a href='https://x'>y</a> & \U0001f600\n@as []"
    SessionNotifier(bus).show(Note("acme/probe", "Probe", True, False, title, body))
    SessionNotifier(bus).show(Note("acme/probe", "Probe", True, True, "loud", ""))
    quiet, loud = lines(tmp_path, 2)
    assert (quiet["app"], quiet["title"], quiet["actions"]) == ("Probe", title, [])
    assert quiet["body"] == body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert quiet["hints"] == {"desktop-entry": "locara.acme.probe", "suppress-sound": True}
    assert loud["hints"] == {"desktop-entry": "locara.acme.probe", "sound-name": "message-new-instant"}


def test_a_badge_is_a_count_on_the_bus(bus: dict[str, str], tmp_path: Path) -> None:
    SessionNotifier(bus).show(Note("acme/probe", "Probe", False, False, badge=7))
    (told,) = lines(tmp_path, 1)
    assert told == {"badge": ["application://locara.acme.probe.desktop", {"count": 7, "count-visible": True}]}


def test_without_a_bus_the_answer_says_so(tmp_path: Path) -> None:
    needs(gdbus="libglib2.0-bin")
    nobody = {"PATH": os.environ["PATH"], "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/none"}
    for note in (Note("a/b", "A", True, False, "x"), Note("a/b", "A", False, False, badge=1)):
        with pytest.raises(CallError) as caught:
            SessionNotifier(nobody).show(note)
        assert caught.value.code == "device_unavailable"


# -- pages


def browser(tmp_path: Path, ends_with: int = 0) -> str:
    program = tmp_path / "browser"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" > {tmp_path}/argv; env > {tmp_path}/env; exit {ends_with}\n'
    )
    program.chmod(0o755)
    return str(program)


def test_the_browser_gets_the_address_as_its_one_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("PYTHONPATH", "/tmp/evil")
    SessionOpener(browser(tmp_path)).open("https://example.com/a?b=$(id)&c=;d#e")
    assert (tmp_path / "argv").read_text().splitlines() == ["1", "https://example.com/a?b=$(id)&c=;d#e"]
    assert "PYTHONPATH" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "--version", "https://EXAMPLE.com/", "https://a.test", ""]
)
def test_what_is_not_the_judged_form_never_reaches_a_program(tmp_path: Path, address: str) -> None:
    with pytest.raises(CallError, match="no address of a page"):
        SessionOpener(browser(tmp_path)).open(address)
    assert not (tmp_path / "argv").exists()


def test_a_browser_that_fails_or_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="did not take"):
        SessionOpener(browser(tmp_path, ends_with=3)).open("https://example.com/")
    with pytest.raises(CallError) as caught:
        SessionOpener(environ={"PATH": "/nowhere"}).open("https://example.com/")
    assert caught.value.fix == "install xdg-utils"

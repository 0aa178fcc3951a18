"""The broker's operations on the person's desktop. Each decides by the Grants before anything happens.

The peer is inside the sandbox and believed in nothing: what it names is judged here again, whatever the runtime's
own gate said. A device that is on is told to the person, and so is its end.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Final, cast

from locara.core.grant import Grants
from locara.core.pages import page_of
from locara.core.request import (
    BackgroundRequest,
    ClipboardRequest,
    DeviceRequest,
    NotifyRequest,
    OpenExternalRequest,
    Request,
)
from locara.core.scope import BACKGROUND_MODES, NOTIFY_MODES
from locara.core.text import escape, fault
from locara.errors import CallError
from locara.sandbox.desktop.ports import (
    MAX_BADGE,
    MAX_BODY,
    MAX_CHANNELS,
    MAX_CLIPBOARD,
    MAX_TITLE,
    RATES,
    SIZES,
    Desktop,
    Note,
    Recording,
    SoundSource,
)
from locara.sandbox.desktop.rates import Rate

Reply = tuple[dict[str, Any], int | None]
Require = Callable[[Request], None]

MAX_RECORDINGS: Final = 4
NOTES: Final = (10, 60.0)
PAGES: Final = (3, 10.0)
_LOOK_SECONDS: Final = 0.25
_NAMES: Final = {
    "microphone": "the microphone",
    "system-audio": "the sound of other apps",
    "camera": "the camera",
}


def _bad(message: str) -> CallError:
    return CallError(message, code="bad_request")


def _whole(message: dict[str, Any], key: str, low: int, high: int) -> int:
    value = message.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _bad(f"{key} is a whole number from {low} to {high}")
    return value


class DesktopService:
    """Serves one app. Called from the broker's thread only."""

    def __init__(self, grants: Grants, desktop: Desktop, require: Require) -> None:
        self._app_id = grants.app_id
        self._app_name = escape(grants.display_name or grants.app_id, 80)
        self._desktop = desktop
        self._require = require
        self._offers: dict[str, int] = {}
        self._recordings: dict[str, tuple[str, Recording]] = {}
        self._lock = threading.Lock()
        self._notes = Rate(*NOTES, desktop.clock)
        self._pages = Rate(*PAGES, desktop.clock)
        self._background = "none"
        self.operations: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "clipboard-read": self._read_clipboard,
            "clipboard-offer": self._offer,
            "clipboard-write": self._write_clipboard,
            "notify": self._notify,
            "open-external": self._open_external,
            "listen": self._listen,
            "watch": self._watch,
            "stop": self._stop,
            "background": self._go_on,
        }

    @property
    def background(self) -> str:
        """What the app asked for and was granted: none, passive or active."""
        return self._background

    def close(self) -> None:
        """Switch every device off and forget what was offered."""
        with self._lock:
            recordings, self._recordings = list(self._recordings.values()), {}
        with contextlib.ExitStack() as off:  # each of them, also where one does not go off by itself
            for device, recording in recordings:
                off.callback(self._end, device, recording)
        for fd in self._offers.values():
            os.close(fd)
        self._offers.clear()

    # -- clipboard

    def _read_clipboard(self, _message: dict[str, Any]) -> Reply:
        self._require(ClipboardRequest("read"))
        text = self._desktop.clipboard.read()
        if len(text) > MAX_CLIPBOARD:
            raise CallError(f"the clipboard holds more than {MAX_CLIPBOARD} bytes", code="too_large")
        fd = os.memfd_create("clipboard", os.MFD_CLOEXEC)
        try:
            os.write(fd, text)
            os.lseek(fd, 0, os.SEEK_SET)
        except BaseException:
            os.close(fd)
            raise
        return {"size": len(text)}, fd

    def _offer(self, _message: dict[str, Any]) -> Reply:
        """An empty place to write the text into; `clipboard-write` then takes it from there."""
        self._require(ClipboardRequest("write"))
        for fd in self._offers.values():
            os.close(fd)
        self._offers.clear()
        fd, token = os.memfd_create("clipboard", os.MFD_CLOEXEC), secrets.token_urlsafe(24)
        self._offers[token] = os.dup(fd)
        return {"offer": token}, fd

    def _write_clipboard(self, message: dict[str, Any]) -> Reply:
        self._require(ClipboardRequest("write"))
        token = message.get("offer")
        fd = self._offers.pop(token, None) if isinstance(token, str) else None
        if fd is None:
            raise CallError("no such offer", code="not_found")
        try:
            text = os.pread(fd, MAX_CLIPBOARD + 1, 0)
        finally:
            os.close(fd)
        if len(text) > MAX_CLIPBOARD:
            raise CallError(f"at most {MAX_CLIPBOARD} bytes of text", code="too_large")
        if b"\0" in text:
            raise _bad("the text holds a NUL character")
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _bad("the clipboard takes text alone") from error
        self._desktop.clipboard.write(text)
        return {}, None

    # -- notifications and pages

    def _notify(self, message: dict[str, Any]) -> Reply:
        modes = message.get("modes")
        if not isinstance(modes, list) or not modes or not all(mode in NOTIFY_MODES for mode in modes):
            raise _bad(f"modes is a list of {', '.join(NOTIFY_MODES)}")
        for mode in modes:
            self._require(NotifyRequest(mode))
        title, body = message.get("title", ""), message.get("body", "")
        if not isinstance(title, str) or not isinstance(body, str):
            raise _bad("title and body are text")
        badge = _whole(message, "badge", 0, MAX_BADGE) if "badge" in modes else None
        if "alert" in modes:
            self._judge_text(title, body)
        self._notes.take("notifications")
        self._desktop.notifier.show(
            Note(self._app_id, self._app_name, "alert" in modes, "sound" in modes, title, body, badge)
        )
        return {}, None

    @staticmethod
    def _judge_text(title: str, body: str) -> None:
        if len(title) > MAX_TITLE or len(body) > MAX_BODY:
            raise _bad(f"a title has at most {MAX_TITLE} characters and a body at most {MAX_BODY}")
        if (wrong := fault(title)) or (body and (wrong := fault(body, lines=True))):
            raise _bad(f"this text cannot be shown: {wrong}")

    def _open_external(self, message: dict[str, Any]) -> Reply:
        url = message.get("url")
        page = page_of(url) if isinstance(url, str) else None
        if page is None:
            raise _bad("url is an https address without credentials or a port")
        self._require(OpenExternalRequest(page.host))
        self._pages.take("pages")
        self._desktop.opener.open(page.address)
        return {}, None

    # -- devices

    def _listen(self, message: dict[str, Any]) -> Reply:
        device = message.get("device")
        if device not in ("microphone", "system-audio"):
            raise _bad("device is microphone or system-audio")
        rate, channels = _whole(message, "rate", *RATES), _whole(message, "channels", 1, MAX_CHANNELS)
        self._require(DeviceRequest(cast(SoundSource, device)))
        self._room()
        return self._began(
            str(device), self._desktop.recorder.listen(cast(SoundSource, device), rate, channels)
        )

    def _watch(self, message: dict[str, Any]) -> Reply:
        width, height = _whole(message, "width", *SIZES), _whole(message, "height", *SIZES)
        self._require(DeviceRequest("camera"))
        self._room()
        return self._began("camera", self._desktop.recorder.watch(width, height))

    def _room(self) -> None:
        if len(self._recordings) >= MAX_RECORDINGS:
            raise CallError(f"at most {MAX_RECORDINGS} devices are on at a time", code="busy")

    def _began(self, device: str, recording: Recording) -> Reply:
        key = secrets.token_urlsafe(24)
        try:
            self._tell(device, on=True)
        except BaseException:
            recording.stop()  # nothing is on that the person was not told of
            raise
        fd = recording.hand_over()
        with self._lock:
            self._recordings[key] = (device, recording)
        threading.Thread(target=self._until_over, args=(key, recording), daemon=True).start()
        return {"recording": key}, fd

    def _until_over(self, key: str, recording: Recording) -> None:
        while recording.running():
            time.sleep(_LOOK_SECONDS)
        self._switch_off(key)

    def _switch_off(self, key: str) -> bool:
        with self._lock:
            found = self._recordings.pop(key, None)
        if found is None:
            return False
        self._end(*found)
        return True

    def _end(self, device: str, recording: Recording) -> None:
        recording.stop()
        with contextlib.suppress(OSError, ValueError):  # it is off, also where nobody can be told any more
            self._tell(device, on=False)

    def _stop(self, message: dict[str, Any]) -> Reply:
        key = message.get("recording")
        if not isinstance(key, str) or not self._switch_off(key):
            raise CallError("no such recording", code="not_found")
        return {}, None

    def _tell(self, device: str, *, on: bool) -> None:
        verb = "uses" if on else "no longer uses"
        self._desktop.tell(f"{self._app_name} ({self._app_id}) {verb} {_NAMES[device]}")

    # -- background

    def _go_on(self, message: dict[str, Any]) -> Reply:
        mode = message.get("mode")
        if mode != "none":
            if mode not in BACKGROUND_MODES:
                raise _bad("mode is none, passive or active")
            self._require(BackgroundRequest(mode))
        if mode != self._background:
            going = "goes on without its window" if mode != "none" else "ends with its window"
            self._desktop.tell(f"{self._app_name} ({self._app_id}) {going}")
        self._background = str(mode)
        return {}, None

"""The rows of the command table for devices and the person's desktop."""

from __future__ import annotations

import base64
import wave
from collections.abc import Mapping
from typing import Any

from locara.runtime.launch import RunningApp

from .rows import Power
from .world import HELD, PICTURE, SOUND, World

REASON = "It finishes long transcriptions"
GRANTED: dict[str, Any] = {
    "device.microphone": True,
    "device.system-audio": True,
    "device.camera": True,
    "clipboard": {"read": True, "write": True},
    "notifications": {"modes": ["alert", "badge", "sound"]},
    "background": {"mode": "active", "reasons": [REASON]},
    "open-external": {"hosts": ["docs.example.com"]},
}
# The commands exist, and what the rows ask for is not declared.
NEAR: dict[str, Any] = {
    "device.system-audio": True,
    "notifications": {"modes": ["badge"]},
    "background": {"mode": "passive", "reasons": [REASON]},
    "open-external": {"hosts": ["other.example.com"]},
}
# Nothing is narrower than the capability itself, so that without it the command is absent.
WHOLE = frozenset({"camera.open", "camera.read", "camera.close", "clipboard.read", "clipboard.write"})
# Giving something up, and asking how things stand, need no more than the command's being there.
FREE = frozenset({"background.end", "background.status"})

DENIED = frozenset({"capability_denied"})


def listens(app: RunningApp, world: World) -> None:
    for source, device in (("microphone", "microphone"), ("system", "system-audio")):
        opened = app.client.call("audio.open", {"source": source})
        assert (opened["rate"], opened["channels"], opened["format"]) == (16_000, 1, "s16le")
        heard = b""
        while True:
            piece = app.client.call("audio.read", {"handle": opened["handle"], "atLeastMs": 500})
            heard += base64.b64decode(piece["data"])
            assert piece["dropped"] == 0
            if piece["ended"]:
                break
        with wave.open(str(SOUND)) as sound:
            assert heard == sound.readframes(sound.getnframes()), "every sample, once, in order"
        app.client.call("audio.close", {"handle": opened["handle"]})
        assert world.recorder.opened[-1] == device
    world.recorder.opened.clear()


def sees(app: RunningApp, world: World) -> None:
    handle = app.client.call("camera.open", {"width": 320, "height": 240})["handle"]
    shown = app.client.call("camera.read", {"handle": handle})
    assert (shown["format"], shown["width"], shown["height"]) == ("jpeg", 320, 240)
    assert base64.b64decode(shown["data"]) == PICTURE
    app.client.call("camera.close", {"handle": handle})
    assert world.recorder.opened == ["camera"]
    world.recorder.opened.clear()


def pastes(app: RunningApp, world: World) -> None:
    assert app.client.call("clipboard.read") == {"text": HELD}
    world.clipboard.reads = 0


def copies(app: RunningApp, world: World) -> None:
    app.client.call("clipboard.write", {"text": "kept – ✓"})
    assert world.clipboard.text.decode() == "kept – ✓"
    world.clipboard.text = HELD.encode()


def notifies(app: RunningApp, world: World) -> None:
    asked = {"modes": ["alert", "sound"], "title": "Done", "body": "a < b & <b>c</b>"}
    app.client.call("notify.show", asked)
    (note,) = world.notes.shown
    assert (note.app_id, note.title, note.body, note.alert, note.sound) == (
        *("acme/probe", "Done", "a < b & <b>c</b>"),
        *(True, True),
    )
    app.client.call("notify.show", {"modes": ["badge"], "badge": 3})
    assert world.notes.shown[-1].badge == 3
    world.notes.shown.clear()


def opens(app: RunningApp, world: World) -> None:
    app.client.call("shell.openExternal", {"url": "https://Docs.Example.com/a?b=%20c#d"})
    assert world.pages() == [["https://docs.example.com/a?b=%20c#d"]], "one argument, and it is the address"
    world.forget_pages()


def goes_on(app: RunningApp, _world: World) -> None:
    assert app.client.call("background.status")["mode"] == "none"
    for mode in ("passive", "active"):
        assert app.client.call("background.begin", {"mode": mode}) == {"mode": mode}
        assert app.client.call("background.status") == {"mode": mode, "granted": "active", "window": "open"}
    app.client.call("background.end")
    assert app.client.call("background.status")["mode"] == "none"


LISTENS, WATCHES = '"device.microphone": true', '"device.camera": true'
NO_SOUND, NO_CAMERA = "open it: audio.open", "open it: camera.open"
STAYS = '"background": {"mode": "passive", "reasons": ["…"]}'
ACTIVE = f'"background": {{"mode": "active", "reasons": ["{REASON}"]}}'
HANDLE = {"handle": "x" * 32}
POWERS: Mapping[str, Power] = {
    "audio.open": Power(LISTENS, {"source": "microphone"}, LISTENS, listens, DENIED),
    "audio.read": Power(LISTENS, HANDLE, NO_SOUND, listens),
    "audio.close": Power(LISTENS, HANDLE, NO_SOUND, listens),
    "camera.open": Power(WATCHES, {}, WATCHES, sees, DENIED),
    "camera.read": Power(WATCHES, HANDLE, WATCHES, sees),
    "camera.close": Power(WATCHES, HANDLE, WATCHES, sees),
    "clipboard.read": Power('"clipboard": {"read": true}', {}, '"clipboard": {"read": true}', pastes, DENIED),
    "clipboard.write": Power(
        '"clipboard": {"write": true}', {"text": "x"}, '"clipboard": {"write": true}', copies, DENIED
    ),
    "notify.show": Power(
        '"notifications": {"modes": ["alert"]}',
        {"modes": ["alert"], "title": "x"},
        '"notifications": {"modes": ["badge", "alert"]}',
        notifies,
        DENIED,
    ),
    "shell.openExternal": Power(
        '"open-external": {"hosts": ["example.com"]}',
        {"url": "https://docs.example.com/"},
        '"open-external": {"hosts": ["other.example.com", "docs.example.com"]}',
        opens,
        DENIED,
    ),
    "background.begin": Power(STAYS, {"mode": "active"}, ACTIVE, goes_on, DENIED),
    "background.end": Power(STAYS, {}, "", goes_on, DENIED),
    "background.status": Power(STAYS, {}, "", goes_on, DENIED),
}

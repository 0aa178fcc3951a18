"""Devices, desktop, background and subscriptions in the real runtime: what one call does not show."""

from __future__ import annotations

import base64
import json
import os
import signal
import struct
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from locara.errors import CallError, CapabilityDenied
from locara.runtime import frames, launch
from locara.runtime.launch import RunningApp
from locara_verify.checks.escape.processes import family

from . import desktop_rows
from .test_command_table import ASK, CHAT, SPEECH
from .world import HELD, SOUND, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def app(world: World) -> Iterator[RunningApp]:
    granted = {**desktop_rows.GRANTED, "models": [CHAT, SPEECH]}
    bundle = world.app("desktop", granted, modalities=["text-to-text", "speech-to-text"])
    with world.begin(bundle, world.plan(bundle)) as running:
        yield running


def denied(call: Callable[[], Any]) -> str:
    with pytest.raises((CallError, CapabilityDenied)) as caught:
        call()
    return caught.value.code


def until(there: Callable[[], object], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def window(app: RunningApp, state: str) -> None:
    app.client.send_raw(frames.encode({"window": state}))


# -- devices


def test_speech_from_the_microphone_becomes_text(app: RunningApp, world: World) -> None:
    """What transcribe.live of the SDK does: sound that is read goes on to the open transcription."""
    opened = app.client.call("audio.open", {"source": "microphone"})
    stream = app.client.call("transcribe.open", {"model": SPEECH, "rate": opened["rate"]})["stream"]
    ended = False
    while not ended:
        heard = app.client.call("audio.read", {"handle": opened["handle"], "atLeastMs": 1_000})
        ended = heard["ended"]
        app.client.call("transcribe.push", {"stream": stream, "data": heard["data"]})
    app.client.call("audio.close", {"handle": opened["handle"]})
    assert "Maria" in app.client.call("transcribe.close", {"stream": stream})["text"]
    assert until(lambda: sum("uses the microphone" in line for line in world.told) >= 2)
    assert "Probe (acme/probe) uses the microphone" in world.told
    assert "Probe (acme/probe) no longer uses the microphone" in world.told


def test_a_device_that_is_not_there_is_an_answer_with_a_way_out(app: RunningApp, world: World) -> None:
    world.recorder.microphone, kept = None, world.recorder.microphone
    with pytest.raises(CallError) as caught:
        app.client.call("audio.open", {"source": "microphone"})
    world.recorder.microphone = kept
    assert (caught.value.code, caught.value.fix) == ("device_unavailable", "hand a file to the recorder")


def test_only_four_devices_are_on_at_a_time_and_each_handle_is_of_its_own_kind(app: RunningApp) -> None:
    handles = [app.client.call("audio.open", {"source": "system"})["handle"] for _ in range(3)]
    camera = app.client.call("camera.open")["handle"]
    assert denied(lambda: app.client.call("camera.open")) == "busy"
    assert denied(lambda: app.client.call("audio.read", {"handle": camera})) == "not_found"
    assert denied(lambda: app.client.call("camera.read", {"handle": handles[0]})) == "not_found"
    assert denied(lambda: app.client.call("audio.close", {"handle": camera})) == "not_found"
    app.client.call("camera.close", {"handle": camera})
    for handle in handles:
        app.client.call("audio.close", {"handle": handle})
    assert app.client.call("camera.close", {"handle": app.client.call("camera.open")["handle"]}) == {}


def test_sound_can_be_taken_in_small_pieces(app: RunningApp) -> None:
    handle = app.client.call("audio.open", {"source": "microphone"})["handle"]
    first = app.client.call("audio.read", {"handle": handle, "maxBytes": 5})
    with wave.open(str(SOUND)) as sound:
        assert base64.b64decode(first["data"]) == sound.readframes(2), (
            "whole samples, at most what was asked for"
        )
    app.client.call("audio.close", {"handle": handle})


def test_a_wait_for_sound_can_be_cancelled(app: RunningApp) -> None:
    handle = app.client.call("camera.open")["handle"]
    app.client.call("camera.read", {"handle": handle})
    call = app.client.send("camera.read", {"handle": handle})
    app.client.cancel(call)
    with pytest.raises(CallError) as caught:
        app.client.wait(call, 20)
    assert caught.value.code in {"cancelled", "device_unavailable"}
    app.client.call("camera.close", {"handle": handle})


# -- clipboard, notifications, pages


def test_what_is_copied_shown_or_opened_is_in_no_log(app: RunningApp, world: World) -> None:
    secrets = ["copied-8d1f", "titled-22ab", "bodied-90aa", "paged-41c7"]
    app.client.call("clipboard.write", {"text": secrets[0]})
    app.client.call("notify.show", {"modes": ["alert"], "title": secrets[1], "body": secrets[2]})
    app.client.call("shell.openExternal", {"url": f"https://docs.example.com/{secrets[3]}"})
    world.clipboard.text = HELD.encode()
    app.client.call("clipboard.read")
    log = app.home.audit_log.read_text() + app.stderr_path.read_text()
    assert "clipboard.write" in log
    assert "docs.example.com" in log
    for secret in (*secrets, HELD):
        assert secret not in log
    world.notes.shown.clear()
    world.forget_pages()


@pytest.mark.parametrize(
    ("cmd", "args", "code"),
    [
        ("clipboard.write", {"text": "x" * 1_048_577}, "bad_request"),
        ("clipboard.write", {"text": "é" * 600_000}, "too_large"),
        ("clipboard.write", {"text": "a\0b"}, "bad_request"),
        ("notify.show", {"modes": ["alert"], "title": ""}, "bad_request"),
        ("notify.show", {"modes": ["alert"], "title": "x" * 101}, "bad_request"),
        ("notify.show", {"modes": ["alert"], "title": "a\u202eb"}, "bad_request"),
        ("notify.show", {"modes": ["alert"], "title": "a", "body": "b\x1b[2J"}, "bad_request"),
        ("notify.show", {"modes": ["badge"]}, "bad_request"),
        ("notify.show", {"modes": ["alert"], "title": "a", "badge": 1}, "bad_request"),
        ("notify.show", {"modes": []}, "bad_request"),
        ("shell.openExternal", {"url": "http://docs.example.com/"}, "bad_request"),
        ("shell.openExternal", {"url": "https://me@docs.example.com/"}, "bad_request"),
        ("shell.openExternal", {"url": "https://docs.example.com:8443/"}, "bad_request"),
        ("shell.openExternal", {"url": "https://docs.example.com/%0a"}, "bad_request"),
        ("shell.openExternal", {"url": "https://docs.example.com.evil.test/"}, "capability_denied"),
        ("audio.open", {"source": "camera"}, "bad_request"),
        ("audio.open", {"source": "microphone", "rate": 7_999}, "bad_request"),
        ("camera.open", {"width": 100_000}, "bad_request"),
        ("background.begin", {"mode": "always"}, "bad_request"),
    ],
)
def test_what_is_out_of_bounds_is_refused_without_an_effect(
    app: RunningApp, world: World, cmd: str, args: dict[str, Any], code: str
) -> None:
    before = world.effects()
    assert denied(lambda: app.client.call(cmd, args)) == code
    assert world.effects() == before


# -- background


def begin(world: World, mode: str | None, name: str) -> RunningApp:
    granted: dict[str, Any] = {"models": [CHAT]}
    if mode is not None:
        granted["background"] = {"mode": mode, "reasons": [desktop_rows.REASON]}
    bundle = world.app(name, granted, modalities=["text-to-text"])
    return world.begin(bundle, world.plan(bundle))


LONG = {"model": CHAT, "messages": ASK, "maxTokens": 40}


def test_an_app_without_the_grant_ends_with_its_window(world: World) -> None:
    with begin(world, None, "ends") as app:
        window(app, "closed")
        app.process.wait(20)


def test_a_grant_that_was_not_used_keeps_nothing_running(world: World) -> None:
    with begin(world, "active", "unused") as app:
        window(app, "closed")
        app.process.wait(20)


def test_passive_finishes_what_runs_and_no_more(world: World) -> None:
    with begin(world, "passive", "passive") as app:
        app.client.call("background.begin", {"mode": "passive"})
        assert world.told[-1] == "Probe (acme/probe) goes on without its window"
        call = app.client.send("llm.chat", LONG)
        window(app, "closed")
        assert app.client.wait(call, 60)["content"], "the answer that was being written is whole"
        app.process.wait(20)


def test_active_goes_on_until_its_input_ends(world: World) -> None:
    with begin(world, "active", "active") as app:
        app.client.call("background.begin", {"mode": "active"})
        window(app, "closed")
        assert app.client.call("background.status") == {
            "mode": "active",
            "granted": "active",
            "window": "closed",
        }
        assert app.client.call("llm.chat", {**LONG, "maxTokens": 4})["content"]
        window(app, "open")
        assert app.client.call("background.status")["window"] == "open"
        assert app.leave() == 0


def test_an_app_that_gives_up_going_on_ends_without_its_window(world: World) -> None:
    with begin(world, "active", "given-up") as app:
        app.client.call("background.begin", {"mode": "active"})
        window(app, "closed")
        assert app.client.call("background.status")["window"] == "closed"
        app.client.call("background.end")
        assert world.told[-1] == "Probe (acme/probe) ends with its window"
        app.process.wait(20)


def test_an_app_that_stays_without_a_grant_is_ended_from_outside(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runtime that does not end by itself (stopped here, as a taken-over one would be) is killed."""
    monkeypatch.setattr(launch, "_LEAVE_SECONDS", 1.0)
    with begin(world, "active", "stays") as app:
        inside = family(app.pid)
        for pid in inside[1:]:
            os.kill(pid, signal.SIGSTOP)
        app.leave()
        assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in inside[1:]))


@pytest.mark.parametrize("frame", [{"window": "shut"}, {"window": "closed", "id": 1}, {"window": None}])
def test_a_window_frame_is_exactly_that(app: RunningApp, frame: dict[str, Any]) -> None:
    data = json.dumps(frame).encode()
    app.client.send_raw(struct.pack(">I", len(data)) + data)
    reply = app.client.recv_frame(20)
    assert reply is not None
    assert reply["error"]["code"] in {"bad_request", "bad_frame"}
    assert app.client.call("background.status")["window"] == "open"


# -- subscriptions


def test_subscriptions_hear_other_calls_in_order_and_are_bounded(app: RunningApp) -> None:
    stream = app.client.stream("settings.subscribe", {"scopes": ["user", "profile:a"]})
    name = next(stream)["subscription"]
    calls = [
        app.client.send(
            "settings.set",
            {"key": "n", "value": number, "scope": ("user", "profile:a", "profile:b")[number % 3]},
        )
        for number in range(30)
    ]
    for call in calls:
        app.client.wait(call)
    heard = [next(stream)["value"] for _ in range(20)]
    assert heard == [number for number in range(30) if number % 3 != 2]
    others = [app.client.stream("settings.subscribe") for _ in range(7)]
    for other in others:
        assert next(other)["type"] == "subscribed"
    assert denied(lambda: next(app.client.stream("settings.subscribe"))) == "busy"
    for other in others:
        other.cancel()
        assert other.result == {"reason": "cancelled"}
    app.client.call("settings.unsubscribe", {"subscription": name})
    assert stream.result == {"reason": "unsubscribed"}
    assert (
        denied(lambda: next(app.client.stream("settings.subscribe", {"scopes": ["nobody"]}))) == "bad_request"
    )

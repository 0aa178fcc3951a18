"""What other programs are handed and what is believed of what they say."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import CallError
from locara.sandbox.desktop import programs, sound
from locara.sandbox.desktop.notifications import text


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_string_in_gvariant_form_is_one_literal_of_plain_ascii(value: str) -> None:
    written = text(value)
    assert written.isascii()
    assert written.isprintable()
    assert written[0] == written[-1] == '"'
    assert not set(written[1:-1]) & {'"', "'"}
    assert ast.literal_eval(written) == value, "the escapes are those that Python has, too"


def test_half_a_surrogate_is_refused() -> None:
    with pytest.raises(CallError):
        text("a\ud800")


def test_only_what_names_the_session_is_passed_on() -> None:
    environ = {
        "PATH": "/bin", "HOME": "/h", "DISPLAY": ":1", "XDG_RUNTIME_DIR": "/r", "LC_ALL": "C", "LD_PRELOAD": "/x.so",
        "LD_LIBRARY_PATH": "/x", "PYTHONPATH": "/x", "PYTHONSTARTUP": "/x", "NODE_OPTIONS": "-r x",
        "GIO_MODULE_DIR": "/x",
        "BASH_ENV": "/x", "ENV": "/x", "SSH_AUTH_SOCK": "/x", "AWS_SECRET_ACCESS_KEY": "x", "http_proxy": "x",
    }  # fmt: skip
    assert set(programs.session_environment(environ)) == {
        "PATH",
        "HOME",
        "DISPLAY",
        "XDG_RUNTIME_DIR",
        "LC_ALL",
    }


def test_a_program_is_found_by_absolute_path_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    assert programs.find("tool", {"PATH": str(tmp_path)}) == f"{tmp_path}/tool"
    monkeypatch.chdir(tmp_path)
    assert programs.find("tool", {"PATH": "."}) is None, (
        "the folder one happens to stand in is no place to look"
    )
    assert programs.find("tool", {"PATH": "/nowhere"}) is None


MICROPHONE: dict[str, Any] = {
    "name": "alsa_input.usb",
    "monitor_source": "",
    "properties": {"device.class": "sound"},
}


@pytest.mark.parametrize(
    ("change", "monitor"),
    [
        ({}, False),
        ({"monitor_source": None}, False),
        ({"monitor_source": "n/a"}, False),
        ({"properties": {}}, False),
        ({"name": "alsa_output.usb.monitor"}, True),
        ({"monitor_source": "alsa_output.usb"}, True),
        ({"properties": {"device.class": "monitor"}}, True),
        ({"name": None}, True),
    ],
)
def test_any_sign_of_a_monitor_makes_it_no_microphone(change: dict[str, Any], monitor: bool) -> None:
    assert sound._is_monitor({**MICROPHONE, **change}) is monitor


class Told:
    """pactl, as far as the two answers that are asked of it go."""

    def __init__(self, server: dict[str, Any], sources: list[dict[str, Any]]) -> None:
        self.answers = {"info": server, "list": sources}

    def __call__(self, _pactl: str, _environ: object, *words: str) -> Any:
        return self.answers[words[0]]


@pytest.mark.parametrize("name", ["--help", "a b", "x" * 300, "", None, "a\nb"])
def test_a_device_of_an_odd_name_is_not_handed_on(monkeypatch: pytest.MonkeyPatch, name: object) -> None:
    server = {"default_source_name": name}
    monkeypatch.setattr(sound, "_told", Told(server, [{**MICROPHONE, "name": name}]))
    if name == "--help":  # it is handed on as --device=--help, one word: an odd name and no option
        assert sound._device("pactl", None, "microphone", server) == name
        return
    with pytest.raises(CallError) as caught:
        sound._device("pactl", None, "microphone", server)
    assert caught.value.code == "device_unavailable"


def test_the_default_microphone_is_taken_and_never_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**MICROPHONE, "name": "other"}
    monitor = {"name": "out.monitor", "monitor_source": "out", "properties": {}}
    server = {"default_source_name": "alsa_input.usb", "default_sink_name": "out"}
    monkeypatch.setattr(sound, "_told", Told(server, [other, monitor, MICROPHONE]))
    assert sound._device("pactl", None, "microphone", server) == "alsa_input.usb"
    assert sound._device("pactl", None, "system-audio", server) == "out.monitor"
    for gone in ({}, {"default_source_name": "out.monitor"}, {"default_source_name": "unplugged"}, None, []):
        with pytest.raises(CallError):
            sound._device("pactl", None, "microphone", gone)

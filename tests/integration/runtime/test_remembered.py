"""Remembered picks through the real runtime and broker: what stands opens again, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locara.errors import CallError, CapabilityDenied
from locara.runtime.launch import RunningApp
from locara.runtime.lifecycle import withdraw
from locara.runtime.remembered import revoke
from locara.runtime.state import StateFolder
from locara.sandbox.picker import ScriptedPicker

CANARY = "canary-of-the-other-folder"
READ, WRITE = {"fs.user-selected": "read"}, {"fs.user-selected": "read-write"}

Begin = Callable[..., RunningApp]


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    (folder / "old").mkdir(parents=True)
    (folder / "a.txt").write_text("mine")
    (folder / "old" / "b.txt").write_text("old")
    return folder


@pytest.fixture
def begin(write_app, start_app, letters: Path) -> Begin:
    """Starts the app anew, with a person who picks the letters and lets the app find them again."""

    def start(capabilities: dict[str, Any] = READ, *, remembers: bool = True, **choices: Any) -> RunningApp:
        choices.setdefault("picker", ScriptedPicker([[letters]] * 4, remembers=remembers))
        return start_app(write_app(capabilities), **choices)

    return start


def pick(app: RunningApp, **asked: Any) -> dict[str, Any]:
    asked = {"kind": "directory", "access": "read", "recursive": True, "remember": True, **asked}
    (handle,) = app.client.call("fs.pick", asked)["handles"]
    return handle


def read(app: RunningApp, handle: str, path: str = "a.txt") -> str:
    return app.client.call("fs.read", {"root": handle, "path": path, "encoding": "utf8"})["data"]


def reopen(app: RunningApp, grant: str) -> str:
    return app.client.call("fs.reopen", {"grant": grant})["handle"]


def refused(app: RunningApp, grant: str) -> CapabilityDenied | CallError:
    with pytest.raises((CapabilityDenied, CallError)) as caught:
        reopen(app, grant)
    return caught.value


def test_it_is_found_again_at_the_next_start(begin: Begin) -> None:
    with begin() as first:
        grant = pick(first)["grant"]
    with begin() as second:
        (told,) = second.client.call("fs.remembered")["grants"]
        assert {key: told[key] for key in ("grant", "name", "kind", "access", "recursive")} == {
            "grant": grant,
            "name": "letters",
            "kind": "directory",
            "access": "read",
            "recursive": True,
        }
        assert told["picked"] > 1_600_000_000_000
        handle = reopen(second, grant)
        assert (read(second, handle), read(second, handle, "old/b.txt")) == ("mine", "old")


@pytest.mark.parametrize(("asks", "agrees"), [(False, True), (True, False)])
def test_it_takes_both_the_app_and_the_person(begin: Begin, asks: bool, agrees: bool) -> None:
    with begin(remembers=agrees) as app:
        handle = pick(app, remember=asks)
        assert "grant" not in handle
        assert read(app, handle["handle"]) == "mine"
        assert app.client.call("fs.remembered")["grants"] == []


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_without_its_folders(begin: Begin, again: bool) -> None:
    with begin() as app:
        shallow, deep = pick(app, recursive=False), pick(app)
        one, all_ = shallow["handle"], deep["handle"]
        if again:
            one, all_ = reopen(app, shallow["grant"]), reopen(app, deep["grant"])
        assert (read(app, one), read(app, all_, "old/b.txt")) == ("mine", "old")
        names = [e["name"] for e in app.client.call("fs.list", {"root": one, "path": ""})["entries"]]
        assert names == ["a.txt", "old"]
        for cmd, path in (("fs.read", "old/b.txt"), ("fs.list", "old"), ("fs.stat", "old/b.txt")):
            assert app.client.call(cmd, {"root": all_, "path": path})
            with pytest.raises(CapabilityDenied) as denied:
                app.client.call(cmd, {"root": one, "path": path})
            assert denied.value.fix == "ask fs.pick for recursive: true"


def test_what_is_taken_back_ends_while_the_app_runs(begin: Begin, tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    with begin(WRITE) as app:
        taken, kept = pick(app, access="read-write"), pick(app)
        again = reopen(app, taken["grant"])
        assert revoke(state, "acme/probe", taken["grant"])
        for handle in (taken["handle"], again):
            with pytest.raises(CapabilityDenied, match="took this back"):
                read(app, handle)
        assert refused(app, taken["grant"]).code == "capability_denied"
        assert read(app, kept["handle"]) == read(app, reopen(app, kept["grant"])) == "mine"
    assert not revoke(state, "acme/probe", taken["grant"])


def test_withdrawing_consent_takes_everything_back(begin: Begin, tmp_path: Path) -> None:
    with begin() as app:
        grant = pick(app)["grant"]
        assert withdraw(StateFolder(tmp_path / "state"), "acme/probe")
        with pytest.raises(CapabilityDenied, match="took this back"):
            read(app, reopen(app, grant))
    with begin() as app:  # agreed to again
        assert app.client.call("fs.remembered")["grants"] == []
        assert refused(app, grant).code == "capability_denied"


def test_an_update_keeps_it_and_a_wider_one_does_not(begin: Begin) -> None:
    with begin() as app:
        grant = pick(app)["grant"]
    narrower = {**READ, "fs.app-data": False}
    with begin(narrower) as app:
        assert read(app, reopen(app, grant)) == "mine"
    wider = {**READ, "net": {"allowed_hosts": ["a.example.com"]}}
    with begin(wider) as app:
        assert app.client.call("fs.remembered")["grants"] == []
        assert refused(app, grant).code == "capability_denied"
        assert app.client.call("fs.forget", {"grant": grant}) == {"forgotten": False}
    with begin(narrower) as app:  # the version that it was given to
        assert read(app, reopen(app, grant)) == "mine"

"""Sequences of updates, answers and clocks against a model that is a table of powers and times."""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from locara.core.compile import compile_grants
from locara.core.decision import decide
from locara.core.grant import widening
from locara.core.manifest import parse_manifest
from locara.core.request import (
    ClipboardRequest,
    DeviceRequest,
    FsRequest,
    ModelRequest,
    NetRequest,
    Request,
)
from locara.runtime.app import AppBundle
from locara.runtime.consent import ScriptedConsent
from locara.runtime.lifecycle import admit, withdraw
from locara.runtime.standing import COOL_DOWN, MAX_LAYERS, Asleep, Standing
from locara.runtime.state import StartError, StateFolder

DAY: Final = 86_400.0
START: Final = 1_800_000_000.0
POWERS: Final[dict[str, Request]] = {
    "a.test": NetRequest("a.test", 443),
    "x.b.test": NetRequest("x.b.test", 443),
    "camera": DeviceRequest("camera"),
    "music": FsRequest("music", "", "read"),
    "documents": FsRequest("documents", "", "read"),
    "clipboard": ClipboardRequest("read"),
    "chat": ModelRequest("chat@sha256:" + "a" * 64),
}
SETS: Final = st.frozensets(st.sampled_from(sorted(POWERS)), max_size=len(POWERS))


@cache
def version(powers: frozenset[str], number: int) -> AppBundle:
    """A version that asks for exactly these powers; number tells texts apart that ask for the same."""
    hosts = [name.replace("x.", "*.") for name in ("a.test", "x.b.test") if name in powers]
    asked: dict[str, Any] = {"fs.app-data": False, "clipboard": {"read": "clipboard" in powers}}
    asked["fs.user-paths"] = {name: "read" for name in ("music", "documents") if name in powers}
    asked["device.camera"] = "camera" in powers
    asked["net"] = {"allowed_hosts": hosts} if hosts else False
    asked["models"] = ["chat@sha256:" + "a" * 64] if "chat" in powers else []
    document = {
        "schema": "locara/v1",
        "name": "probe",
        "publisher": "acme",
        "version": f"1.{number}.0",
        "displayName": "Probe",
        "description": "A small app for a test.",
        "license": "Apache-2.0",
        "author": {"name": "Acme", "email": "acme@example.com"},
        "icon": "public/icon.png",
        "screenshots": ["screenshots/one.png"],
        "category": "utilities",
        "capabilities": asked,
    }
    manifest = parse_manifest(json.dumps(document).encode())
    return AppBundle(Path("/nowhere"), manifest, compile_grants(manifest))


class Updates(RuleBasedStateMachine):
    """The model: for each power that was agreed to, when it wakes; and the latest time seen."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="locara-state-"))
        self.state = StateFolder(self.folder / "state")
        self.wakes: dict[str, float] = {}
        self.known = False
        self.withdrawn = False
        self.clock = START
        self.newest = 0.0
        self.number = 0
        self.running: AppBundle | None = None

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(powers=SETS, answer=st.booleans(), days=st.sampled_from((0.0, 0.5, 3.0, 6.99, 7.0, 30.0)))
    def start(self, powers: frozenset[str], answer: bool, days: float) -> None:
        """A version is started, some days later."""
        self.clock += days * DAY
        self.number += 1
        self._start(powers, answer)

    @rule(back=st.sampled_from((1.0, 8.0, 400.0)))
    def set_clock_back(self, back: float) -> None:
        self.clock = max(0.0, self.clock - back * DAY)

    @precondition(lambda self: self.known)
    @rule()
    def take_back(self) -> None:
        assert withdraw(self.state, "acme/probe") is not self.withdrawn
        self.withdrawn = True
        self.running = None

    def _start(self, powers: frozenset[str], answer: bool) -> None:
        time = max(self.newest, self.clock) if self.known else self.clock
        gained = powers - self.wakes.keys() if self.known else powers
        must_ask = not self.known or self.withdrawn or bool(gained)
        consent = ScriptedConsent([answer])
        bundle = version(powers, self.number)
        try:
            admission = admit(bundle, state=self.state, consent=consent, now=self.clock)
        except StartError as refused:
            assert refused.code == "consent_refused"
            assert must_ask
            assert not answer
            self.newest = time if self.known else self.newest
            self.running = None
            return
        assert len(consent.asked) == must_ask
        assert answer or not must_ask
        if must_ask:
            changes = consent.asked[0][1]
            assert bool(changes) == (self.known and bool(gained))
        wakes = time + COOL_DOWN if self.known else time
        self.wakes = {name: self.wakes.get(name, wakes) for name in powers}
        self.newest, self.known, self.withdrawn = time, True, False
        self.running = admission.bundle
        asleep = {name for name, at in self.wakes.items() if at > time}
        for name in powers:
            told = admission.asleep.of(POWERS[name]) if name in asleep else None
            assert (told is not None) == (name in asleep)
        for layer in admission.asleep.layers:
            assert time < layer.wakes <= time + COOL_DOWN

    @invariant()
    def what_runs_is_what_the_table_says(self) -> None:
        if self.running is None:
            return
        for name, request in POWERS.items():
            awake = name in self.wakes and self.wakes[name] <= self.newest
            assert decide(self.running.grants, request).allowed == awake, name


TestUpdates = Updates.TestCase
TestUpdates.settings = settings(deadline=None, max_examples=60, stateful_step_count=15)


def test_many_quick_updates_never_wake_early() -> None:
    standing = Standing.first(version(frozenset(), 0).grants, START)
    names = sorted(POWERS)
    for step in range(40):
        powers = frozenset(names[: 1 + step % len(names)])
        standing = standing.moved_to(version(powers, step).grants, START + step)
        assert len(standing.layers) <= MAX_LAYERS
        assert not any(decide(standing.awake, request).allowed for request in POWERS.values())


def test_each_layer_is_wider_than_the_one_before() -> None:
    standing = Standing.first(version(frozenset({"camera"}), 0).grants, START)
    standing = standing.moved_to(version(frozenset({"camera", "music"}), 1).grants, START + DAY)
    standing = standing.moved_to(version(frozenset({"camera", "music", "chat"}), 2).grants, START + 2 * DAY)
    assert [layer.wakes for layer in standing.asleep] == [START + 8 * DAY, START + 9 * DAY]
    for narrow, wide in zip(standing.layers, standing.layers[1:], strict=False):
        assert widening(wide.grants, narrow.grants) == ()
        assert widening(narrow.grants, wide.grants) != ()


@pytest.mark.parametrize("later", [COOL_DOWN - 1, COOL_DOWN])
def test_the_seventh_day(later: float) -> None:
    standing = Standing.first(version(frozenset(), 0).grants, START)
    standing = standing.moved_to(version(frozenset({"camera"}), 1).grants, START).seen_at(START + later)
    assert decide(standing.awake, POWERS["camera"]).allowed == (later >= COOL_DOWN)


def test_a_roll_back_and_the_same_update_again_starts_anew() -> None:
    old, new = version(frozenset(), 0).grants, version(frozenset({"camera"}), 1).grants
    standing = Standing.first(old, START).moved_to(new, START).moved_to(old, START + 6 * DAY)
    assert standing.widened_by(new)
    standing = standing.moved_to(new, START + 6 * DAY).seen_at(START + 8 * DAY)
    assert not decide(standing.awake, POWERS["camera"]).allowed
    assert decide(standing.seen_at(START + 13 * DAY).awake, POWERS["camera"]).allowed


def test_a_command_that_sleeps_is_told_with_its_time_and_one_that_never_comes_is_not() -> None:
    standing = Standing.first(version(frozenset(), 0).grants, START)
    standing = standing.moved_to(version(frozenset({"camera"}), 1).grants, START)
    standing = standing.moved_to(version(frozenset({"camera", "a.test"}), 2).grants, START + DAY)
    asleep = Asleep(standing.asleep)
    assert asleep.command("camera.open") == START + COOL_DOWN
    assert asleep.command("net.fetch") == START + DAY + COOL_DOWN
    assert asleep.command("llm.chat") is None and Asleep().command("net.fetch") is None

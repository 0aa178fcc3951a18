"""Interruption, progress and the context that checks work in."""

from __future__ import annotations

import io
import os
import signal

import pytest

from locara_verify import progress
from locara_verify.budget import PROFILES
from locara_verify.check import CheckResult
from locara_verify.context import Context
from locara_verify.events import CheckProgress, CheckStarted
from locara_verify.finding import Finding
from locara_verify.interrupt import Interrupt
from locara_verify.plan import Task
from locara_verify.target import load


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_question_first_and_an_exception_second(number) -> None:
    before = signal.getsignal(number)
    with Interrupt().on_signals() as interrupt:
        assert not interrupt
        os.kill(os.getpid(), number)
        assert interrupt
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("mode", progress.MODES)
def test_progress_is_shown_and_never_fails_a_run(make_check, make_finished, mode) -> None:
    check = make_check("escape/paths", "LC201")
    task, out = Task(check, check.rules), io.StringIO()
    with progress.showing(mode, 3, out) as emit:
        emit(CheckStarted(task))
        emit(CheckProgress(task, 5, 10, "half\x1b[2J"))
        emit(CheckProgress(task, 5, 0, ""))
        emit(make_finished(check, CheckResult((Finding("LC201", "bad"),), {"LC201": 1})))
        emit(make_finished(check, None, reason="killed", started=False))
    assert "\x1b[2J" not in out.getvalue()
    if mode == "log":
        assert out.getvalue().splitlines() == [
            "locara verify: start   escape/paths",
            "locara verify: done    escape/paths (1 of 3, 0.0 s): 1 finding",
            "locara verify: done    escape/paths (2 of 3, 0.0 s): no result: killed",
        ]
    if mode == "none":
        assert out.getvalue() == ""


def test_the_mode_suits_the_stream() -> None:
    assert progress.mode_for(None, io.StringIO()) == "log"
    assert progress.mode_for("none", io.StringIO()) == "none"


@pytest.fixture
def context(make_app, tmp_path) -> Context:
    (tmp_path / "work").mkdir()
    return Context(load(make_app()), PROFILES["quick"], 7, tmp_path / "work", tmp_path)


def test_randomness_depends_on_the_seed_and_the_name_alone(context, make_app, tmp_path) -> None:
    first = [context.rng("a").random(), context.rng("a").random(), context.rng("b").random()]
    assert first[0] == first[1] != first[2]
    other = Context(context.target, context.profile, 8, context.workdir, tmp_path)
    assert other.rng("a").random() != first[0]
    assert 0 <= context.seed_for("a") < 1 << 64


def test_fresh_folders_are_new_each_time(context) -> None:
    one, two = context.fresh_dir("home"), context.fresh_dir("home")
    assert one != two
    assert list(one.iterdir()) == list(two.iterdir()) == []


def test_a_variant_is_a_copy_with_another_manifest(context) -> None:
    before = load(context.target.path).digest
    folder = context.variant("wider", lambda manifest: manifest["capabilities"].update({"net": True}))
    wider = load(folder)
    assert "net" in {grant.kind.value for grant in wider.grants.grants}
    assert {entry.path for entry in wider.entries} == {"locara.json", "db/schema.sql", "dist/index.html"}
    assert load(context.target.path).digest == before

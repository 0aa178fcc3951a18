"""A run from its settings to its report: what happens to the app or the run meanwhile is in the verdict."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from locara.errors import UsageError
from locara_verify import replay, session
from locara_verify.budget import PROFILES
from locara_verify.events import CheckFinished, Event
from locara_verify.plan import Plan, Selection, Task
from locara_verify.report.value import Report
from locara_verify.session import Settings
from locara_verify.target import load
from locara_verify.verdict import Result, Verdict

MODULE = """
from locara_verify.check import CheckResult, check
from locara_verify.finding import Finding

def behaviour(name):
    return check(name, rules=("LC001",))

@behaviour("looks")
def looks(ctx):
    return CheckResult((), {"LC001": 1})

@behaviour("edits")
def edits(ctx):
    (ctx.target.path / "dist").mkdir(exist_ok=True)
    (ctx.target.path / "dist" / "late.js").write_text("// not what was looked at")
    return CheckResult((), {"LC001": 1})

@behaviour("finds")
def finds(ctx):
    return CheckResult((Finding("LC001", "bad"),), {"LC001": 1})

@behaviour("removes")
def removes(ctx):
    (ctx.target.path / "locara.json").unlink()
    return CheckResult((), {"LC001": 1})
"""


@pytest.fixture
def run(make_app, make_rule, make_check, tmp_path, monkeypatch) -> Callable[..., Report]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "meanwhile.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'code'}:{os.environ.get('PYTHONPATH', '')}")

    def go(
        name: str,
        *,
        interrupted_at_its_end: bool = False,
        broken: Mapping[str, str] | None = None,
        **more: object,
    ) -> Report:
        subject = load(make_app())
        check = make_check(name, "LC001", module="meanwhile")
        plan = Plan({"LC001": make_rule("LC001")}, (Task(check, check.rules),), broken=broken or {})
        settings = Settings(subject.path, PROFILES["quick"], 7, workdir=tmp_path / "work", **more)  # type: ignore[arg-type]
        ended: list[CheckFinished] = []

        def emit(event: Event) -> None:
            if isinstance(event, CheckFinished):
                ended.append(event)

        return session.execute(settings, subject, plan, emit, lambda: interrupted_at_its_end and bool(ended))

    return go


def test_an_app_that_stays_as_it_was_passes(run) -> None:
    assert run("looks").judgement.verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("name", "reason"),
    [("edits", "the app changed while it was being verified"), ("removes", "the app ")],
)
def test_an_app_that_changes_meanwhile_was_not_verified(run, name, reason) -> None:
    judgement = run(name).judgement
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.notes[0].startswith(reason)


@pytest.mark.parametrize("strict", [False, True])
def test_each_finding_can_be_replayed(run, strict) -> None:
    made = run("finds", strict=strict)
    (path,) = made.replays.values()
    told = replay.read(Path(path))
    assert (told.rule, told.check, told.seed, told.strict) == ("LC001", "finds", 7, strict)


def test_nothing_is_imported_from_inside_the_app(make_app, monkeypatch) -> None:
    app, choice = make_app(), Selection(only=("LC001",))
    inside = [str(app), str(app / "dist"), f"{app}/../{app.name}", str(app / "absent")]
    monkeypatch.setattr("sys.path", [*inside, *sys.path])
    session.prepare(Settings(app, PROFILES["quick"], 7, choice))
    assert not set(inside) & set(sys.path)
    module = SimpleNamespace(__file__=str(app / "dist/judge.py"))
    monkeypatch.setitem(sys.modules, "judge_of_the_app", module)
    with pytest.raises(UsageError, match="judge_of_the_app was loaded from inside the app"):
        session.prepare(Settings(app, PROFILES["quick"], 7, choice))


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_a_run_whose_time_is_over_starts_nothing(run, seconds) -> None:
    (outcome,) = run("looks", seconds=seconds).judgement.outcomes
    assert outcome.result is (Result.PASSED if seconds is None else Result.SKIPPED)


def test_an_interrupted_run_does_not_pass_though_all_of_it_had_ended(run) -> None:
    report = run("looks", interrupted_at_its_end=True)
    assert report.interrupted
    assert [outcome.result for outcome in report.judgement.outcomes] == [Result.PASSED]
    assert report.judgement.verdict is Verdict.INCONCLUSIVE
    assert report.judgement.notes[0] == "the run was interrupted"


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("name", "broken", "verdict"),
    [
        ("looks", {}, Verdict.PASSED),
        ("looks", {"checks.of.tools": "ImportError: no wasmtime"}, Verdict.INCONCLUSIVE),
        ("finds", {"checks.of.tools": "ImportError: no wasmtime"}, Verdict.FAILED),
    ],
)
def test_a_run_passes_only_when_every_module_of_checks_loaded(run, strict, name, broken, verdict) -> None:
    report = run(name, strict=strict, broken=broken)
    assert report.judgement.verdict is verdict
    told = "these checks did not load: checks.of.tools (ImportError: no wasmtime)"
    assert (told in report.judgement.notes) is bool(broken)


def test_a_finding_is_kept_to_be_replayed(run) -> None:
    kept = run("finds")
    assert kept.replays
    assert not [note for note in kept.judgement.notes if "was kept" in note]


def test_where_nothing_to_replay_can_be_kept_the_report_says_so(run, tmp_path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "failures").write_text("a file where a folder would be")
    (tmp_path / "work" / ".locara").write_text("and here")
    report = run("finds")
    assert report.judgement.verdict is Verdict.FAILED
    assert [found.message for outcome in report.judgement.outcomes for found in outcome.findings] == ["bad"]
    (note,) = [note for note in report.judgement.notes if "was kept" in note]
    assert "--workdir" in note
    assert not report.replays

"""The verifier's rules as items of pytest: each is judged as `locara verify` judges it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from locara_verify.budget import PROFILES
from locara_verify.check import CheckResult
from locara_verify.events import CheckFinished
from locara_verify.finding import Finding, Severity
from locara_verify.plan import Plan, Task
from locara_verify.session import Settings
from locara_verify.target import load
from locara_verify.testing import rules
from locara_verify.testing.rules import RuleRun, told
from locara_verify.verdict import Result, judge

FOUND = Finding(
    "LC001", "bad", "so", "a.txt", 3, {"n": [1]}, {"check": "one", "case": {"x": 1}}, Severity.WARNING
)
RESULT = CheckResult((FOUND,), {"LC001": 2}, 1, 2, 3, {"LC002": "no"}, {"x": 1.5}, ("note",))


@pytest.fixture
def events(make_check) -> dict[str, CheckFinished]:
    task = Task(make_check("one", "LC001", "LC002"), ("LC001", "LC002"))
    return {
        "held": CheckFinished(task, CheckResult((), {"LC001": 1, "LC002": 1}), "", True, 5),
        "found": CheckFinished(task, RESULT, "", True, 5),
        "broke off": CheckFinished(task, None, "killed", True, 5),
        "broke off later": CheckFinished(
            task, None, "killed", True, 5, before=(FOUND, replace(FOUND, message="b"))
        ),
        "never began": CheckFinished(task, None, "stopped", False, 0),
    }


def test_what_a_check_said_is_the_same_in_another_process(events, tmp_path) -> None:
    for number, event in enumerate(events.values()):
        place = tmp_path / f"{number}.json"
        rules._write(place, event)
        assert rules._read(place, event.task) == event


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_item_is_judged_by_each_check_of_its_rule(
    make_app, make_rule, make_check, tmp_path, monkeypatch, strict, bad
) -> None:
    checks = [make_check(name, "LC001") for name in ("one", "two", "three")]
    results = [CheckResult((FOUND,) if number == bad else (), {"LC001": 1}) for number in range(3)]
    done = [
        CheckFinished(Task(check, check.rules), result, "", True, 1)
        for check, result in zip(checks, results, strict=True)
    ]
    plan = Plan({"LC001": make_rule("LC001")}, tuple(event.task for event in done))
    ran: list[bool] = []

    def run(asked: Plan, job: rules.engine.Job, _emit: object) -> tuple[CheckFinished, ...]:
        ran.append(job.strict)
        return tuple(event for event in done if event.task in asked.tasks)

    monkeypatch.setattr(rules.engine, "run", run)
    app = make_app()
    settings = Settings(app, PROFILES["quick"], 7, strict=strict)
    outcome = RuleRun(load(app), plan, settings, tmp_path).judge("LC001")
    assert ran == [strict] * 3
    assert outcome == judge(plan, done, strict=strict).outcomes[0]
    assert outcome.result is (Result.FAILED if strict else Result.WARNED)
    again = RuleRun(load(app), plan, settings, tmp_path).judge("LC001")
    assert (again, len(ran)) == (outcome, 3), "another process takes what was found"


@pytest.mark.parametrize("profile", ["quick", "ci", "strict"])
def test_a_profile_is_that_of_the_verifier(make_app, tmp_path, profile) -> None:
    run = RuleRun.make(make_app(), profile=profile, seed=9, only=("LC001", "LC2"), shared=Path(tmp_path))
    settings = run.settings
    assert (settings.budget, settings.seed, settings.strict) == (PROFILES[profile], 9, profile == "strict")
    assert {rule[:3] for rule, _ in run.rules()} == {"LC0", "LC2"}


def test_each_outcome_that_is_no_pass_says_why(make_rule, events) -> None:
    for name, event in events.items():
        plan = Plan({"LC001": make_rule("LC001")}, (event.task,))
        (outcome,) = judge(plan, (event,), strict=True).outcomes
        assert (outcome.result is Result.PASSED) == (name == "held")
        assert bool(told(outcome)) == (name != "held")

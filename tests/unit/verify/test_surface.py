"""Budgets, forecasts, the result cache, what is remembered, and watching."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from locara.errors import UsageError
from locara_verify import cache, checks, last, watch
from locara_verify.budget import PROFILES, limited
from locara_verify.cache import ResultCache
from locara_verify.check import CheckResult
from locara_verify.finding import Finding
from locara_verify.plan import Task, longest_first
from locara_verify.progress import Forecast
from locara_verify.session import Settings
from locara_verify.target import load


def test_a_budget_of_time_ends_the_run_and_one_of_examples_scales_it() -> None:
    quick = PROFILES["quick"]
    assert limited(quick, "30s") == (quick, 30.0)
    assert limited(quick, "2m") == (quick, 120.0)
    smaller, seconds = limited(quick, "examples=10")
    assert seconds is None
    assert (smaller.fuzz_examples, smaller.decisions, smaller.live_operations) == (10, 500, 60)


@pytest.mark.parametrize("text", ["", "30", "0s", "examples=0", "examples=-1", "1h", "30s ", "examples=1.5"])
def test_what_is_no_budget_is_refused(text) -> None:
    with pytest.raises(UsageError, match="is no budget"):
        limited(PROFILES["quick"], text)


def test_a_forecast_adds_up_what_waits(make_check) -> None:
    tasks = [
        Task(make_check(name, "LC001", exclusive=name == "alone"), ()) for name in ("a", "b", "alone", "new")
    ]
    ahead = Forecast.of(tasks, {"a": 4_000, "b": 2_000, "alone": 3_000}, jobs=2)
    assert ahead.seconds == pytest.approx((4 + 2 + 3) / 2 + 3)
    ahead.finished("b")
    assert ahead.seconds == pytest.approx(4 + 3), "no worker is quicker than the longest check"
    for name in ("a", "new", "alone"):
        ahead.finished(name)
    assert ahead.seconds == 0
    assert Forecast.of(tasks, {}, jobs=2).seconds is None


def test_the_longest_checks_come_first_and_exclusive_ones_last(make_check) -> None:
    tasks = tuple(
        Task(make_check(name, "LC001", exclusive=name == "x"), ()) for name in ("a", "b", "x", "new")
    )
    order = [task.check.name for task in longest_first(tasks, {"a": 1, "b": 9, "x": 99})]
    assert order == ["new", "b", "a", "x"]
    assert longest_first(tasks, {}) == (*tasks[:2], tasks[3], tasks[2])


@pytest.fixture
def hooks(make_app, make_check, tmp_path):
    app = make_app()

    def make(*, seeded: bool = False, app: Path = app, **changes: object):
        settings = replace(Settings(app, PROFILES["quick"], 7), **changes)
        found = ResultCache(tmp_path / "results", seeded).hooks(settings, load(app))
        return found.get("known", lambda _task: None), found.get("keep", lambda _task, _result: None)

    return make, Task(make_check("one", "LC001"), ("LC001",)), app


GOOD = CheckResult((), {"LC001": 3}, decisions=5, notes=("x",))


def test_a_clean_result_is_known_again_for_the_same_content(hooks) -> None:
    make, task, app = hooks
    known, keep = make()
    assert known(task) is None
    keep(task, GOOD)
    assert known(task) == GOOD
    assert make(seed=8)[0](task) == GOOD
    assert make(seed=8, seeded=True)[0](task) is None
    assert make(budget=PROFILES["ci"])[0](task) is None
    assert make(cache_root=app)[0](task) is None
    (app / "dist" / "index.html").write_text("another page")
    assert make()[0](task) is None


def test_nothing_wrong_undecided_or_measured_is_kept(hooks, make_check, tmp_path) -> None:
    make, task, _ = hooks
    known, keep = make()
    keep(task, CheckResult((Finding("LC001", "bad"),), {"LC001": 1}))
    keep(task, CheckResult((), {"LC001": 1}, inconclusive={"LC001": "no"}))
    assert known(task) is None
    assert not (tmp_path / "results").exists()
    alone = Task(make_check("alone", "LC001", exclusive=True), ("LC001",))
    keep(alone, GOOD)
    assert known(alone) is None


def test_a_strict_run_and_a_replay_know_nothing(hooks) -> None:
    make, task, _ = hooks
    make()[1](task, GOOD)
    for changes in ({"strict": True}, {"case": {}}):
        known, keep = make(**changes)
        keep(task, GOOD)
        assert known(task) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-10],
        lambda text: text.replace('"LC001": 3', '"LC001": 4'),
        lambda text: text.replace("locara-result/1", "locara-result/2"),
        lambda text: "[" * 100_000,
        lambda text: json.dumps({"schema": "locara-result/1", "sha256": "", "result": {}}),
    ],
)
def test_a_damaged_entry_is_no_entry(hooks, tmp_path, damage) -> None:
    make, task, _ = hooks
    known, keep = make()
    keep(task, GOOD)
    (entry,) = (tmp_path / "results").iterdir()
    entry.write_text(damage(entry.read_text()))
    assert known(task) is None
    keep(task, GOOD)
    assert known(task) == GOOD


def test_a_result_is_that_of_its_own_check_and_rules_alone(hooks, make_check) -> None:
    make, task, _ = hooks
    known, keep = make()
    keep(task, GOOD)
    assert known(Task(make_check("two", "LC001"), ("LC001",))) is None
    assert known(Task(make_check("one", "LC001", "LC002"), ("LC001",))) is None


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("findings", [{"rule": "LC001", "message": "bad"}]),
        ("inconclusive", {"LC001": "no"}),
        ("attempts", {"LC002": 3}),
    ],
)
def test_an_entry_that_says_more_than_a_clean_result_is_none(hooks, tmp_path, part, value) -> None:
    make, task, _ = hooks
    known, keep = make()
    keep(task, GOOD)
    (entry,) = (tmp_path / "results").iterdir()
    written = json.loads(entry.read_text())
    for changed in ({}, {part: value}):
        result = {**written["result"], **changed}
        digest = hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
        entry.write_text(json.dumps({**written, "sha256": digest, "result": result}))
        assert (known(task) is None) == bool(changed)


def test_the_code_is_a_part_of_the_key(hooks, monkeypatch) -> None:
    make, task, _ = hooks
    make()[1](task, GOOD)
    monkeypatch.setattr(cache, "_surroundings", lambda: "another version")
    assert make()[0](task) is None


@pytest.fixture
def nothing_typical(monkeypatch) -> None:
    monkeypatch.setattr(cache, "_typical", lambda _profile: {})


def test_the_first_run_knows_what_checks_take_elsewhere(tmp_path) -> None:
    typical = cache.read_durations(tmp_path, "strict")
    names = checks.load().checks.keys()
    assert typical.keys() - names == set(), "write it again: python tools/typical_durations.py"
    assert len(typical) > 0.9 * len(names)
    assert cache.read_durations(tmp_path, "soak") == typical
    cache.write_durations(tmp_path, "strict", {"scope-algebra": 7})
    assert cache.read_durations(tmp_path, "strict") == {**typical, "scope-algebra": 7}


@pytest.mark.usefixtures("nothing_typical")
def test_durations_are_merged_and_damage_is_forgotten(tmp_path) -> None:
    assert cache.read_durations(tmp_path, "quick") == {}
    cache.write_durations(tmp_path, "quick", {"a": 1, "b": 2})
    cache.write_durations(tmp_path, "quick", {"b": 3})
    cache.write_durations(tmp_path, "ci", {"b": 9})
    assert cache.read_durations(tmp_path, "quick") == {"a": 1, "b": 3}
    (tmp_path / "durations.json").write_text("[1]")
    assert cache.read_durations(tmp_path, "quick") == {}
    cache.write_durations(tmp_path, "quick", {"b": 3})
    assert cache.read_durations(tmp_path, "quick") == {"b": 3}


def test_what_did_not_pass_is_remembered_and_the_rest_stays(report, tmp_path) -> None:
    path = tmp_path / "last.json"
    assert last.read(path) == ()
    path.write_text(json.dumps({"schema": "locara-last/1", "rules": ["LC001", "LC104"]}))
    last.write(path, report().judgement)
    assert last.read(path) == ("LC104", "LC201", "LC901")
    path.write_text("{")
    assert last.read(path) == ()


def test_a_change_is_taken_up_when_it_has_come_to_rest(tmp_path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "node_modules").mkdir()
    seen = watch.mark(tmp_path)
    (tmp_path / "node_modules" / "x").write_text("not a part of the app")
    assert watch.mark(tmp_path) == seen
    marks = [
        seen,
        seen,
        frozenset({("a", 1, 1, 1)}),
        frozenset({("a", 2, 2, 1)}),
        frozenset({("a", 2, 2, 1)}),
    ]
    slept: list[float] = []
    found = watch.wait_for_change(tmp_path, seen, sleep=slept.append, look=lambda _root: marks.pop(0))
    assert found == frozenset({("a", 2, 2, 1)})
    assert marks == []
    assert len(slept) == 4

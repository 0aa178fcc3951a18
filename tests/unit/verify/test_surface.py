"""Budgets, forecasts, the result cache, and what is remembered."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from locara.errors import UsageError
from locara_verify import cache, checks, last
from locara_verify.budget import PROFILES, limited
from locara_verify.cache import ResultCache
from locara_verify.check import CheckResult
from locara_verify.finding import Finding
from locara_verify.plan import Task, longest_first
from locara_verify.progress import Forecast
from locara_verify.session import Settings
from locara_verify.target import load
from locara_verify.verdict import Result


def test_a_budget_of_time_ends_the_run_and_one_of_examples_scales_it() -> None:
    quick = PROFILES["quick"]
    assert limited(quick, "30s") == (quick, 30.0)
    assert limited(quick, "2m") == (quick, 120.0)
    smaller, seconds = limited(quick, "examples=10")
    assert seconds is None
    assert (smaller.fuzz_examples, smaller.decisions, smaller.live_operations) == (10, 500, 60)
    larger, _ = limited(quick, "examples=1000")
    assert (larger.fuzz_examples, larger.decisions, larger.live_operations) == (1_000, 50_000, 1_500)


def test_each_profile_tries_more_than_the_one_before() -> None:
    assert list(PROFILES) == ["quick", "ci", "strict", "soak"]
    for less, more in pairwise(PROFILES.values()):
        for part in ("decisions", "live_operations", "fuzz_examples", "task_seconds"):
            assert getattr(less, part) < getattr(more, part), (less.profile, more.profile, part)
    strict = PROFILES["strict"]
    assert (strict.decisions, strict.live_operations, strict.fuzz_examples) >= (220_000, 5_000, 2_000)
    assert all(name == budget.profile for name, budget in PROFILES.items())


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
        Task(make_check(name, "LC001", exclusive=name == "x", steady=name == "s"), ())
        for name in ("a", "s", "b", "x", "new")
    )
    order = [task.check.name for task in longest_first(tasks, {"a": 1, "b": 9, "x": 99, "s": 50})]
    assert order == ["new", "b", "a", "s", "x"]
    assert [task.check.name for task in longest_first(tasks, {})] == ["a", "b", "new", "s", "x"]


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


@pytest.mark.parametrize("part", [field.name for field in fields(PROFILES["quick"])])
def test_each_part_of_the_budget_is_a_part_of_the_key(hooks, part) -> None:
    make, task, _ = hooks
    make()[1](task, GOOD)
    quick = PROFILES["quick"]
    other = "soak" if part == "profile" else getattr(quick, part) + 1
    assert make(budget=replace(quick, **{part: other}))[0](task) is None
    assert make()[0](task) == GOOD


def test_a_model_that_changes_is_another_key(hooks, monkeypatch, tmp_path) -> None:
    make, task, _ = hooks
    blob = tmp_path / "blob"
    monkeypatch.setattr(cache, "_blobs", lambda _subject, _root: [blob])
    make()[1](task, GOOD)
    assert make()[0](task) == GOOD
    for text in ("one", "another"):
        blob.write_text(text)
        assert make()[0](task) is None
        make()[1](task, GOOD)


@pytest.mark.parametrize("name", ["a.py", "rules.toml", "list.json", "in/side.py", "data.bin", "page.html"])
def test_each_file_beside_the_app_is_a_part_of_the_key(monkeypatch, tmp_path, name) -> None:
    parts = {part: tmp_path / part for part in ("locara", "locara_verify", "fixtures")}
    for folder in parts.values():
        (folder / "in").mkdir(parents=True)
        (folder / name).write_text("one")
    monkeypatch.setattr(cache, "locara", SimpleNamespace(__path__=[str(parts["locara"])]))
    monkeypatch.setattr(cache, "locara_verify", SimpleNamespace(__path__=[str(parts["locara_verify"])]))
    monkeypatch.setattr(cache, "fixtures_dir", lambda: parts["fixtures"])
    seen = {cache._surroundings.__wrapped__()}
    for folder in parts.values():
        for change in (
            lambda place: place.write_text("another"),
            lambda place: place.rename(place.with_name("new" + place.suffix)),
        ):
            change(folder / name)
            seen.add(cache._surroundings.__wrapped__())
    assert len(seen) == 7


@pytest.mark.parametrize("name", ["a.py", "rules.toml", "list.json"])
def test_code_is_known_by_its_content_and_not_by_its_time(tmp_path, name) -> None:
    place, seen = tmp_path / name, set()
    for text in ("one", "two", "owt"):
        place.write_text(text)
        os.utime(place, (1, 1))
        seen.add(cache._tree(tmp_path, contents=True))
    assert len(seen) == 3
    os.utime(place, (2, 2))
    assert cache._tree(tmp_path, contents=True) in seen


def test_nothing_wrong_undecided_or_measured_is_kept(hooks, make_check, tmp_path) -> None:
    make, task, _ = hooks
    known, keep = make()
    keep(task, CheckResult((Finding("LC001", "bad"),), {"LC001": 1}))
    keep(task, CheckResult((), {"LC001": 1}, inconclusive={"LC001": "no"}))
    assert known(task) is None
    assert not (tmp_path / "results").exists()
    for how in ("exclusive", "steady"):
        alone = Task(make_check("alone", "LC001", **{how: True}), ("LC001",))
        keep(alone, GOOD)
        assert known(alone) is None
        assert not (tmp_path / "results").exists()


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
    loaded = checks.load()
    assert loaded.broken == {}, "each module loads, whatever was loaded before"
    names = loaded.checks.keys()
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


@pytest.mark.parametrize("result", Result)
def test_each_rule_that_was_not_shown_to_hold_is_remembered(report, tmp_path, result) -> None:
    path, made = tmp_path / "last.json", report().judgement
    outcomes = tuple(replace(outcome, result=result) for outcome in made.outcomes)
    last.write(path, replace(made, outcomes=outcomes))
    held = result in (Result.PASSED, Result.WARNED)
    assert last.read(path) == (() if held else tuple(outcome.rule.id for outcome in outcomes))

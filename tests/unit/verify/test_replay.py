from __future__ import annotations

import json

import pytest

from locara.errors import UsageError
from locara_verify import replay
from locara_verify.budget import PROFILES, limited
from locara_verify.target import load


@pytest.fixture
def written(report, make_app, tmp_path):
    made, target = report(), load(make_app())
    where = tmp_path / "failures"
    paths = replay.write_all(made.judgement, target, where, seed=7, budget=PROFILES["ci"], strict=True)
    return target, where, paths


def test_every_finding_has_a_file_that_says_enough_to_repeat_it(written) -> None:
    target, where, paths = written
    assert sorted(key for key in paths) == [("LC007", 0), ("LC201", 0)]
    recorded = {path.name[:5]: replay.read(path) for path in where.iterdir()}
    assert recorded["LC201"] == replay.Replay(
        rule="LC201",
        check="one",
        case={"path": "../canary"},
        seed=7,
        profile="ci",
        budget=PROFILES["ci"],
        path=target.path,
        digest=target.digest,
        strict=True,
    )
    assert recorded["LC007"].case is None


def test_the_same_failure_has_the_same_name(written, report) -> None:
    target, where, _ = written
    before = sorted(path.name for path in where.iterdir())
    replay.write_all(report().judgement, target, where, seed=7, budget=PROFILES["ci"], strict=True)
    assert sorted(path.name for path in where.iterdir()) == before


def test_a_replay_has_the_budget_of_the_run(report, make_app, tmp_path) -> None:
    budget, _ = limited(PROFILES["ci"], "examples=17")
    target, where = load(make_app()), tmp_path / "failures"
    replay.write_all(report().judgement, target, where, seed=7, budget=budget, strict=True)
    assert {replay.read(path).budget for path in where.iterdir()} == {budget}


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "locara-replay/2"},
        {"profile": "endless"},
        {"case": [1]},
        {"seed": "soon"},
        {"seed": 7},
        {"check": None},
        {"subject": {}},
        {"rule": 3},
    ],
)
def test_what_is_no_replay_file_is_refused(written, change) -> None:
    _, where, _ = written
    path = next(where.iterdir())
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UsageError):
        replay.read(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000])
def test_other_files_are_refused(tmp_path, text) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(UsageError):
        replay.read(path)
    with pytest.raises(UsageError):
        replay.read(tmp_path / "absent")


def test_failures_are_never_written_inside_the_app(make_app, tmp_path, monkeypatch) -> None:
    target = load(make_app())
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    assert replay.folder(None, target) == tmp_path / ".locara" / "failures"
    assert replay.folder(tmp_path / "kept", target) == tmp_path / "kept" / ".locara" / "failures"
    monkeypatch.chdir(target.path / "dist")
    assert replay.folder(None, target) == tmp_path / "state" / "Locara" / "verify" / "failures"

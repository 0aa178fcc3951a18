"""What the verbs ask of a run, and the exit code they end with."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from locara.errors import LocaraError, UsageError
from locara_verify import cli, replay
from locara_verify.budget import PROFILES, limited
from locara_verify.cli import ReplayVerb, guarded
from locara_verify.cli import Verify as VerifyVerb
from locara_verify.evidence import EvidenceError
from locara_verify.options import Run
from locara_verify.plan import Selection
from locara_verify.target import TargetError, load
from locara_verify.verdict import Exit

SEED = 0x51E7


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    ReplayVerb().add_arguments(parser)
    return parser.parse_args([*words, "--progress", "none"])


@pytest.fixture
def recorded(report, make_app, tmp_path) -> Path:
    budget, _ = limited(PROFILES["ci"], "examples=17")
    where = tmp_path / "failures"
    replay.write_all(report().judgement, load(make_app()), where, seed=SEED, budget=budget, strict=True)
    (path,) = where.glob("LC201-*")
    return path


def test_a_failure_is_repeated_with_all_that_was_recorded(recorded, monkeypatch) -> None:
    asked: list[tuple[Run, str | None]] = []
    monkeypatch.setattr(cli, "_run", lambda _args, run, expected=None: asked.append((run, expected)) or 0)
    assert ReplayVerb().run(arguments(str(recorded))) == 0
    ((run, expected),) = asked
    told = replay.read(recorded)
    settings = run.settings
    assert (settings.seed, settings.budget, settings.strict) == (SEED, told.budget, True)
    assert (settings.choice, settings.check, settings.case) == (Selection(only=("LC201",)), "one", told.case)
    assert (settings.path, expected, settings.cache) == (told.path, told.digest, None)


@pytest.mark.parametrize("other", [False, True])
def test_another_app_than_the_recorded_one_is_told(recorded, report, monkeypatch, capsys, other) -> None:
    made, subject = report(), load(replay.read(recorded).path)
    shown = replace(subject, digest="sha256:00") if other else subject
    monkeypatch.setattr(cli, "_report", lambda _args, _run: (made, shown))
    monkeypatch.setattr(cli, "_keep", lambda *_: None)
    assert ReplayVerb().run(arguments(str(recorded))) == Exit.FINDINGS
    assert ("the failure was recorded for" in capsys.readouterr().out) is other


@pytest.mark.parametrize(("lines", "code"), [((), Exit.PASSED), (("a: new",), Exit.FINDINGS)])
def test_one_difference_from_evidence_is_one_too_many(monkeypatch, capsys, lines, code, report) -> None:
    facts = {"budget": PROFILES["quick"].to_json(), "seed": "0x7", "strict": False}
    folder = SimpleNamespace(facts=facts, path=Path("x"), selection=Selection())
    monkeypatch.setattr("locara_verify.evidence.read", lambda _folder: folder)
    monkeypatch.setattr("locara_verify.evidence.facts", lambda *_: {})
    monkeypatch.setattr("locara_verify.evidence.differences", lambda _before, _after: lines)
    monkeypatch.setattr(cli, "_report", lambda _args, _run: (report(), None))
    monkeypatch.setattr(Path, "is_dir", lambda _path: True)
    assert ReplayVerb().run(arguments("folder")) == code
    assert f"{len(lines)} differences" in capsys.readouterr().out
    monkeypatch.setattr(cli, "_report", lambda _args, _run: (report(interrupted=True), None))
    assert ReplayVerb().run(arguments("folder")) == Exit.INTERRUPTED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (TargetError("x"), 4),
        (EvidenceError("x", code="altered"), 5),
        (EvidenceError("x"), 2),
        (LocaraError("x"), 70),
        (OSError(5, "x", "y"), 70),
        (RuntimeError("x"), 70),
        (AssertionError("x"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_whatever_is_raised_is_no_pass(error, code, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def action() -> int:
        raise error

    assert guarded(action) == code
    assert capsys.readouterr().err.startswith(("error: ", "error: interrupted"))


def test_a_run_that_fails_leaves_no_report_of_another(make_app, tmp_path, monkeypatch) -> None:
    paths = [tmp_path / "one.json", tmp_path / "two.xml"]
    for path in paths:
        path.write_text("PASSED")
    parser = argparse.ArgumentParser()
    VerifyVerb().add_arguments(parser)
    args = parser.parse_args([
        str(make_app()), "--progress", "none", "--report", f"json={paths[0]}", "--report", f"junit={paths[1]}",
    ])  # fmt: skip

    def prepare(_settings: object) -> None:
        raise UsageError("the choice of rules leaves nothing to run")

    monkeypatch.setattr("locara_verify.session.prepare", prepare)
    assert VerifyVerb().run(args) == Exit.USAGE
    assert [path.exists() for path in paths] == [False, False]


@pytest.mark.parametrize("interrupted", [False, True])
def test_an_interrupted_run_is_no_last_one(report, make_app, tmp_path, interrupted) -> None:
    subject, args = load(make_app()), argparse.Namespace(workdir=tmp_path)
    settings = SimpleNamespace(case=None)
    run = Run(settings)  # type: ignore[arg-type]
    cli._keep(args, run, report(interrupted=interrupted), subject)
    found = [json.loads(path.read_text())["rules"] for path in tmp_path.rglob("last/*.json")]
    assert found == ([] if interrupted else [["LC201", "LC901"]])

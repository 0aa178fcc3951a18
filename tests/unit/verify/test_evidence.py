from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from locara.errors import UsageError
from locara.trust.statement.statement import Statement
from locara_verify import evidence
from locara_verify.evidence import EvidenceError, differences
from locara_verify.plan import Selection

CHOICE = Selection(("LC2",), (), None)


@pytest.fixture
def written(report, tmp_path):
    replayed = tmp_path / "LC201-7f3a.json"
    replayed.write_text("{}\n")
    made = replace(report(strict=True), replays={("LC201", 0): str(replayed)})
    folder = tmp_path / "evidence"
    evidence.write(folder, made, CHOICE)
    return folder, made


def test_what_was_written_reads_back(written) -> None:
    folder, made = written
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == [
        "SHA256SUMS",
        "environment.json",
        "facts.json",
        "replays/LC201-7f3a.json",
        "report.json",
        "summary.json",
        "test-result.json",
    ]
    found = evidence.read(folder)
    assert found.selection == CHOICE
    assert found.path == made.path
    assert differences(found.facts, json.loads(evidence.text_of(evidence.facts(made, CHOICE)))) == ()


def test_the_statements_are_what_the_trust_part_reads(written) -> None:
    folder, made = written
    for name, kind in (("test-result.json", "results of checks"), ("summary.json", "verification summary")):
        statement = Statement.parse("application/vnd.in-toto+json", (folder / name).read_bytes())
        assert statement.kind == kind
        assert f"sha256:{statement.subjects[0].digest.hex}" == made.digest
    result = json.loads((folder / "test-result.json").read_text())["predicate"]
    assert result["result"] == "FAILED"
    assert set(result["failedTests"]) == {"LC007", "LC201", "LC901"}
    assert json.loads((folder / "summary.json").read_text())["predicate"]["verificationResult"] == "FAILED"


def test_facts_do_not_depend_on_time_place_or_names_of_files(report) -> None:
    made = report()
    again = replace(
        made, started="2030-01-01T00:00:00+00:00", seconds=99.0, jobs=7, path=Path("/elsewhere"), replays={}
    )
    outcomes = tuple(replace(outcome, ms=outcome.ms + 1) for outcome in made.judgement.outcomes)
    again = replace(again, judgement=replace(made.judgement, outcomes=outcomes, notes=(), bench={}))
    assert evidence.text_of(evidence.facts(made, CHOICE)) == evidence.text_of(evidence.facts(again, CHOICE))


def test_counts_of_rules_that_race_or_measure_are_no_facts(report) -> None:
    made = report()
    rules = {outcome.rule.id: outcome for outcome in made.judgement.outcomes}
    racing = replace(rules["LC001"], rule=replace(rules["LC001"].rule, timed=True))
    outcomes = tuple(racing if o.rule.id == "LC001" else o for o in made.judgement.outcomes)
    found = evidence.facts(replace(made, judgement=replace(made.judgement, outcomes=outcomes)), CHOICE)[
        "rules"
    ]
    assert (found["LC001"]["attempts"], found["LC901"]["attempts"], found["LC201"]["attempts"]) == (
        None,
        None,
        40,
    )


@pytest.mark.parametrize(
    "change",
    ["flip", "grow", "cut", "remove", "add", "add a link", "sums", "no sums", "climb", "link", "empty sums"],
)
def test_a_folder_that_was_touched_is_refused(written, change, tmp_path) -> None:
    folder, _ = written
    facts, sums = folder / "facts.json", folder / "SHA256SUMS"
    data = facts.read_bytes()
    match change:
        case "flip":
            facts.write_bytes(data.replace(b"failed", b"passed", 1))
        case "grow":
            facts.write_bytes(data + b" ")
        case "cut":
            facts.write_bytes(data[:-1])
        case "remove":
            (folder / "replays/LC201-7f3a.json").unlink()
        case "add":
            (folder / "replays/more.json").write_text("{}")
        case "add a link":
            (folder / "more").symlink_to("facts.json")
        case "sums":
            sums.write_text(sums.read_text().replace("a", "b", 1))
        case "no sums":
            sums.unlink()
        case "climb":
            sums.write_text(sums.read_text().replace("  facts.json", "  ../facts.json"))
        case "link":
            (tmp_path / "elsewhere.json").write_bytes(data)
            facts.unlink()
            facts.symlink_to(tmp_path / "elsewhere.json")
        case "empty sums":
            sums.write_text("")
    with pytest.raises(EvidenceError):
        evidence.read(folder)


def test_evidence_is_never_mixed_with_what_is_there(written, report) -> None:
    folder, made = written
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="is there already"):
        evidence.write(folder, made, CHOICE)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_every_difference_is_named_with_its_place() -> None:
    before = {"a": 1, "b": {"c": [1], "d": 2}, "gone": 0}
    after = {"a": 1, "b": {"c": [2], "d": 3}, "new": "x"}
    assert differences(before, after) == (
        "b.c: was [1], is [2]",
        "b.d: was 2, is 3",
        "gone: gone, was 0",
        'new: new, "x"',
    )

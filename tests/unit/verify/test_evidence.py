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
from locara_verify.report.value import Report
from locara_verify.verdict import Result, RuleOutcome, Verdict

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


@pytest.mark.parametrize("result", Result)
def test_a_statement_says_passed_of_what_passed_alone(report, tmp_path, result) -> None:
    made = report(only_good=True, strict=True)
    (outcome,) = made.judgement.outcomes
    verdict = {
        Result.PASSED: Verdict.PASSED, Result.WARNED: Verdict.PASSED, Result.FAILED: Verdict.FAILED,
    }.get(result, Verdict.INCONCLUSIVE)  # fmt: skip
    judgement = replace(made.judgement, outcomes=(replace(outcome, result=result),), verdict=verdict)
    evidence.write(tmp_path / "evidence", replace(made, judgement=judgement, replays={}), CHOICE)
    told = json.loads((tmp_path / "evidence/test-result.json").read_text())["predicate"]
    lists = {Result.PASSED: "passedTests", Result.WARNED: "warnedTests"}
    names = {name: told.get(name, []) for name in ("passedTests", "warnedTests", "failedTests")}
    assert names == {name: ["LC001"] if name == lists.get(result, "failedTests") else [] for name in names}
    assert told["result"] == {"passed": "PASSED", "warned": "WARNED"}.get(result.value, "FAILED")
    summary = json.loads((tmp_path / "evidence/summary.json").read_text())["predicate"]
    assert summary["verificationResult"] == ("PASSED" if verdict is Verdict.PASSED else "FAILED")


LOCAL = {"id": "example/notes", "kernel": {"network": "none"}}


@pytest.mark.parametrize(
    ("change", "local"),
    [
        ({}, True),
        ({"strict": False}, False),
        ({"interrupted": True}, False),
        ({"partial": True}, False),
        ({"verdict": Verdict.FAILED}, False),
        ({"verdict": Verdict.INCONCLUSIVE}, False),
        ({"app": {**LOCAL, "kernel": {"network": "proxy"}}}, False),
        ({"app": None}, False),
    ],
)
def test_local_alone_is_what_passed_a_whole_strict_run_without_network(
    report, tmp_path, change, local
) -> None:
    made = report(only_good=True, strict=True)
    made = replace(
        made,
        app=change.get("app", LOCAL),
        strict=change.get("strict", True),
        interrupted=change.get("interrupted", False),
        plan=replace(made.plan, partial=change.get("partial", False)),
        judgement=replace(made.judgement, verdict=change.get("verdict", Verdict.PASSED)),
        replays={},
    )
    evidence.write(tmp_path / "evidence", made, CHOICE)
    summary = json.loads((tmp_path / "evidence/summary.json").read_text())["predicate"]
    assert bool(summary.get("verifiedLevels")) is local


@pytest.mark.parametrize(
    "choice",
    [
        Selection(),
        Selection(("LC2", "LC001"), ("LC201",), "files and not sql"),
        Selection(skip=("LC9",)),
        Selection(expression="x"),
    ],
)
def test_what_was_chosen_is_chosen_again(report, tmp_path, choice) -> None:
    evidence.write(tmp_path / "evidence", replace(report(), replays={}), choice)
    assert evidence.read(tmp_path / "evidence").selection == choice


def test_facts_change_with_each_thing_they_are_of(report) -> None:
    made = report(strict=True)
    judgement = made.judgement
    timed = tuple(replace(o, rule=replace(o.rule, timed=True)) for o in judgement.outcomes)

    def outcomes(which: tuple[RuleOutcome, ...], number: int, **change: object) -> Report:
        changed = tuple(replace(o, **change) if n == number else o for n, o in enumerate(which))
        return replace(made, judgement=replace(judgement, outcomes=changed))

    found = judgement.outcomes[2].findings
    told = [
        made,
        replace(made, strict=False),
        replace(made, seed=1),
        replace(made, interrupted=True),
        replace(made, digest="sha256:00"),
        replace(made, app=LOCAL),
        replace(made, budget=replace(made.budget, decisions=1)),
        replace(made, plan=replace(made.plan, not_planned={})),
        replace(made, judgement=replace(judgement, verdict=Verdict.PASSED)),
        outcomes(judgement.outcomes, 0, attempts=4),
        outcomes(judgement.outcomes, 0, result=Result.WARNED),
        outcomes(judgement.outcomes, 2, findings=()),
        outcomes(judgement.outcomes, 2, findings=(replace(found[0], message="another"),)),
        outcomes(timed, 2, findings=found),
        outcomes(timed, 2, findings=()),
        outcomes(timed, 2, result=Result.PASSED),
    ]
    rule = replace(judgement.outcomes[0].rule, why="for another reason")
    told.append(replace(made, plan=replace(made.plan, rules={**made.plan.rules, "LC001": rule})))
    texts = [evidence.text_of(evidence.facts(one, CHOICE)) for one in told]
    texts.append(evidence.text_of(evidence.facts(made, Selection())))
    assert len(set(texts)) == len(texts)
    for one in texts[1:]:
        assert differences(json.loads(texts[0]), json.loads(one))
        assert differences(json.loads(one), json.loads(texts[0]))


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
    [
        "flip",
        "grow",
        "cut",
        "remove",
        "add",
        "add a link",
        "sums",
        "no sums",
        "climb",
        "link",
        "empty sums",
        "add below",
        "flip a replay",
    ],
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
        case "add below":
            (folder / "deep/er").mkdir(parents=True)
            (folder / "deep/er/more.json").write_text("{}")
        case "flip a replay":
            (folder / "replays/LC201-7f3a.json").write_text("[]\n")
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

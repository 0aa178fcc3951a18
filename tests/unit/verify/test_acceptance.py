from __future__ import annotations

import dataclasses
import datetime
import json

import pytest

from locara.errors import UsageError
from locara_verify import acceptance
from locara_verify.check import CheckResult
from locara_verify.finding import Finding, Severity, fingerprint
from locara_verify.plan import Plan, Task
from locara_verify.verdict import Result, Verdict, judge

TODAY = datetime.date(2026, 3, 1)
RULES = {"LC001": 1, "LC002": 1}
FINDING = Finding("LC001", "bad", file="locara.json", line=4, evidence={"column": 3, "key": "x"})
WAIVER = (
    '[[waiver]]\nrule = "LC001"\nreason = "a known fault of the icon"\nowner = "anna"\nexpires = 2026-06-01\n'
)


@pytest.fixture
def load(tmp_path):
    def go(*, baseline: str | None = None, waivers: str | None = None) -> acceptance.Acceptance:
        paths = []
        for name, text in (("baseline.json", baseline), ("waivers.toml", waivers)):
            if text is not None:
                (tmp_path / name).write_text(text)
            paths.append(None if text is None else tmp_path / name)
        return acceptance.load(*paths, today=TODAY, rules=RULES)

    return go


@pytest.fixture
def verdict_of(make_rule, make_check, make_finished):
    """The judgement of one finding of severity error."""

    def go(accept, *, strict: bool = False):
        check = make_check("one", "LC001")
        event = make_finished(check, CheckResult((FINDING,), {"LC001": 1}))
        plan = Plan({"LC001": make_rule("LC001")}, (Task(check, ("LC001",)),))
        return judge(plan, [event], strict=strict, accept=accept)

    return go


def test_a_waiver_lifts_the_failure_and_says_who_and_why(load, verdict_of) -> None:
    judged = verdict_of(load(waivers=WAIVER).accept)
    assert (judged.verdict, judged.outcomes[0].result) == (Verdict.PASSED, Result.WARNED)
    assert (
        judged.outcomes[0].findings[0].accepted
        == "waived by anna until 2026-06-01: a known fault of the icon"
    )
    assert judged.outcomes[0].findings[0].severity is Severity.ERROR
    assert verdict_of(load().accept).verdict is Verdict.FAILED


def test_a_strict_run_asks_neither(load, verdict_of, tmp_path) -> None:
    found = verdict_of(load().accept)
    baseline = acceptance.baseline_text(found)
    for accepted in (load(waivers=WAIVER), load(baseline=baseline)):
        assert verdict_of(accepted.accept).verdict is Verdict.PASSED
        judged = verdict_of(accepted.accept, strict=True)
        assert (judged.verdict, judged.outcomes[0].findings[0].accepted) == (Verdict.FAILED, "")


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ("", True),
        ('file = "locara.json"\n', True),
        ('file = "icon.png"\n', False),
        (f'finding = "{fingerprint(FINDING)}"\n', True),
        ('finding = "00"\n', False),
    ],
)
def test_a_waiver_may_be_narrowed(load, change, fits) -> None:
    assert bool(load(waivers=WAIVER + change).accept(FINDING)) is fits
    assert not load(waivers=WAIVER.replace("LC001", "LC002")).accept(FINDING)


def test_a_waiver_of_a_file_is_none_of_a_finding_without_one(load) -> None:
    nowhere = dataclasses.replace(FINDING, file=None)
    assert load(waivers=WAIVER).accept(nowhere)
    assert not load(waivers=WAIVER + 'file = "locara.json"\n').accept(nowhere)


@pytest.mark.parametrize("length", [1, 8, 63])
def test_a_part_of_a_fingerprint_names_nothing(load, length) -> None:
    assert not load(waivers=WAIVER + f'finding = "{fingerprint(FINDING)[:length]}"\n').accept(FINDING)


@pytest.mark.parametrize("key", ["LC001", "LC0", "bad", "", "*", fingerprint(FINDING)[:16]])
def test_a_baseline_names_findings_by_their_whole_fingerprint(load, key) -> None:
    text = json.dumps({"schema": "locara-baseline/1", "findings": {key: {"rule": "LC001", "message": "bad"}}})
    assert load(baseline=text).accept(FINDING) == ""


@pytest.mark.parametrize("length", [1, 40, 400, 4_000])
def test_what_differs_in_its_last_letter_is_another_finding(length) -> None:
    one, other = ("x" * length + end for end in "ab")
    for part in ("message", "file"):
        left, right = (dataclasses.replace(FINDING, **{part: text}) for text in (one, other))
        assert fingerprint(left) != fingerprint(right)
    left, right = (dataclasses.replace(FINDING, evidence={"key": text}) for text in (one, other))
    assert fingerprint(left) != fingerprint(right)


def test_a_waiver_that_has_ended_says_so_and_does_nothing(load) -> None:
    found = load(waivers=WAIVER.replace("2026-06-01", "2026-02-28"))
    assert found.accept(FINDING) == ""
    assert found.notes == ("the waiver of LC001 by anna ended on 2026-02-28",)
    assert load(waivers=WAIVER.replace("2026-06-01", "2026-03-01")).accept(FINDING)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WAIVER.replace('owner = "anna"\n', ""), "waiver 1 gives no owner"),
        (WAIVER.replace('"a known fault of the icon"', '" "'), "gives no reason"),
        (WAIVER.replace("expires = 2026-06-01\n", ""), "has no end"),
        (WAIVER.replace("2026-06-01", '"2026-06-01"'), "has no end"),
        (WAIVER.replace("2026-06-01", "2026-12-01"), "lasts too long"),
        (WAIVER.replace("LC001", "LC999"), "no rule is called 'LC999'"),
        (WAIVER + "note = 1\n", "unknown keys: note"),
        ("waiver = 3\n", "tables and nothing else"),
        ("x = [", "cannot be read as TOML"),
        (WAIVER + "file = 3\n", "file must be a text"),
    ],
)
def test_a_waiver_with_a_fault_is_a_mistake_with_a_place(load, text, words) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        load(waivers=text)
    assert "waivers.toml" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "locara-baseline/2", "findings": {}}', "[" * 10_000]
)
def test_a_file_that_is_no_baseline_is_a_mistake(load, text) -> None:
    with pytest.raises(UsageError, match="is not a baseline"):
        load(baseline=text)


def test_a_baseline_holds_when_lines_move_and_not_when_the_finding_is_another(load, verdict_of) -> None:
    text = acceptance.baseline_text(verdict_of(load().accept))
    accept = load(baseline=text).accept
    moved = dataclasses.replace(FINDING, line=40, evidence={"column": 9, "key": "x"})
    assert accept(moved) == "known: it is in the baseline"
    for other in (
        dataclasses.replace(FINDING, message="worse"),
        dataclasses.replace(FINDING, file="other.json"),
        dataclasses.replace(FINDING, evidence={"key": "y"}),
        dataclasses.replace(FINDING, rule_id="LC002"),
    ):
        assert accept(other) == ""
    assert json.loads(text)["findings"][fingerprint(FINDING)] == {"rule": "LC001", "message": "bad"}

"""Every format tells the same: each rule with its result, each finding with weight and place, and what is missing."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from locara_verify.check import CheckResult
from locara_verify.finding import Finding, Severity, fingerprint
from locara_verify.plan import Plan, Selection, Task, plan
from locara_verify.report import files, github
from locara_verify.report.value import Report, Span
from locara_verify.target import load
from locara_verify.verdict import Result, RuleOutcome, judge

NOTE = Finding("LC001", "of little weight", severity=Severity.NOTE)
BROAD = Finding("LC007", "every host is granted", file="locara.json", line=9)
WORSE = Finding("LC007", "it weighs more", severity=Severity.ERROR, file="locara.json", line=10)
KNOWN = Finding("LC002", "it is known", because="for long", file="db/schema.sql", line=3)
LESS = Finding("LC210", "it weighs less", severity=Severity.WARNING, file="a b/ä.txt", line=7)
FIRST = Finding(
    "LC201", "one got out", because="the canary came back", line=14, evidence={"column": 5, "path": "x"}
)
SECOND = Finding("LC201", "another got out", because="so did this", file="page.js", line=2)
MORE = Finding("LC201", "no line is known", evidence={"column": 5})
REASONS = {"LC104": "no check judges this rule", "LC310": "the control failed", "LC901": "killed by signal 9"}
RULES = ("LC001", "LC002", "LC007", "LC104", "LC201", "LC210", "LC310", "LC901")


@pytest.fixture
def whole(report, make_rule, make_check, make_finished) -> Callable[..., Report]:
    """A report with each result, each weight, what is accepted, and more than one finding of a rule."""

    def make(*, strict: bool = False, partial: bool = False, interrupted: bool = False) -> Report:
        warns = Severity.WARNING
        rules = {id: make_rule(id, severity=warns if id == "LC007" else Severity.ERROR) for id in RULES}
        one = make_check("one", "LC001", "LC002", "LC007")
        two, three = make_check("two", "LC201", "LC210", "LC310"), make_check("three", "LC901")
        events = (
            make_finished(
                one, CheckResult((NOTE, KNOWN, BROAD, WORSE), {"LC001": 3, "LC002": 1, "LC007": 2})
            ),
            make_finished(
                two,
                CheckResult(
                    (FIRST, SECOND, MORE, LESS),
                    {"LC201": 40, "LC210": 4, "LC310": 1},
                    inconclusive={"LC310": REASONS["LC310"]},
                ),
            ),
            make_finished(three, None, reason=REASONS["LC901"]),
        )
        made = Plan(
            rules,
            tuple(event.task for event in events),
            {"LC104": REASONS["LC104"]},
            {"LC999": "only in strict runs"},
            partial,
            {"no screen": ("LC201", "LC210")},
        )
        judgement = judge(
            made,
            events,
            strict=strict,
            accept=lambda found: "known" if found.message == KNOWN.message else "",
        )
        spans = tuple(Span.of(event) for event in events)
        return replace(
            report(strict=strict, interrupted=interrupted),
            plan=made,
            judgement=judgement,
            prefix="apps/notes/",
            spans=spans,
        )

    return make


CASES = [
    {"strict": strict, "partial": partial, "interrupted": interrupted}
    for strict in (False, True)
    for partial in (False, True)
    for interrupted in (False, True)
]


def undecided(made: Report) -> list[RuleOutcome]:
    return [o for o in made.judgement.outcomes if o.result in (Result.SKIPPED, Result.INCONCLUSIVE)]


def found(made: Report) -> list[tuple[RuleOutcome, Finding]]:
    return [(outcome, finding) for outcome in made.judgement.outcomes for finding in outcome.findings]


def test_the_report_has_each_result_and_each_weight(whole) -> None:
    made = whole()
    assert {outcome.result for outcome in made.judgement.outcomes} == set(Result)
    assert {finding.severity for _, finding in found(made)} == set(Severity)
    assert {o.rule.id: o.reason for o in undecided(made)} == REASONS


@pytest.mark.parametrize("case", CASES)
def test_json_says_all_of_it(whole, case) -> None:
    made = whole(**case)
    document = json.loads(files.FORMATS["json"](made))
    lines = [json.loads(line) for line in files.FORMATS["ndjson"](made).splitlines()]
    for rules in (document["rules"], [line for line in lines if line["event"] == "rule"]):
        assert [(r["id"], r["result"], r["reason"], r["attempts"]) for r in rules] == [
            (o.rule.id, o.result.value, o.reason, o.attempts) for o in made.judgement.outcomes
        ]
        told = [
            (
                r["id"],
                f["message"],
                f["because"],
                f["severity"],
                f["file"],
                f["line"],
                f["evidence"],
                f["accepted"],
            )
            for r in rules
            for f in r["findings"]
        ]
        assert told == [
            (o.rule.id, f.message, f.because, f.severity, f.file, f.line, f.evidence, f.accepted)
            for o, f in found(made)
        ]
    assert document["in_part"] == {"no screen": ["LC201", "LC210"]}
    assert document["not_planned"] == {"LC999": "only in strict runs"}
    assert (document["strict"], document["partial"]) == (case["strict"], case["interrupted"])
    assert document["complete"] is not (case["partial"] or case["interrupted"])
    assert [span["state"] for span in document["run"]["checks"]] == ["found", "found", "none"]


@pytest.mark.parametrize("case", CASES)
def test_sarif_has_each_finding_at_its_place_and_each_rule_without_a_verdict(whole, case) -> None:
    made = whole(**case)
    (run,) = json.loads(files.FORMATS["sarif"](made))["runs"]
    told = []
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        uri, region = place["artifactLocation"]["uri"], place["region"]
        told.append((
            result["ruleId"], result["level"], result["message"]["text"], uri, region, "suppressions" in result,
            result["partialFingerprints"],
        ))  # fmt: skip
    places = {
        NOTE.message: ("locara.json", {"startLine": 1}),
        BROAD.message: ("locara.json", {"startLine": 9}),
        WORSE.message: ("locara.json", {"startLine": 10}),
        KNOWN.message: ("db/schema.sql", {"startLine": 3}),
        LESS.message: ("a%20b/%C3%A4.txt", {"startLine": 7}),
        FIRST.message: ("locara.json", {"startLine": 14, "startColumn": 5}),
        SECOND.message: ("page.js", {"startLine": 2}),
        MORE.message: ("locara.json", {"startLine": 1}),
    }
    assert told == [
        (
            o.rule.id, f.severity, f"{f.message}\n{f.because}".strip(), f"apps/notes/{places[f.message][0]}",
            places[f.message][1], bool(f.accepted), {"finding/v1": fingerprint(f)},
        )
        for o, f in found(made)
    ]  # fmt: skip
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    notes = invocation["toolExecutionNotifications"]
    assert {note["associatedRule"]["id"]: note["message"]["text"] for note in notes} == REASONS
    assert {note["level"] for note in notes} == {"error"}
    levels = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in run["tool"]["driver"]["rules"]}
    assert levels == {id: "warning" if id == "LC007" else "error" for id in RULES}
    assert run["properties"]["verdict"] == made.verdict


@pytest.mark.parametrize("case", CASES)
def test_junit_has_a_case_for_each_rule_and_its_counts_are_those_of_its_cases(whole, case) -> None:
    made = whole(**case)
    root = ET.fromstring(files.FORMATS["junit"](made))
    outcomes = {f"{o.rule.id} {o.rule.slug}": o for o in made.judgement.outcomes}
    assert {case.get("name") for case in root.iter("testcase")} == set(outcomes)
    for suite in root:
        for count, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(suite.get(count, "")) == len(list(suite.iter(tag)))
        facts = {p.get("name"): p.get("value") for p in suite.iter("property")}
        assert (facts["partial"], facts["verdict"]) == (str(case["interrupted"]).lower(), made.verdict)
    for one in root.iter("testcase"):
        outcome = outcomes[one.get("name", "")]
        assert (one.find("failure") is not None) == (outcome.result is Result.FAILED)
        assert (one.find("error") is not None) == (outcome in undecided(made))
        if outcome in undecided(made):
            assert one.find("error").get("message") == outcome.reason
    text = "".join(root.itertext())
    assert all(finding.message in text for _, finding in found(made))


@pytest.mark.parametrize("limit", [100, 9, 3])
@pytest.mark.parametrize("case", CASES)
def test_github_has_a_line_for_each_that_counts_or_counts_the_rest(whole, monkeypatch, case, limit) -> None:
    monkeypatch.setattr(github, "LIMIT", limit)
    made = whole(**case)
    lines = files.FORMATS["github"](made).splitlines()
    owed = [(f.severity is Severity.ERROR, o.rule.id, f.message) for o, f in found(made) if not f.accepted]
    owed += [(True, o.rule.id, o.reason) for o in undecided(made)]
    starts = [(f"::{'error' if bad else 'warning'} ", rule, text) for bad, rule, text in owed]
    shown = [
        line
        for line in lines
        if any(line.startswith(start) and rule in line and text in line for start, rule, text in starts)
    ]
    assert len(shown) == min(limit, len(owed))
    more = [line for line in lines if re.fullmatch(r"::error title=locara verify::and \d+ more", line)]
    assert more == (
        [f"::error title=locara verify::and {len(owed) - limit} more"] if limit < len(owed) else []
    )
    assert len(lines) == len(shown) + len(more) + 1


class Texts(HTMLParser):
    """The words of a page, and the rows of its tables."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.words = ""
        self.in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.in_cell:
            self.rows[-1][-1] += data


@pytest.mark.parametrize("case", CASES)
def test_the_page_has_each_rule_each_finding_and_what_limits_it(whole, case) -> None:
    made = whole(**case)
    page = Texts(files.FORMATS["html"](made))
    rows = {tuple(row) for row in page.rows}
    for outcome in made.judgement.outcomes:
        assert (outcome.rule.id, outcome.rule.title, outcome.result.value, f"{outcome.attempts:,}") in rows
    for outcome in undecided(made):
        assert (f"{outcome.rule.id} {outcome.rule.slug}", outcome.result.value, outcome.reason) in rows
    assert ("LC999", "only in strict runs") in rows
    for _, finding in found(made):
        assert finding.message in page.words
        assert finding.because in page.words
    assert ("Only chosen rules were run: 8 of 9." in page.words) is case["partial"]
    assert ("The run was interrupted" in page.words) is case["interrupted"]
    assert ("tries less than a strict one" in page.words) is not case["strict"]


@pytest.mark.parametrize("case", CASES)
def test_a_person_reads_each_finding_each_gap_and_what_limits_the_verdict(whole, case) -> None:
    made = whole(**case)
    text = files.FORMATS["human"](made)
    lines = text.splitlines()
    for outcome, finding in found(made):
        assert f"{finding.severity}[{outcome.rule.id}] {finding.message}" in lines
    for outcome in undecided(made):
        assert f"{outcome.result}[{outcome.rule.id}] {outcome.rule.slug}: {outcome.reason}" in lines
    held: dict[str, list[bool]] = {}
    for outcome in made.judgement.outcomes:
        held.setdefault(outcome.rule.area, []).append(outcome.result in (Result.PASSED, Result.WARNED))
    for area, good in held.items():
        (line,) = [line for line in lines if line.startswith(("ok  ", "--  ")) and line[4:].startswith(area)]
        assert line.startswith("ok") is all(good)
        assert f"{sum(good)} of {len(good)} rules held" in line
    last = lines[-1]
    assert last.startswith(made.verdict.upper())
    assert ("chosen rules: 8, left out: 1" in last) is case["partial"]
    assert ("INTERRUPTED, partial" in last) is case["interrupted"]
    assert ("1 accepted by baseline or waiver" in last) is not case["strict"]
    assert ("(strict" in last) is case["strict"]


@pytest.mark.parametrize(
    "choice", [Selection(only=("LC0",)), Selection(skip=("LC2",)), Selection(expression="lc")]
)
def test_whoever_leaves_rules_out_has_no_complete_report(
    whole, make_rule, make_check, make_app, choice
) -> None:
    rules = {rule: make_rule(rule) for rule in ("LC001", "LC201")}
    checks = {"one": make_check("one", *rules)}
    for given, complete in ((choice, False), (Selection(), True)):
        made = plan(rules, checks, {}, load(make_app(f"app-{complete}")), given, strict=True)
        assert replace(whole(), plan=made).complete is complete


def test_a_task_that_gave_nothing_is_told_from_one_that_found_nothing(make_check, make_finished) -> None:
    check = make_check("one", "LC001")
    states = [
        Span.of(event).state
        for event in (
            make_finished(check, CheckResult()),
            make_finished(check, CheckResult((NOTE,))),
            make_finished(check, None, reason="killed"),
            replace(make_finished(check, None, reason="killed"), before=(NOTE,)),
        )
    ]
    assert states == ["ok", "found", "none", "found"]
    assert Span.of(make_finished(check, None, reason="x")).rules == Task(check, ("LC001",)).rules

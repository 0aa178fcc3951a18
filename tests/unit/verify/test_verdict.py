from __future__ import annotations

from dataclasses import replace

import pytest

from locara_verify.check import CheckResult
from locara_verify.finding import Finding, Severity
from locara_verify.plan import Plan
from locara_verify.verdict import Exit, Result, Verdict, exit_code, judge


def plan_of(*rules, unjudged=None) -> Plan:
    return Plan({rule.id: rule for rule in rules}, (), unjudged or {})


def test_a_rule_that_was_tested_and_has_no_finding_passes(make_rule, make_check, make_finished) -> None:
    rule, check = make_rule("LC001"), make_check("c", "LC001")
    judgement = judge(plan_of(rule), [make_finished(check, CheckResult((), {"LC001": 1}))], strict=True)
    assert judgement.verdict is Verdict.PASSED
    assert judgement.outcomes[0].result is Result.PASSED


@pytest.mark.parametrize("strict", [True, False])
def test_an_error_fails_the_run(make_rule, make_check, make_finished, strict) -> None:
    rule, check = make_rule("LC001"), make_check("c", "LC001")
    event = make_finished(check, CheckResult((Finding("LC001", "bad"),), {"LC001": 1}))
    judgement = judge(plan_of(rule), [event], strict=strict)
    assert (judgement.verdict, judgement.outcomes[0].result) == (Verdict.FAILED, Result.FAILED)


@pytest.mark.parametrize(
    ("severity", "strict", "result", "verdict"),
    [
        (Severity.WARNING, False, Result.WARNED, Verdict.PASSED),
        (Severity.WARNING, True, Result.FAILED, Verdict.FAILED),
        (Severity.NOTE, False, Result.PASSED, Verdict.PASSED),
        (Severity.NOTE, True, Result.PASSED, Verdict.PASSED),
    ],
)
def test_warnings_fail_strict_runs_and_notes_none(
    make_rule, make_check, make_finished, severity, strict, result, verdict
) -> None:
    rule, check = make_rule("LC001", severity=severity), make_check("c", "LC001")
    event = make_finished(check, CheckResult((Finding("LC001", "hm"),), {"LC001": 1}))
    judgement = judge(plan_of(rule), [event], strict=strict)
    assert (judgement.outcomes[0].result, judgement.verdict) == (result, verdict)


def test_a_finding_may_weigh_less_than_its_rule(make_rule, make_check, make_finished) -> None:
    rule, check = make_rule("LC001"), make_check("c", "LC001")
    finding = Finding("LC001", "hm", severity=Severity.WARNING)
    event = make_finished(check, CheckResult((finding,), {"LC001": 1}))
    assert judge(plan_of(rule), [event], strict=False).verdict is Verdict.PASSED


def test_a_rule_that_was_never_put_to_the_test_is_inconclusive(make_rule, make_check, make_finished) -> None:
    rule, check = make_rule("LC001"), make_check("c", "LC001")
    judgement = judge(plan_of(rule), [make_finished(check, CheckResult())], strict=False)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "never put it to the test" in judgement.outcomes[0].reason


@pytest.mark.parametrize(("started", "result"), [(True, Result.INCONCLUSIVE), (False, Result.SKIPPED)])
def test_a_check_without_result_gives_no_pass(make_rule, make_check, make_finished, started, result) -> None:
    rule, check = make_rule("LC001"), make_check("c", "LC001")
    event = make_finished(check, None, reason="killed", started=started)
    judgement = judge(plan_of(rule), [event], strict=False)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert (judgement.outcomes[0].result, judgement.outcomes[0].reason) == (result, "killed")


def test_every_check_of_a_rule_must_have_decided(make_rule, make_check, make_finished) -> None:
    rule = make_rule("LC001")
    good = make_finished(make_check("good", "LC001"), CheckResult((), {"LC001": 5}))
    dead = make_finished(make_check("dead", "LC001"), None, reason="killed")
    assert judge(plan_of(rule), [good, dead], strict=False).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("turn", [1, -1])
def test_one_check_that_finds_something_is_enough(make_rule, make_check, make_finished, turn) -> None:
    rule = make_rule("LC001")
    good = make_finished(make_check("good", "LC001"), CheckResult((), {"LC001": 5}))
    bad = make_finished(make_check("bad", "LC001"), CheckResult((Finding("LC001", "x"),), {"LC001": 1}))
    judgement = judge(plan_of(rule), [good, bad][::turn], strict=False)
    assert (judgement.verdict, len(judgement.outcomes[0].findings)) == (Verdict.FAILED, 1)
    assert judgement.outcomes[0].attempts == 6


def test_a_test_of_one_rule_is_none_of_another(make_rule, make_check, make_finished) -> None:
    one, two = make_rule("LC001"), make_rule("LC201")
    event = make_finished(make_check("c", "LC001", "LC201"), CheckResult((), {"LC001": 9}))
    judgement = judge(plan_of(one, two), [event], strict=True)
    assert [outcome.result for outcome in judgement.outcomes] == [Result.PASSED, Result.INCONCLUSIVE]


def test_a_finding_of_one_rule_is_no_test_of_another(make_rule, make_check, make_finished) -> None:
    one, two = make_rule("LC001"), make_rule("LC201")
    event = make_finished(make_check("c", "LC001", "LC201"), CheckResult((Finding("LC001", "bad"),)))
    judgement = judge(plan_of(one, two), [event], strict=True)
    assert [outcome.result for outcome in judgement.outcomes] == [Result.FAILED, Result.INCONCLUSIVE]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("no", "no"),
        ("the control failed", "the control failed"),
        (" ", " "),
        ("", "the check gave no reason"),
    ],
)
def test_a_check_that_says_it_could_not_judge_is_believed(
    make_rule, make_check, make_finished, reason, told
) -> None:
    rule = make_rule("LC001")
    said = CheckResult((), {"LC001": 900}, inconclusive={"LC001": reason})
    judgement = judge(plan_of(rule), [make_finished(make_check("c", "LC001"), said)], strict=False)
    assert (judgement.verdict, judgement.outcomes[0].reason) == (Verdict.INCONCLUSIVE, told)


def test_a_finding_is_repeated_by_the_check_that_made_it(make_rule, make_check, make_finished) -> None:
    rule, own = make_rule("LC001"), {"check": "two", "case": {"path": "x"}}
    events = [
        make_finished(make_check(name, "LC001"), CheckResult((Finding("LC001", name, replay=replay),)))
        for name, replay in (("one", None), ("two", own), ("three", None))
    ]
    events.append(replace(make_finished(make_check("four", "LC001")), before=(Finding("LC001", "four"),)))
    (outcome,) = judge(plan_of(rule), events, strict=False).outcomes
    assert [found.replay and found.replay["check"] for found in outcome.findings] == [
        "one", "two", "three", "four",
    ]  # fmt: skip
    assert outcome.findings[1].replay == own


def test_what_is_accepted_lifts_nothing_else(make_rule, make_check, make_finished) -> None:
    rule, check = make_rule("LC001"), make_check("c", "LC001")
    found = CheckResult((Finding("LC001", "old"), Finding("LC001", "new")), {"LC001": 2})
    judgement = judge(
        plan_of(rule),
        [make_finished(check, found)],
        strict=False,
        accept=lambda finding: "known" if finding.message == "old" else "",
    )
    assert judgement.verdict is Verdict.FAILED
    assert [finding.accepted for finding in judgement.outcomes[0].findings] == ["known", ""]


def test_findings_win_over_missing_results(make_rule, make_check, make_finished) -> None:
    one, two = make_rule("LC001"), make_rule("LC201")
    bad = make_finished(make_check("bad", "LC001"), CheckResult((Finding("LC001", "x"),), {"LC001": 1}))
    dead = make_finished(make_check("dead", "LC001", "LC201"), None, reason="killed")
    judgement = judge(plan_of(one, two), [bad, dead], strict=False)
    assert judgement.verdict is Verdict.FAILED
    assert [outcome.result for outcome in judgement.outcomes] == [Result.FAILED, Result.INCONCLUSIVE]


def test_what_a_check_found_counts_also_when_it_broke_off(make_rule, make_check, make_finished) -> None:
    found, other = make_rule("LC001"), make_rule("LC002")
    check = make_check("c", "LC001", "LC002")
    event = replace(make_finished(check, None, reason="it died"), before=(Finding("LC001", "bad"),))
    judgement = judge(plan_of(found, other), [event], strict=False)
    assert judgement.verdict is Verdict.FAILED
    assert [outcome.result for outcome in judgement.outcomes] == [Result.FAILED, Result.INCONCLUSIVE]
    assert judgement.outcomes[1].reason == "it died"


def test_a_rule_that_nothing_judges_is_skipped(make_rule) -> None:
    judgement = judge(plan_of(make_rule("LC001"), unjudged={"LC001": "no check"}), [], strict=False)
    assert judgement.outcomes[0].result is Result.SKIPPED
    assert judgement.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("strict", [False, True])
def test_a_choice_of_rules_changes_nothing_of_how_they_are_judged(
    make_rule, make_check, make_finished, strict, partial
) -> None:
    rule = make_rule("LC001", severity=Severity.WARNING)
    event = make_finished(make_check("c", "LC001"), CheckResult((Finding("LC001", "hm"),), {"LC001": 1}))
    whole = plan_of(rule)
    assert judge(replace(whole, partial=partial), [event], strict=strict) == judge(
        whole, [event], strict=strict
    )


def test_a_plan_without_rules_proves_nothing() -> None:
    assert judge(plan_of(), [], strict=False).verdict is Verdict.INCONCLUSIVE


def test_a_run_that_broke_off_never_passes(make_rule, make_check, make_finished) -> None:
    rule, check = make_rule("LC001"), make_check("c", "LC001")
    event = make_finished(check, CheckResult((), {"LC001": 1}))
    judgement = judge(plan_of(rule), [event], strict=False, broken_off="the app changed")
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.notes == ("the app changed",)


def test_measurements_of_two_checks_do_not_overwrite_each_other(make_rule, make_check, make_finished) -> None:
    rule = make_rule("LC901")
    events = [
        make_finished(make_check(name, "LC901"), CheckResult((), {"LC901": 1}, bench={"ratio": number}))
        for name, number in (("a", 1), ("b", 2))
    ]
    assert judge(plan_of(rule), events, strict=False).bench == {"ratio": 1, "b.ratio": 2}


def test_the_exit_codes_are_frozen() -> None:
    assert {code.name: code.value for code in Exit} == {
        "PASSED": 0,
        "FINDINGS": 1,
        "USAGE": 2,
        "INCONCLUSIVE": 3,
        "TARGET": 4,
        "TRUST": 5,
        "INTERNAL": 70,
        "INTERRUPTED": 130,
    }
    assert [exit_code(verdict, interrupted=False) for verdict in Verdict] == [0, 1, 3]
    assert {exit_code(verdict, interrupted=True) for verdict in Verdict} == {130}

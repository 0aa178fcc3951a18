"""What a check counts: a rule's findings are its own, however many another rule has."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

from locara_verify.checks.escape.live import Trial as LiveTrial
from locara_verify.checks.escape.live import result as live_result
from locara_verify.checks.log.trial import Trial as LogTrial
from locara_verify.checks.models.probe import MOST_FINDINGS, Tally
from locara_verify.finding import MOST_OF_A_RULE, Finding, Severity, first_of_each
from locara_verify.tally import Tally as EffectTally


def test_findings_of_one_rule_do_not_crowd_out_another() -> None:
    tally = Tally()
    for number in range(3 * MOST_FINDINGS):
        assert tally.expect("LC501", False, "first", str(number)) is False
    tally.expect("LC502", False, "second")
    tally.expect("LC503", True, "never")
    tally.undecided("LC502", "it has a finding, so it is decided")
    tally.undecided("LC504", "nothing was seen")
    result = tally.result()
    found = [finding.rule_id for finding in result.findings]
    assert found == ["LC501"] * MOST_FINDINGS + ["LC502"]
    assert result.attempts == {"LC501": 3 * MOST_FINDINGS, "LC502": 1, "LC503": 1}
    assert result.inconclusive == {"LC504": "nothing was seen"}


def _crowd_in(judge: Callable[[str], None], findings: Callable[[], Sequence[Finding]]) -> list[str]:
    """What is kept of many findings of one rule and then a single one of another."""
    for _ in range(3 * MOST_OF_A_RULE):
        judge("LC407")
    judge("LC411")
    return [found.rule_id for found in findings()]


def test_no_check_lets_one_rule_crowd_out_another() -> None:
    kept = ["LC407"] * MOST_OF_A_RULE + ["LC411"]
    log, effects, many = LogTrial(), EffectTally(), list[Finding]()
    assert _crowd_in(lambda rule: log.fail(rule, "m", "b"), lambda: log.result().findings) == kept
    assert _crowd_in(lambda rule: effects.judge(rule, False, "m", "b"), lambda: effects.findings) == kept
    assert _crowd_in(lambda rule: many.append(Finding(rule, "m")), lambda: first_of_each(many)) == kept


def test_a_use_that_must_work_and_does_not_leaves_its_rule_undecided() -> None:
    effects = EffectTally()
    live = LiveTrial(SimpleNamespace(link=SimpleNamespace(attacks=0)), ("LC407", "LC408", "LC411"))  # type: ignore[arg-type]
    for rule in ("LC407", "LC408", "LC411"):
        effects.judge(rule, rule != "LC411", "m", "b")
        live.tried(rule)
        for tally in (effects, live):
            tally.twin(rule, True, "an ordinary use")
            tally.twin(rule, rule == "LC408", "another ordinary use")
    live.findings.append(Finding("LC411", "m"))
    for result in (effects.result(), live_result(live)):
        assert result.inconclusive == {"LC407": "the allow twin failed: another ordinary use"}
        assert [found.rule_id for found in result.findings] == ["LC411"]
        assert dict(result.attempts) == {"LC407": 1, "LC408": 1, "LC411": 1}


def test_a_true_thing_leaves_no_finding() -> None:
    log = LogTrial()
    log.holds("LC407", "m", "b", fault=False)
    assert log.result().findings == ()
    assert log.result().attempts == {"LC407": 1}


def test_findings_of_little_weight_crowd_out_none_that_weighs_more() -> None:
    weights = (Severity.NOTE, Severity.WARNING, None)
    many = [Finding("LC407", str(number), severity=weight) for weight in weights for number in range(20)]
    kept = first_of_each(many)
    assert [found.severity for found in kept] == [weight for weight in weights for _ in range(MOST_OF_A_RULE)]

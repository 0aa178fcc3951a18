"""What a check counts: a rule's findings are its own, however many another rule has."""

from locara_verify.checks.models.probe import MOST_FINDINGS, Tally


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

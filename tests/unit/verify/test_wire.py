from __future__ import annotations

import json

import pytest

from locara_verify.check import CheckResult
from locara_verify.finding import Finding, Severity
from locara_verify.wire import WireError, result_from_json, result_to_json

RESULT = CheckResult(
    findings=(
        Finding("LC201", "bad", because="seen", file="a", line=3, evidence={"x": [1, None]}),
        Finding("LC202", "worse", replay={"check": "c", "case": {}}, severity=Severity.WARNING),
    ),
    attempts={"LC201": 4, "LC202": 1},
    decisions=1,
    attacks=2,
    probes=3,
    inconclusive={"LC203": "a control failed"},
    bench={"ratio": 0.98},
    notes=("hello",),
)
RULES = ("LC201", "LC202", "LC203")


def document() -> dict:
    return json.loads(json.dumps(result_to_json(RESULT)))


def test_a_result_survives_the_wire() -> None:
    assert result_from_json(document(), RULES) == RESULT


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("findings",), {}),
        (("findings", 0), "x"),
        (("findings", 0, "message"), None),
        (("findings", 0, "line"), "3"),
        (("findings", 0, "line"), True),
        (("findings", 0, "severity"), "fatal"),
        (("findings", 0, "evidence"), []),
        (("attempts",), None),
        (("attempts", "LC201"), -1),
        (("attempts", "LC201"), 1.5),
        (("decisions",), "many"),
        (("inconclusive", "LC203"), 3),
        (("bench",), [1]),
        (("notes",), "hello"),
        (("notes", 0), 1),
    ],
)
def test_a_result_of_another_shape_is_refused(path, value) -> None:
    changed = document()
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(WireError):
        result_from_json(changed, RULES)


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_what_is_no_object_is_refused(value) -> None:
    with pytest.raises(WireError):
        result_from_json(value, RULES)


def test_a_check_may_not_answer_for_rules_it_does_not_judge() -> None:
    with pytest.raises(WireError, match="LC203"):
        result_from_json(document(), ("LC201", "LC202"))


@pytest.mark.parametrize("count", [1, 21, 400])
def test_no_finding_is_lost_however_many_there_are(count: int) -> None:
    many = CheckResult(tuple(Finding("LC201", f"bad {number}") for number in range(count)), {"LC201": count})
    assert result_from_json(json.loads(json.dumps(result_to_json(many))), RULES) == many


@pytest.mark.parametrize("part", ["findings", "attempts", "inconclusive"])
def test_each_part_of_an_answer_is_held_to_the_rules_of_the_check(part: str) -> None:
    other = {
        "findings": [document()["findings"][0]],
        "attempts": {"LC201": 1},
        "inconclusive": {"LC201": "no"},
    }
    empty = {"findings": [], "attempts": {}, "inconclusive": {}}
    changed = {**document(), **empty, part: other[part]}
    assert result_from_json(changed, ("LC201",))
    with pytest.raises(WireError, match="LC201"):
        result_from_json(changed, ("LC202",))

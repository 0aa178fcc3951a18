from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from locara.errors import UsageError
from locara_verify import session
from locara_verify.budget import PROFILES
from locara_verify.plan import LONGER, Selection, plan
from locara_verify.session import Settings
from locara_verify.target import Target, load


@pytest.fixture
def target() -> Target:
    manifest = SimpleNamespace(app_id="a/b")
    return Target(Path("/app"), b"{}", manifest, None, (), (), "sha256:00")  # type: ignore[arg-type]


@pytest.fixture
def rules(make_rule):
    return {r.id: r for r in (make_rule("LC001"), make_rule("LC201"), make_rule("LC901", strict_only=True))}


def test_every_rule_with_a_check_is_planned(rules, make_check, target) -> None:
    checks = {"one": make_check("one", "LC001", "LC201"), "two": make_check("two", "LC901")}
    made = plan(rules, checks, {}, target, Selection(), strict=True)
    assert set(made.rules) == {"LC001", "LC201", "LC901"}
    assert [(task.check.name, task.rules) for task in made.tasks] == [
        ("one", ("LC001", "LC201")),
        ("two", ("LC901",)),
    ]
    assert not made.unjudged
    assert not made.not_planned
    assert not made.partial


def test_every_check_of_a_rule_is_run(rules, make_check, target) -> None:
    checks = {name: make_check(name, "LC001", "LC201") for name in ("one", "two", "three")}
    made = plan(rules, checks, {}, target, Selection(only=("LC001",)), strict=True)
    assert {task.check.name: task.rules for task in made.tasks} == dict.fromkeys(checks, ("LC001",))


def test_what_is_looked_at_in_part_is_told_with_the_reason(rules, make_check, target) -> None:
    checks = {
        "one": make_check("one", "LC001", "LC201"),
        "screen": make_check("screen", "LC201", "LC901", applies=lambda _target: "no screen"),
        "more": make_check("more", "LC001", applies=lambda _target: "no screen"),
    }
    made = plan(rules, checks, {}, target, Selection(), strict=True)
    assert made.in_part == {"no screen": ("LC001", "LC201")}
    assert made.not_planned == {"LC901": "no screen"}
    alone = plan(rules, {"one": checks["one"]}, {}, target, Selection(only=("LC201",)), strict=True)
    assert not alone.in_part


def test_a_choice_is_planned_and_the_rest_has_a_reason(rules, make_check, target) -> None:
    checks = {"one": make_check("one", "LC001", "LC201")}
    made = plan(rules, checks, {}, target, Selection(only=("LC0", "LC2"), skip=("LC001",)), strict=False)
    assert made.tasks[0].rules == ("LC201",)
    assert made.not_planned == {"LC001": "left out by --skip", "LC901": "not named by --only"}
    assert made.partial


def test_an_expression_chooses(rules, make_check, target) -> None:
    checks = {"one": make_check("one", "LC001", "LC201")}
    made = plan(rules, checks, {}, target, Selection(expression="lc201"), strict=True)
    assert set(made.rules) == {"LC201"}
    assert made.not_planned["LC001"] == "does not match -k"


def test_rules_of_strict_runs_stay_out_of_others(rules, make_check, target) -> None:
    checks = {"two": make_check("two", "LC901"), "one": make_check("one", "LC001", "LC201")}
    made = plan(rules, checks, {}, target, Selection(), strict=False)
    assert made.not_planned == {"LC901": "only in strict runs"}


def test_a_quick_plan_has_the_quick_checks_and_names_the_rules_of_others(rules, make_check, target) -> None:
    checks = {
        "one": make_check("one", "LC001", "LC901", quick=True),
        "two": make_check("two", "LC001", "LC201"),
        "three": make_check("three", "LC901", quick=True, applies=lambda _target: "no database"),
    }
    made = plan(rules, checks, {}, target, Selection(), strict=True, quick=True)
    assert [(task.check.name, task.rules) for task in made.tasks] == [("one", ("LC001", "LC901"))]
    assert made.not_planned == {"LC201": LONGER}
    assert made.in_part == {"no database": ("LC901",), LONGER: ("LC001",)}
    whole = plan(rules, checks, {}, target, Selection(), strict=True)
    assert set(whole.rules) == {"LC001", "LC201", "LC901"}
    assert not whole.not_planned
    assert whole.in_part == {"no database": ("LC901",)}


def test_a_rule_without_any_judge_is_owed_in_a_quick_plan_too(rules, make_check, target) -> None:
    checks = {"one": make_check("one", "LC001", quick=True)}
    made = plan(rules, checks, {}, target, Selection(), strict=True, quick=True)
    assert set(made.unjudged) == {"LC201", "LC901"}


def test_a_check_that_does_not_apply_is_left_out_with_its_reason(rules, make_check, target) -> None:
    checks = {
        "one": make_check("one", "LC001"),
        "two": make_check("two", "LC201", applies=lambda _target: "no database"),
    }
    made = plan(rules, checks, {}, target, Selection(skip=("LC901",)), strict=True)
    assert made.not_planned["LC201"] == "no database"
    assert "LC201" not in made.rules


def test_a_check_of_the_linux_kernel_has_no_place_elsewhere(rules, make_check, target, monkeypatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    checks = {
        "one": make_check("one", "LC001"),
        "two": make_check("two", "LC201", needs=frozenset({"kernel"})),
    }
    made = plan(rules, checks, {}, target, Selection(skip=("LC901",)), strict=True)
    assert made.not_planned["LC201"] == "judges the Linux sandbox, and this is darwin"
    monkeypatch.setattr("sys.platform", "linux")
    made = plan(rules, checks, {}, target, Selection(skip=("LC901",)), strict=True)
    assert set(made.rules) == {"LC001", "LC201"}


@pytest.mark.parametrize("strict", [False, True])
def test_each_rule_is_planned_unjudged_left_out_or_named(make_rule, make_check, target, strict) -> None:
    rules = {
        r.id: r for r in (make_rule("LC001"), make_rule("LC201"), make_rule("LC310"), make_rule("LC901"))
    }
    checks = {
        "one": make_check("one", "LC001"),
        "two": make_check("two", "LC201", applies=lambda _target: "no"),
    }
    for choice in (
        Selection(),
        Selection(skip=("LC9",)),
        Selection(only=("LC0", "LC3")),
        Selection(expression="lc"),
    ):
        for broken in ({}, {"a.module": "SyntaxError: x"}):
            made = plan(rules, checks, broken, target, choice, strict=strict)
            assert {*made.rules, *made.not_planned} == set(rules)
            assert not set(made.rules) & set(made.not_planned)
            judged = {rule for task in made.tasks for rule in task.rules}
            assert judged | set(made.unjudged) == set(made.rules)
            assert all(made.not_planned.values())
            assert all(made.unjudged.values())
            assert made.partial == (choice != Selection())


def test_no_rule_of_the_sandbox_is_left_out_of_a_strict_run(make_app, monkeypatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    subject = load(make_app())
    made = session.planned(Settings(subject.path, PROFILES["strict"], 1, strict=True), subject)
    assert not [rule for rule, reason in made.not_planned.items() if "sandbox, and this is" in reason]
    assert sum("kernel" in task.check.needs for task in made.tasks) > 1
    assert not made.unjudged
    assert not made.partial
    assert LONGER not in {*made.not_planned.values(), *made.in_part}


def test_a_rule_without_check_is_owed_and_counts_as_skipped(rules, make_check, target) -> None:
    checks = {"one": make_check("one", "LC001")}
    made = plan(rules, checks, {"a.module": "SyntaxError: x"}, target, Selection(skip=("LC9",)), strict=True)
    assert "LC201" in made.rules
    assert "a.module (SyntaxError: x)" in made.unjudged["LC201"]


def test_checks_of_a_broken_manifest_stay_planned(rules, make_check) -> None:
    broken = Target(Path("/app"), b"{", None, None, (), (), "sha256:00")
    checks = {"one": make_check("one", "LC001", "LC201", applies=lambda t: t.grants and None)}
    made = plan(rules, checks, {}, broken, Selection(skip=("LC9",)), strict=True)
    assert set(made.rules) == {"LC001", "LC201"}


def test_exclusive_checks_come_last_and_cheap_ones_first(make_rule, make_check, target) -> None:
    checks = {
        "bench": make_check("bench", "LC901", exclusive=True),
        "a-live": make_check("a-live", "LC201", needs=frozenset({"live"})),
        "z-bytes": make_check("z-bytes", "LC001"),
    }
    rules = {rule_id: make_rule(rule_id) for rule_id in ("LC001", "LC201", "LC901")}
    made = plan(rules, checks, {}, target, Selection(), strict=True)
    assert [task.check.name for task in made.tasks] == ["z-bytes", "a-live", "bench"]


@pytest.mark.parametrize(
    "choice",
    [
        Selection(only=("LC001",), skip=("LC001",)),
        Selection(expression="nothing"),
        Selection(only=("LC777",)),
    ],
)
def test_a_choice_that_leaves_nothing_is_refused(rules, make_check, target, choice) -> None:
    with pytest.raises(UsageError):
        plan(rules, {"one": make_check("one", "LC001")}, {}, target, choice, strict=True)


def test_a_quick_run_measures_only_what_is_chosen(make_app) -> None:
    subject = load(make_app())

    def planned(profile: str, **choice: object) -> set[str]:
        settings = Settings(subject.path, PROFILES[profile], 1, Selection(**choice))  # type: ignore[arg-type]
        return {rule for rule in session.planned(settings, subject).rules if rule.startswith("LC9")}

    assert planned("quick") == set()
    assert "LC906" in planned("ci")
    assert "LC906" in planned("quick", only=("performance",))
    assert "LC906" in planned("quick", expression="decision-latency")


def test_what_did_not_load_is_part_of_the_plan(rules, make_check, target) -> None:
    checks = {"one": make_check("one", "LC001", "LC201")}
    made = plan(
        rules, checks, {"b": "SyntaxError: x", "a": "ImportError: y"}, target, Selection(), strict=False
    )
    assert made.unloaded == "these checks did not load: a (ImportError: y), b (SyntaxError: x)"
    assert not plan(rules, checks, {}, target, Selection(), strict=False).unloaded

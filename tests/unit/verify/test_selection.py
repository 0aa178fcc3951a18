from __future__ import annotations

import pytest

from locara.errors import UsageError
from locara_verify.catalogue import catalogue
from locara_verify.rule import Rule
from locara_verify.selection import expression, named


@pytest.fixture
def rules(make_rule) -> dict[str, Rule]:
    return {
        r.id: r
        for r in (
            make_rule("LC001", "manifest-json"),
            make_rule("LC201", "path-traversal"),
            make_rule("LC221", "sql-files"),
            make_rule("LC301", "no-network"),
        )
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["LC201"], {"LC201"}),
        (["lc201"], {"LC201"}),
        (["path-traversal"], {"LC201"}),
        (["LC2"], {"LC201", "LC221"}),
        (["LC22"], {"LC221"}),
        (["files"], {"LC201", "LC221"}),
        (["LC001,no-network"], {"LC001", "LC301"}),
        (["LC001", "network"], {"LC001", "LC301"}),
        ([], set()),
    ],
)
def test_a_word_names_rules_by_id_slug_area_or_prefix(rules, words, expected) -> None:
    assert named(rules, words) == expected


def test_a_prefix_names_each_rule_that_begins_so() -> None:
    known = catalogue()
    for prefix in {rule[:length] for rule in known for length in (3, 4)}:
        assert named(known, [prefix]) == {rule for rule in known if rule.startswith(prefix)}
    for area in {rule.area for rule in known.values()}:
        assert named(known, [area]) == {rule.id for rule in known.values() if rule.area == area}


@pytest.mark.parametrize("word", ["LC999", "path-traversel", "", "LC", "title"])
def test_a_word_that_names_nothing_is_refused(rules, word) -> None:
    with pytest.raises(UsageError):
        named(rules, [word])


def test_the_nearest_name_is_offered(rules) -> None:
    with pytest.raises(UsageError) as refused:
        named(rules, ["path-traversel"])
    assert refused.value.fix == "did you mean path-traversal?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sql", {"LC221"}),
        ("files", {"LC201", "LC221"}),
        ("files and not sql", {"LC201"}),
        ("json or network", {"LC001", "LC301"}),
        ("not (json or network)", {"LC201", "LC221"}),
        ("not not SQL", {"LC221"}),
        ("path and json", set()),
    ],
)
def test_an_expression_chooses_rules(rules, text, expected) -> None:
    matches = expression(text)
    assert {rule.id for rule in rules.values() if matches(rule)} == expected


@pytest.mark.parametrize("text", ["", "  ", "and", "a and", "or b", "(a", "a)", "not", "a b", "a " * 300])
def test_a_malformed_expression_is_refused(text) -> None:
    with pytest.raises(UsageError):
        expression(text)

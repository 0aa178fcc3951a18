from __future__ import annotations

import pkgutil
import tomllib
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest

import locara_verify.checks
from locara_verify import checks
from locara_verify.catalogue import CatalogueError, catalogue, naming, read
from locara_verify.check import registered
from locara_verify.explain import explain, listing
from locara_verify.rule import Rule

GOOD = """
[[rule]]
id = "LC001"
slug = "one"
title = "One"
severity = "error"
why = "why"
fix = "fix"
since = "0.1"
"""


def tables(tmp_path: Path, *texts: str) -> list[Path]:
    paths = [tmp_path / f"{number}.toml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def test_the_catalogue_loads_and_every_rule_has_its_text() -> None:
    rules = catalogue()
    assert list(rules) == sorted(rules)
    for rule in rules.values():
        assert len(rule.title) <= 110, rule.id
        assert len(rule.why) > 60, rule.id
        assert len(rule.fix) > 30, rule.id
        assert not rule.title.endswith("."), rule.id


def test_every_check_module_loads_and_is_listed() -> None:
    loaded = checks.load()
    assert loaded.broken == {}
    found = {
        info.name
        for info in pkgutil.walk_packages(locara_verify.checks.__path__, "locara_verify.checks.")
        if not info.ispkg
    }
    for name in sorted(found - set(checks.MODULES)):
        __import__(name)
    unlisted = {check.module for check in registered().values()} & (found - set(checks.MODULES))
    assert unlisted == set(), "modules with checks that checks/__init__.py does not list"


def test_every_rule_has_a_check_and_every_check_its_rules() -> None:
    judged = {rule for check in checks.load().checks.values() for rule in check.rules}
    assert judged == set(catalogue())


def test_one_explanation_reads_only_the_tables_that_name_the_rule() -> None:
    everything = catalogue()
    for rule in everything.values():
        found = naming(rule.id)
        assert found[rule.id] == rule
        assert len(found) < len(everything)
    assert not naming("LC000")


def test_every_rule_can_be_explained_by_id_and_by_slug() -> None:
    for rule in catalogue().values():
        assert explain(rule.id) == explain(rule.slug) == explain(rule.id.lower())
        assert rule.id in listing()
    assert max(map(len, listing().splitlines())) < 180


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('id = "LC001"', 'id = "LC1"'), "LC and three digits"),
        (('id = "LC001"', 'id = "XX001"'), "LC and three digits"),
        (('slug = "one"', 'slug = "One Two"'), "lower-case"),
        (('severity = "error"', 'severity = "fatal"'), "fatal"),
        (('why = "why"', 'why = "  "'), "why must be a text"),
        (('fix = "fix"', ""), "fix must be a text"),
        (('fix = "fix"', 'fix = "fix"\nmore = 1'), "unknown keys"),
        (('fix = "fix"', 'fix = "fix"\nrefs = "x"'), "refs"),
        (('fix = "fix"', 'fix = "fix"\nstrict_only = 1'), "strict_only"),
        (("[[rule]]", "[rule]"), "expected"),
        (('id = "LC001"', "id = "), "0.toml"),
    ],
)
def test_a_malformed_table_is_refused(tmp_path, change, message) -> None:
    assert list(read(tables(tmp_path, GOOD))) == ["LC001"]
    with pytest.raises(CatalogueError, match=message):
        read(tables(tmp_path, GOOD.replace(*change)))


def test_ids_and_slugs_are_used_once(tmp_path) -> None:
    with pytest.raises(CatalogueError, match="LC001 is defined twice"):
        read(tables(tmp_path, GOOD, GOOD.replace("one", "two")))
    with pytest.raises(CatalogueError, match="share the slug"):
        read(tables(tmp_path, GOOD, GOOD.replace("LC001", "LC002")))


def test_each_rule_is_what_its_table_says() -> None:
    folder = Path(str(files("locara_verify.catalogue")))
    written = [
        entry for table in folder.glob("*.toml") for entry in tomllib.loads(table.read_text("utf-8"))["rule"]
    ]
    assert {entry["id"] for entry in written} == set(catalogue())
    for entry in written:
        found = catalogue()[entry["id"]]
        for part in fields(Rule):
            if part.name in entry:
                wanted = entry[part.name]
                told = getattr(found, part.name)
                assert told == (wanted.strip() if isinstance(wanted, str) else type(told)(wanted)), (
                    found.id,
                    part.name,
                )
            else:
                assert getattr(found, part.name) == part.default, (found.id, part.name)

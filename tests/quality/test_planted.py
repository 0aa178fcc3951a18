"""The planted faults themselves, and a quick part of the kill matrix. The whole of it: `python -m
tests.quality.kill_matrix`."""

from __future__ import annotations

import builtins
import symtable
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from locara_verify.catalogue import catalogue

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.quality import planted, verifier_faults

FAULTS = (*planted.mutants(), *planted.hostile(), *planted.harmless())


def test_there_are_enough_of_each() -> None:
    assert len(planted.mutants()) >= 80
    assert len(planted.hostile()) >= 15
    assert len(planted.harmless()) >= 20
    assert len({fault.id for fault in FAULTS}) == len(FAULTS)


def test_two_rules_must_find_faults_of_every_area_that_is_not_measured() -> None:
    areas = {rule[:3] for rule in catalogue()} - {"LC9"}
    twice = [fault for fault in FAULTS if fault.second]
    assert len(twice) >= 80
    assert {fault.rule[:3] for fault in twice} == areas
    assert all(fault.rule not in fault.second for fault in twice)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_can_be_planted_and_names_real_rules(fault: planted.Planted) -> None:
    known = catalogue()
    named = (fault.rule, *fault.second) if fault.rule else ()
    assert all(rule in known for rule in named)
    assert all(any(known_id.startswith(rule) for known_id in known) for rule in fault.rules)
    base = planted.APP if fault.of_app else planted.REPOSITORY
    for edit in fault.edits:
        if edit.find is not None:
            assert (base / edit.file).read_text("utf-8").count(edit.find) == 1, f"{edit.file} has moved on"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_what_is_planted_names_only_what_is_there(fault: planted.Planted) -> None:
    """A fault that ends with a NameError is found for that and proves nothing."""
    base = planted.APP if fault.of_app else planted.REPOSITORY
    texts: dict[str, str] = {}
    for edit in fault.edits:
        if edit.file.endswith(".py") and edit.find is not None and edit.replace is not None:
            text = texts.get(edit.file) or (base / edit.file).read_text("utf-8")
            texts[edit.file] = text.replace(edit.find, edit.replace)
    for name, text in texts.items():
        assert not unknown_names(text), f"{name} as it is planted"


def unknown_names(text: str) -> set[str]:
    """The names that a module reads from itself and that it, and Python, do not have."""
    module = symtable.symtable(text, "planted", "exec")
    known, read, waiting = {*vars(builtins), "__file__", "__path__"}, set(), [module]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        for symbol in table.get_symbols():
            if table is not module and not symbol.is_global():
                continue
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
                known.add(symbol.get_name())
            elif symbol.is_referenced():
                read.add(symbol.get_name())
    return read - known


def test_a_name_that_is_not_there_is_known() -> None:
    assert unknown_names("import a\ndef f(x): return a, x, len, g\ndef g(): return nowhere") == {"nowhere"}


def test_a_fault_is_planted_in_a_copy_alone() -> None:
    fault = planted.mutants()[0]
    before = (planted.REPOSITORY / fault.edits[0].file).read_bytes()
    with planted.copies(fault) as (product, app):
        assert (product / fault.edits[0].file).read_bytes() != before
        assert app == planted.APP
    assert (planted.REPOSITORY / fault.edits[0].file).read_bytes() == before


def test_an_edit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one one")
    with pytest.raises(ValueError, match="2 places"):
        planted.apply(planted.Edit("a.txt", find="one"), tmp_path)
    planted.apply(planted.Edit("b/c", write="x"), tmp_path)
    planted.apply(planted.Edit("a.txt", link="b/c"), tmp_path)
    assert (tmp_path / "a.txt").read_text() == "x"
    planted.apply(planted.Edit("b", remove=True), tmp_path)
    assert not (tmp_path / "b").exists()


def test_only_a_finding_of_the_right_rule_kills() -> None:
    fault, harmless = planted.mutants()[0], planted.harmless()[0]
    found = planted.Verdict(1, {fault.rule: "failed"}, {}, "")
    assert planted.killed(fault, found) is None
    assert planted.killed(fault, planted.Verdict(1, {"LC999": "failed"}, {}, ""))
    assert planted.killed(fault, planted.Verdict(3, {fault.rule: "inconclusive"}, {}, ""))
    assert planted.killed(fault, planted.Verdict(70, {}, {}, "crash"))
    assert planted.killed(harmless, found)
    assert planted.killed(harmless, planted.Verdict(0, {"LC201": "passed"}, {}, "")) is None
    assert planted.killed(harmless, planted.Verdict(0, {}, {}, ""))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.quick], ids=lambda fault: fault.id)
def test_the_verifier_says_the_right_thing(fault: planted.Planted) -> None:
    # Warnings count in strict runs only; they cost nothing to find.
    strict = fault.rule.startswith("LC00")
    verdict = planted.verify(fault, strict=strict and fault.rule != "LC003")
    assert planted.killed(fault, verdict) is None


@pytest.mark.parametrize("fault", verifier_faults.faults(), ids=lambda fault: fault.id)
def test_a_fault_of_the_verifier_can_be_planted_and_names_real_tests(
    fault: verifier_faults.VerifierFault, tmp_path: Path
) -> None:
    assert all((planted.REPOSITORY / test).is_file() for test in fault.tests)
    for edit in fault.edits:
        place = tmp_path / edit.file
        place.parent.mkdir(parents=True, exist_ok=True)
        before = (planted.REPOSITORY / edit.file).read_text("utf-8")
        place.write_text(before, "utf-8")
        planted.apply(edit, tmp_path)
        compile(place.read_text("utf-8"), edit.file, "exec")
        assert place.read_text("utf-8") != before


def test_the_tests_of_the_verifier_notice_that_a_skipped_rule_is_counted_as_passed() -> None:
    (fault,) = (one for one in verifier_faults.faults() if one.id == "skipped-is-passed")
    assert verifier_faults.noticed(fault) == ""
    assert "exit 0" in verifier_faults.noticed(replace(fault, edits=()))

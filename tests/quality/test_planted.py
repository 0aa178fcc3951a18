"""The planted faults themselves, and a quick part of the kill matrix. The whole of it: `python -m
tests.quality.kill_matrix`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from locara_verify.catalogue import catalogue

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.quality import planted

FAULTS = (*planted.mutants(), *planted.hostile(), *planted.harmless())


def test_there_are_enough_of_each() -> None:
    assert len(planted.mutants()) >= 20
    assert len(planted.hostile()) >= 15
    assert len(planted.harmless()) >= 3
    assert len({fault.id for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_can_be_planted_and_names_real_rules(fault: planted.Planted) -> None:
    known = catalogue()
    named = (fault.rule, *fault.second) if fault.rule else ()
    assert all(rule in known for rule in named)
    assert all(any(known_id.startswith(rule) for known_id in known) for rule in fault.rules)
    with planted.copies(fault) as (product, app):
        assert (product / "locara").is_dir()
        assert (app / "locara.json").is_file()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.quick], ids=lambda fault: fault.id)
def test_the_verifier_says_the_right_thing(fault: planted.Planted) -> None:
    # Warnings count in strict runs only; they cost nothing to find.
    strict = fault.rule.startswith("LC00")
    assert planted.killed(fault, planted.verify(fault, strict=strict and fault.rule != "LC003")) is None

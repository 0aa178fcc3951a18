"""The closed list of reasons, and the exit codes they lead to."""

from __future__ import annotations

import pytest

from locara.cli.exits import exit_of
from locara.errors import LocaraError
from locara.trust.refusal import MATERIAL, Reason, TrustError


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_a_short_word_with_one_sentence(reason: Reason) -> None:
    assert reason.value == reason.name.lower()
    assert len(reason.value) < 25
    assert reason.words[0].islower() and not reason.words.endswith(".") and len(reason.words) < 100
    assert str(reason) == reason.value


@pytest.mark.parametrize("reason", Reason)
def test_the_material_ends_with_five_and_what_was_checked_with_one(reason: Reason) -> None:
    error = TrustError(reason, "it was so")
    assert isinstance(error, LocaraError)
    assert (error.reason, error.code) == (reason, reason.value)
    assert error.of_material is reason.value.startswith("material_") is (reason in MATERIAL)
    assert exit_of(error) == (5 if error.of_material else 1)


def test_the_text_names_the_reason_and_the_way_out() -> None:
    error = TrustError(Reason.LOG_INDEX, "entry 5, proof 4", fix="get it again")
    assert error.diagnostics() == "entry 5, proof 4 [log_index]\nhelp: get it again"

"""The oracle of shared folders: one word of one side closes the folder, and nothing else does."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from locara_verify.checks.consent.circles import APPS, Side, drawn, should_open

WHOLE = {app: Side(tuple(one for one in APPS if one != app), "agreed") for app in APPS}


def test_a_whole_circle_is_open_whatever_access_each_side_has() -> None:
    assert should_open(WHOLE)
    assert should_open(WHOLE | {APPS[1]: replace(WHOLE[APPS[1]], access="read")})
    assert should_open(WHOLE | {APPS[2]: replace(WHOLE[APPS[2]], state="awake again")})


@pytest.mark.parametrize("app", APPS[1:])
@pytest.mark.parametrize(
    "change",
    [
        {"others": None},
        {"others": (APPS[0],)},
        {"others": (*APPS, "far/away")},
        {"folder": "notes2"},
        *(
            {"state": state}
            for state in ("withdrawn", "never asked", "asleep", "revoked", "damaged", "given up")
        ),
    ],
)
def test_one_word_of_one_side_closes_it(app: str, change: dict[str, object]) -> None:
    assert not should_open(WHOLE | {app: replace(WHOLE[app], **change)})  # type: ignore[arg-type]


def test_both_outcomes_are_drawn_often() -> None:
    outcomes = [should_open(sides) for sides in drawn(random.Random(1))]
    assert 12 < sum(outcomes) < len(outcomes) - 12

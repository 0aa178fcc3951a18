"""Hostile pages in the real window, by the verifier's own check: nothing leaves, and the control shows that it could."""

from __future__ import annotations

import random
from pathlib import Path

from locara_verify.budget import PROFILES
from locara_verify.checks.window.live import CLOSED, run
from locara_verify.checks.window.page import AWAY, WAYS, groups
from locara_verify.context import Context
from locara_verify.target import load

from .conftest import ROOT


def test_every_way_is_tried_on_a_page_that_lives_long_enough() -> None:
    tried = [name for names in groups() for name in names]
    assert sorted(tried) == sorted(WAYS)
    assert all(len(names) == 1 for names in groups()[1:]), "a page that is left tries one way"


def test_nothing_leaves_the_window_and_the_control_shows_that_it_could(tmp_path: Path) -> None:
    ctx = Context(
        target=load(ROOT / "apps" / "docvault"),
        profile=PROFILES["strict"],
        seed=random.SystemRandom().getrandbits(32),
        workdir=tmp_path,
        fixtures=ROOT / "fixtures",
    )
    result = run(ctx)
    assert result.inconclusive == {}
    assert result.findings == ()
    assert result.attempts == {"LC433": 2 * len(WAYS) + len(AWAY) + len(CLOSED)}

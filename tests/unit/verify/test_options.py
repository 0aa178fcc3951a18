"""Which settings a command line makes: what may come from a cache, and what a strict run does not listen to."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from locara_verify import options
from locara_verify.budget import PROFILES
from locara_verify.options import Run
from locara_verify.supply import Expected, Supply
from locara_verify.verdict import nothing


def built(app: Path, *words: str, supply: Supply | None = None) -> Run:
    parser = argparse.ArgumentParser()
    options.declare(parser)
    args = parser.parse_args([str(app), *words])
    options.check(args)
    return options.build(args, supply)


@pytest.mark.parametrize(
    ("words", "cached"),
    [
        ((), True),
        (("--profile", "ci"), True),
        (("--only", "LC001"), True),
        (("--seed", "7"), True),
        (("--no-cache",), False),
        (("--strict",), False),
        (("--strict", "--profile", "soak"), False),
        (("--profile", "soak"), False),
        (("--evidence", "out"), False),
    ],
)
def test_what_is_to_be_shown_to_others_comes_from_no_cache(make_app, words, cached) -> None:
    found = built(make_app(), *words).settings.cache
    assert (found is not None) is cached
    assert found is None or found.seeded is ("--seed" in words)


def test_of_a_bundle_nothing_comes_from_a_cache(make_app, tmp_path) -> None:
    now = options.datetime.datetime.now(options.datetime.UTC)
    supply = Supply(tmp_path, "sha256:00", "", "", (), (), Expected(), now)
    run = built(make_app(), supply=supply)
    assert (run.settings.cache, run.settings.supply) == (None, supply)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_budget_is_that_of_the_profile(make_app, profile) -> None:
    assert built(make_app(), "--profile", profile).settings.budget == PROFILES[profile]
    assert built(make_app("b"), "--strict").settings.budget == PROFILES["strict"]
    assert built(make_app("c")).settings.budget == PROFILES["quick"]


def test_a_strict_run_accepts_nothing_and_says_so(make_app, tmp_path) -> None:
    for name in ("baseline", "waivers"):
        run = built(make_app(name), "--strict", f"--{name}", str(tmp_path / "absent"))
        assert run.settings.accept is nothing
        assert run.notes == (f"--{name} has no say in a strict run",)


def test_what_is_chosen_reaches_the_run(make_app) -> None:
    run = built(
        make_app(), "--only", "LC0", "--skip", "LC001", "-k", "text", "-x", "--seed", "0x2a", "--jobs", "3"
    )
    choice = run.settings.choice
    assert (choice.only, choice.skip, choice.expression) == (("LC0",), ("LC001",), "text")
    assert (run.settings.stop_at_first, run.settings.seed, run.settings.jobs) == (True, 42, 3)

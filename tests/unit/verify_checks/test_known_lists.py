"""What the check of known lists says when the product is as it must be, and when one part of it is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from locara.runtime import followed, revocation
from locara_verify.checks.updates import known

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def ctx(tmp_path: Path) -> Any:
    made = iter(range(1_000))

    def fresh_dir(name: str) -> Path:
        folder = tmp_path / f"{name}-{next(made)}"
        folder.mkdir()
        return folder

    manifest = (REPOSITORY / "apps/docvault/locara.json").read_bytes()
    return SimpleNamespace(
        fresh_dir=fresh_dir, fixtures=REPOSITORY / "fixtures", target=SimpleNamespace(manifest_bytes=manifest)
    )


def wrong(cases: Any) -> list[str]:
    return [what for said, wanted, what in cases if said != wanted]


def test_the_product_as_it_is(ctx: Any) -> None:
    for family in known.families():
        assert wrong(family(ctx)) == [], family.__name__


def test_a_policy_that_anybody_may_write_is_noticed(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "read_limits", lambda place: revocation.Limits(lifted_here=frozenset({"R-1"})))
    assert "a policy that all may write" in wrong(known._policies(ctx))


def test_a_clock_that_is_set_back_is_noticed(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "latest_time", lambda _state, now: now)
    assert any("set back" in what for what in wrong(known._material(ctx)))

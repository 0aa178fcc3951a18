"""The plugin of pytest hands on what was asked for, and takes nothing for a pass that is none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from locara_verify import pytest_plugin as plugin
from locara_verify.finding import Finding
from locara_verify.testing.rules import RuleRun
from locara_verify.verdict import Result, RuleOutcome


@pytest.mark.parametrize("result", Result)
def test_an_item_passes_by_what_held_alone(make_rule, result) -> None:
    found = (Finding("LC001", "bad"),) if result is Result.FAILED else ()
    outcome = RuleOutcome(make_rule("LC001"), result, 3, 5, found, "" if found else "the control failed")
    run = SimpleNamespace(
        is_exclusive=lambda _rule: False,
        judge=lambda _rule: outcome,
        subject=SimpleNamespace(digest="sha256:00"),
    )
    item = object.__new__(plugin.RuleItem)
    item.rule, item.user_properties = "LC001", []
    item.config = SimpleNamespace(stash={plugin._RUN: run})  # type: ignore[assignment]
    if result in (Result.PASSED, Result.WARNED):
        item.runtest()
    else:
        with pytest.raises(plugin.RuleFailure, match="bad" if found else "the control failed"):
            item.runtest()
    assert ("locara_attempts", 3) in item.user_properties


@pytest.mark.parametrize("profile", plugin.PROFILES)
@pytest.mark.parametrize("seed", ["7", "0x2a"])
@pytest.mark.parametrize("only", [[], ["LC001", "network"]])
def test_what_was_asked_for_is_planned(monkeypatch, tmp_path, profile, seed, only) -> None:
    asked: list[dict[str, object]] = []

    def make(app: Path, **more: object) -> object:
        asked.append({"app": app, **more})
        return SimpleNamespace(rules=lambda: iter(()))

    monkeypatch.setattr(RuleRun, "make", make)
    (tmp_path / "locara.json").write_text("{}")
    chosen = {"locara": profile, "locara_only": only, "locara_app": str(tmp_path)}
    config = SimpleNamespace(
        getoption=chosen.get,
        option=SimpleNamespace(locara_seed=seed),
        stash={plugin._SHARED: tmp_path},
        invocation_params=SimpleNamespace(dir=tmp_path),
    )
    plugin.pytest_collection_modifyitems(None, config, [])  # type: ignore[arg-type]
    assert asked == [
        {"app": tmp_path, "profile": profile, "seed": int(seed, 0), "only": tuple(only), "shared": tmp_path}
    ]

"""The verifier's kernel checks: an honest plan passes, a plan with a hole is found by the expected rule."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from locara.sandbox.launcher import ALL_LAYERS
from locara_verify.budget import PROFILES
from locara_verify.check import CheckResult, registered
from locara_verify.checks.sandbox import entitlements, hygiene, layers, probes
from locara_verify.checks.sandbox.control import Control, controls
from locara_verify.checks.sandbox.inside.registry import probes as all_probes
from locara_verify.checks.sandbox.outside import Outside, outside
from locara_verify.checks.sandbox.plans import Run, app_plan, run_probes
from locara_verify.checks.sandbox.variants import VARIANTS
from locara_verify.context import Context
from locara_verify.target import load

MANIFEST: Mapping[str, Any] = {
    "schema": "locara/v1",
    "name": "probe",
    "publisher": "test",
    "version": "1.0.0",
    "displayName": "Probe",
    "description": "An app for tests.",
    "license": "MIT",
    "author": {"name": "T", "email": "t@example.com"},
    "icon": "icon.png",
    "screenshots": ["s.png"],
    "category": "developer",
    "modalities": [],
    "capabilities": {"net": False, "fs.user-selected": "read"},
}


def context(folder: Path, **files: bytes) -> Context:
    app = folder / "app"
    (app / "dist").mkdir(parents=True)
    (app / "dist" / "index.html").write_text("<!doctype html>", "utf-8")
    (app / "locara.json").write_text(json.dumps(MANIFEST), "utf-8")
    for name, data in files.items():
        (app / name.replace("__", ".")).write_bytes(data)
    work = folder / "work"
    work.mkdir()
    return Context(load(app), PROFILES["strict"], 1, work, folder, cache_root=folder / "cache")


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return context(tmp_path_factory.mktemp("verify"))


@pytest.fixture(scope="module")
def there(ctx: Context) -> Iterator[Outside]:
    with outside(app_plan(ctx).identity) as victims:
        yield victims


def clean(result: CheckResult, rule: str) -> None:
    assert [finding.message for finding in result.findings] == []
    assert dict(result.inconclusive) == {}
    assert result.attempts[rule] > 0


def test_the_checks_are_registered_under_their_rules() -> None:
    expected = {
        "sandbox.entitlements": ("LC105",),
        "sandbox.hygiene": ("LC104",),
        "sandbox.layers": ("LC101",),
        "sandbox.layers-dropped": ("LC103",),
        "sandbox.probes": ("LC102",),
    }
    assert {name: registered()[name].rules for name in expected} == expected


def test_there_are_enough_probes_and_each_layer_is_dropped_somewhere() -> None:
    known = all_probes()
    assert sum(not probe.allow for probe in known.values()) >= 60
    assert sum(probe.allow for probe in known.values()) >= 5
    assert {name for variant in VARIANTS for name in variant.flips} <= set(known)
    assert ALL_LAYERS - {layer for variant in VARIANTS for layer in variant.layers} == {"user", "binds"}


def test_an_honest_app_passes_every_check(ctx: Context) -> None:
    clean(layers.run(ctx), "LC101")
    clean(hygiene.run(ctx), "LC104")
    clean(entitlements.run(ctx), "LC105")
    result = probes.run_all(ctx)
    clean(result, "LC102")
    assert result.attempts["LC102"] >= 60
    assert result.probes >= 100


def test_a_dropped_layer_is_noticed_for_every_layer(ctx: Context) -> None:
    result = probes.run_variants(ctx)
    clean(result, "LC103")
    assert result.attempts["LC103"] >= 40


@pytest.mark.parametrize(
    ("name", "probe"),
    [
        ("a folder too many is mounted and opened", "read_outside_secret"),
        ("no seccomp filter", "make_unix_socket"),
        ("inherited environment", "env_secret"),
        ("inherited descriptor", "inherited_fd"),
        ("shared processes, no Landlock domain", "kill_victim"),
        ("programs may be started", "memfd_exec"),
    ],
)
def test_a_hole_is_an_escape_with_its_replay(ctx: Context, there: Outside, name: str, probe: str) -> None:
    variant = next(variant for variant in VARIANTS if variant.name == name)
    plan = app_plan(ctx)
    found = controls(plan, there, [probe])
    result = probes.judge(run_probes(variant.silent(plan, there), there, [probe]), found)
    assert [finding.rule_id for finding in result.findings] == ["LC102"]
    assert probe in result.findings[0].message
    assert result.findings[0].replay == {"check": "sandbox.probes", "case": {"probe": probe}}
    assert probes.judge(run_probes(plan, there, [probe]), found).findings == ()


def test_effects_are_found_even_when_the_probes_say_they_were_denied(ctx: Context, there: Outside) -> None:
    opened = next(
        variant for variant in VARIANTS if variant.name == "a folder too many is mounted and opened"
    )
    run = run_probes(opened.silent(app_plan(ctx), there), there, ["write_outside", "unlink_outside"])
    liar = replace(run, outcomes=dict.fromkeys(run.outcomes, "ENOENT"), hits={"udp": 2})
    control = Control({"write_outside": "open", "unlink_outside": "open"}, {}, (), "user")
    messages = " ".join(finding.message for finding in probes.judge(liar, [control]).findings)
    assert "a file was written" in messages
    assert "removable is gone" in messages
    assert "2 hits on the udp canary" in messages


def quiet_run(**outcomes: str) -> Run:
    return Run(outcomes, {}, {}, (), {})


def control_of(**outcomes: str) -> list[Control]:
    return [Control(outcomes, {}, (), "user")]


def test_a_denial_without_a_working_control_is_not_counted_as_one() -> None:
    result = probes.judge(quiet_run(open_disk="ENOENT"), control_of(open_disk="EACCES"))
    assert result.attempts == {"LC102": 0}
    assert "not provable on this host" in result.notes[0]
    assert result.inconclusive == {}


@pytest.mark.parametrize(
    ("inside", "outside_"),
    [
        ({"read_outside_secret": "ENOENT"}, {"read_outside_secret": "EACCES"}),
        ({"allow_data_file": "EACCES"}, {}),
        ({"netlink": "timeout"}, {"netlink": "open"}),
        ({"netlink": "signal-11"}, {"netlink": "open"}),
        ({"netlink": "KeyError: 'x'"}, {"netlink": "open"}),
    ],
)
def test_a_run_that_proves_nothing_is_inconclusive(inside: dict[str, str], outside_: dict[str, str]) -> None:
    result = probes.judge(quiet_run(**inside), control_of(**outside_))
    assert result.findings == ()
    assert "LC102" in result.inconclusive


def test_death_by_the_filter_is_a_denial() -> None:
    assert not probes.is_unclear("signal-31")
    assert not probes.is_unclear("not in the environment")
    assert not probes.is_unclear("EPERM")


def test_a_single_probe_can_be_replayed(ctx: Context) -> None:
    clean(probes.replay(ctx, {"probe": "keyctl_session"}), "LC102")


def test_what_a_careless_launcher_leaves_behind_is_found(ctx: Context, there: Outside) -> None:
    plan = app_plan(ctx)
    facts = run_probes(plan, there, []).facts
    assert hygiene.judge(facts, plan) == []
    faulty = [
        {"environment": {**facts["environment"], "SSH_AUTH_SOCK": "/x"}},
        {"environment": {k: v for k, v in facts["environment"].items() if k != "HOME"}},
        {"fds": [*facts["fds"], [9, "/etc"]]},
        {"uids": [0, 0, 0]},
        {"groups": [27]},
        {"core_limit": [-1, -1]},
        {"isolated": [1, 0, 1]},
        {"site_loaded": True},
        {"path": [*facts["path"], "/tmp/x"]},
        {"cwd": "/data"},
        {"host_name": os.uname().nodename},
        {"session": 0},
    ]
    for change in faulty:
        assert len(hygiene.judge({**facts, **change}, plan)) == 1, change


def test_a_shipped_entitlements_file_that_asks_for_more_is_found(tmp_path: Path) -> None:
    head = b'  <?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>'
    own = b"<key>com.apple.security.app-sandbox</key><true/>"
    more = b"<key>com.apple.security.cs.disable-library-validation</key><true/>"
    tail = b"</dict></plist>"
    bad = context(tmp_path / "bad", app__entitlements=head + own + more + tail)
    good = context(tmp_path / "good", app__entitlements=head + own + tail)
    broken = context(tmp_path / "broken", app__entitlements=b"no plist")
    assert ["disable-library-validation" in f.message for f in entitlements.run(bad).findings] == [True]
    assert entitlements.run(bad).findings[0].file == "app.entitlements"
    clean(entitlements.run(good), "LC105")
    assert ["not a property list" in f.message for f in entitlements.run(broken).findings] == [True]

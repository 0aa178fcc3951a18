"""The launch plan of a window: a display and a page, and no power of the app."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.sandbox.plan import ALL_LAYERS, LaunchPlan
from locara.ui import plan as plans
from locara.ui.display import Display
from locara.ui.plan import Look, window_plan

APP = Path(__file__).parents[3] / "apps" / "docvault"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LaunchPlan:
    monkeypatch.setattr(plans, "find_engine", lambda: "/usr/bin/python3.11")
    display = Display("x11", tmp_path / "X7", ":7", tmp_path / "cookie")
    look = Look("DocVault", "index.html", about={"may": ("a",)})
    return window_plan(_grants(), tmp_path, look, display, tmp_path / "cookie")


def _grants() -> Grants:
    path = APP / "locara.json"
    return compile_grants(parse_manifest(path.read_bytes(), source=str(path)))


def test_every_layer_but_the_one_against_programs_is_required(plan: LaunchPlan) -> None:
    assert plan.required == ALL_LAYERS - {"exec"}
    assert plan.seccomp and plan.landlock and plan.unshare_net and plan.clear_env and plan.disable_userns


def test_nothing_is_writable_and_nothing_of_the_app_but_its_page_is_shown(
    plan: LaunchPlan, tmp_path: Path
) -> None:
    assert [source for source in plan.sources if source.writable] == []
    ours = {str(source.path) for source in plan.sources if source.path.is_relative_to(tmp_path)}
    assert ours == {str(tmp_path), str(tmp_path / "X7"), str(tmp_path / "cookie")}
    assert not any(
        source.dest.startswith(("/data", "/models", "/roots", "/tools")) for source in plan.sources
    )


def test_only_the_system_s_library_folders_hold_programs(plan: LaunchPlan) -> None:
    assert plan.landlock is not None
    run = {path for path, access in plan.landlock.paths if access == "run"}
    assert run == {"/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/bin/python3.11"}
    assert {path for path, access in plan.landlock.paths if access == "write"} == {"/tmp"}
    assert plan.landlock.connect_ports == ()


def test_the_environment_holds_no_variable_of_the_person(
    plan: LaunchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan.environment["DBUS_SESSION_BUS_ADDRESS"] == "disabled:"
    assert plan.environment["XAUTHORITY"] == "/xauthority"
    assert "SSH_AUTH_SOCK" not in plan.environment


def test_a_window_has_no_network_whatever_the_app_is_granted(plan: LaunchPlan) -> None:
    assert plan.net == "none"
    assert replace(plan, grants=_grants()).net == "none"

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import locara
from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.errors import SandboxError
from locara.sandbox.plan import ALL_LAYERS, LaunchPlan, LaunchSpec, Payload, build_plan, code_sources

from .conftest import CHAT


def spec(tmp_path: Path, grants: Grants, **more: object) -> LaunchSpec:
    base = LaunchSpec(grants, tmp_path / "locara.json", tmp_path, tmp_path / "data", Payload("json.tool"))
    return replace(base, **more)  # type: ignore[arg-type]


def shown(plan: LaunchPlan) -> dict[str, bool]:
    return {source.dest: source.writable for source in plan.sources}


def test_everything_is_required_and_on(tmp_path: Path) -> None:
    plan = build_plan(spec(tmp_path, Grants.none()))
    assert plan.required == ALL_LAYERS
    assert plan.seccomp and plan.landlock and plan.exec_filter and plan.clear_env and plan.new_session
    assert (
        plan.unshare_net
        and plan.unshare_pid
        and plan.unshare_ipc
        and plan.unshare_uts
        and plan.disable_userns
    )
    assert plan.inherit_fds == ()
    assert (plan.identity is not None) == (os.getuid() == 0)


def test_only_the_data_directory_is_writable(tmp_path: Path) -> None:
    plan = build_plan(spec(tmp_path, Grants.none()))
    assert [dest for dest, writable in shown(plan).items() if writable] == ["/data"]
    assert plan.landlock is not None
    assert [path for path, access in plan.landlock.paths if access == "write"] == ["/data", "/tmp"]
    assert plan.landlock.connect_ports == ()


def test_code_is_found_from_the_running_interpreter_and_the_checkout_is_not_shown(tmp_path: Path) -> None:
    plan = build_plan(spec(tmp_path, Grants.none()))
    package = Path(os.path.realpath(next(iter(locara.__path__))))
    assert str(package) in shown(plan)
    assert str(package.parent) not in shown(plan)
    assert plan.interpreter == os.path.realpath(sys.executable)
    assert plan.import_path[0] == str(package.parent)


def test_of_the_system_s_interpreter_only_its_own_files_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standard, library = tmp_path / "prefix/lib/python3", tmp_path / "prefix/lib/libpython3.so.1.0"
    standard.mkdir(parents=True)
    library.touch()
    paths, settings = sysconfig.get_path, {"LIBDIR": str(library.parent), "INSTSONAME": library.name}
    monkeypatch.setattr(sys, "base_prefix", "/usr/local")
    monkeypatch.setattr(
        sysconfig, "get_path", lambda name: str(standard) if name.endswith("stdlib") else paths(name)
    )
    monkeypatch.setattr(sysconfig, "get_config_var", settings.get)
    shown = {source.dest: source.shape for source in code_sources(())[0]}
    assert not shown.keys() & {"/usr", "/usr/local"}
    assert shown[str(standard)] == "dir"
    assert shown[str(library)] == "file"


def test_granted_folders_only(tmp_path: Path, grant: Callable[..., Grants]) -> None:
    grants = grant({"fs.user-paths": {"documents": "read", "music": "read-write"}})
    roots = {name: tmp_path / name for name in ("documents", "music", "pictures", "nonsense")}
    places = shown(build_plan(spec(tmp_path, grants, user_roots=roots)))
    assert {dest: writable for dest, writable in places.items() if dest.startswith("/roots")} == {
        "/roots/documents": False,
        "/roots/music": True,
    }


def test_granted_models_only(tmp_path: Path, grant: Callable[..., Grants]) -> None:
    pinned, other = Digest.parse("sha256:" + "a" * 64), Digest.parse("sha256:" + "c" * 64)
    grants = grant({"models": [CHAT]})
    places = shown(build_plan(spec(tmp_path, grants, models={pinned: tmp_path / "m"})))
    assert places[f"/models/{'a' * 64}/model.gguf"] is False
    with pytest.raises(SandboxError, match="is not granted") as refused:
        build_plan(spec(tmp_path, grants, models={other: tmp_path / "m"}))
    assert refused.value.code == "launch_failed"


@pytest.mark.parametrize("part", ["/etc", "../x", "a/../../b", "", "a\0b"])
def test_app_parts_stay_below_the_app(tmp_path: Path, part: str) -> None:
    with pytest.raises(SandboxError, match="not a path below"):
        build_plan(spec(tmp_path, Grants.none(), app_parts=(part,)))
    assert "/app/out/page" in shown(build_plan(spec(tmp_path, Grants.none(), app_parts=("out/page",))))


def test_a_broad_code_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="too broad"):
        build_plan(spec(tmp_path, Grants.none(), extra_read_only=(Path("/etc"),)))
    with pytest.raises(SandboxError, match="too broad"):
        build_plan(spec(tmp_path, Grants.none(), extra_read_only=(Path.home(),)))


def test_net_brings_the_proxy_port_and_nothing_else(tmp_path: Path, grant: Callable[..., Grants]) -> None:
    plan = build_plan(spec(tmp_path, grant({"net": {"allowed_hosts": ["api.example.com"]}})))
    quiet = build_plan(spec(tmp_path, Grants.none()))
    assert plan.landlock is not None
    assert plan.landlock.connect_ports == (3128,)
    assert plan.environment["LOCARA_PROXY"] == "127.0.0.1:3128"
    assert plan.unshare_net
    assert plan.seccomp != quiet.seccomp
    assert set(quiet.environment) == {"PATH", "HOME", "LANG", "TMPDIR", "OPENBLAS_NUM_THREADS"}


@pytest.mark.parametrize("place", [Path("/"), Path("/etc"), Path.home(), Path("/etc/../usr")])
def test_a_shared_place_is_no_data_directory(tmp_path: Path, place: Path) -> None:
    with pytest.raises(SandboxError, match="data directory"):
        build_plan(spec(tmp_path, Grants.none(), data_dir=place))

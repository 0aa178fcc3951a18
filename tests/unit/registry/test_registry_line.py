"""The registry's command line: the same manners as `locara`."""

from __future__ import annotations

from pathlib import Path

import pytest

from locara_registry import __version__
from locara_registry.__main__ import main
from locara_registry.home import Home, default_root


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"locara-registry {__version__}\n"
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "usage: locara-registry VERB" in out and "  trust " in out
    assert main(["trust", "status", "--help"]) == 0
    assert "--home DIR" in capsys.readouterr().out


@pytest.mark.parametrize("args", [["trsut"], ["trust"], ["trust", "status", "--hom", "x"], ["--nope"]])
def test_a_wrong_line_is_a_usage_error_with_help(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    said = capsys.readouterr().err
    assert said.startswith("error:") and "locara-registry" in said and "Traceback" not in said


def test_a_home_without_an_instance_is_missing_material(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trust", "status", "--home", str(tmp_path)]) == 5
    said = capsys.readouterr().err
    assert "[material_missing]" in said and f"trust init --home {tmp_path}" in said


def test_the_home_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCARA_REGISTRY_HOME", str(tmp_path / "here"))
    assert default_root() == tmp_path / "here"
    monkeypatch.delenv("LOCARA_REGISTRY_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_root() == tmp_path / "locara-registry"
    Home(tmp_path / "deep" / "home").make()
    assert (tmp_path / "deep" / "home").stat().st_mode & 0o777 == 0o700

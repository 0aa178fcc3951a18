"""The registry's command line: the same manners as `locara`."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from locara.trust.bundle.instance import TrustInstance
from locara_registry import __version__
from locara_registry.__main__ import main
from locara_registry.home import Home, default_root
from locara_registry.trust import private_files


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


def run(*args: object) -> int:
    return main([str(one) for one in args])


def test_an_instance_from_nothing_to_a_renewed_authority(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, roots, secret = tmp_path / "home", tmp_path / "roots", tmp_path / "passphrase"
    private_files.write(secret, b"correct horse\n")
    made = ["--home", home, "--name", "trust.example", "--root-keys", roots, "--passphrase-file", secret]
    assert run("trust", "init", *made) == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(place.stat().st_mode) for place in (home / "keys").iterdir()} == {0o600}
    before = (home / "published/trust-instance.json").read_bytes()
    assert run("trust", "init", *made) == 2, "never over another"
    assert (home / "published/trust-instance.json").read_bytes() == before
    renewed = ["--home", home, "--root-keys", roots]
    assert run("trust", "rotate", "authority", *renewed) == 5, "the root key is locked"
    assert "[material_untrusted]" in capsys.readouterr().err
    assert (home / "published/trust-instance.json").read_bytes() == before
    assert run("trust", "rotate", "authority", *renewed, "--passphrase-file", secret, "--destroy-old") == 0
    capsys.readouterr()
    assert run("trust", "status", "--home", home, "--format", "json") == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert [one["key"] for one in parts if one["health"] == "retired"] == ["authority-1"]
    assert not (home / "keys/authority-1.pem").exists()
    instance = TrustInstance.read((home / "published/trust-instance.json").read_bytes())
    assert len(instance.root["certificateAuthorities"]) == 2


def test_status_finds_a_key_that_others_can_read_or_that_is_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert run("trust", "init", "--home", home, "--name", "t.example", "--root-keys", tmp_path / "r") == 0
    assert run("trust", "status", "--home", home) == 0
    key = home / "keys/authority-1.pem"
    key.chmod(0o640)
    assert run("trust", "status", "--home", home) == 5
    assert "mode 0640" in capsys.readouterr().err
    key.chmod(0o600)
    key.write_bytes((home / "keys/identity-1.pem").read_bytes())
    assert run("trust", "status", "--home", home) == 5
    assert "not the one that is published" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [["--name", "Not A Host"], ["--url", "ftp://x"], ["--witness", "nonsense"], ["--quorum", "2"]],
)
def test_an_instance_that_cannot_be_is_not_begun(
    tmp_path: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    line = ["trust", "init", "--home", home, "--name", "t.example", "--root-keys", tmp_path / "r", *wrong]
    assert run(*line) == 2
    assert not home.exists() and not (tmp_path / "r").exists()
    assert "Traceback" not in capsys.readouterr().err

"""The folder one stands in may be a hostile app: nothing in it runs, whatever it is called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_MARK = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n"
_VERB = (
    _MARK
    + "class verb:\n    summary = 'greet'\n"
    + "    add_arguments = staticmethod(lambda parser: None)\n"
    + "    run = staticmethod(lambda args: print('greeted') or 0)\n"
)


def _plant_verb(folder: Path, name: str) -> None:
    (folder / "greeting.py").write_text(_VERB)
    info = folder / "greeting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[locara.verbs]\n{name} = greeting:verb\n")


def _locara(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    here = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "locara", *args]
    return subprocess.run(
        command, cwd=folder, env={**here, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["argparse", "difflib", "shutil", "gettext", "tempfile", "pydantic"])
def test_no_module_of_the_folder_is_imported(tmp_path: Path, module: str) -> None:
    (tmp_path / f"{module}.py").write_text(_MARK)
    done = _locara(tmp_path, "explain", "net")
    assert not (tmp_path / "ran").exists()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["verify", "greet"])
def test_no_entry_point_of_the_folder_is_a_verb(tmp_path: Path, name: str) -> None:
    _plant_verb(tmp_path, name)
    done = _locara(tmp_path, name, "--help")
    assert not (tmp_path / "ran").exists()
    assert "greet\n" not in done.stdout


def test_a_verb_on_the_chosen_import_path_is_found(tmp_path: Path) -> None:
    _plant_verb(tmp_path, "greet")
    chosen = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert _locara(tmp_path, "greet", PYTHONPATH=chosen).stdout == "greeted\n"


@pytest.mark.parametrize(
    "command", [[str(Path(sys.executable).with_name("locara"))], [sys.executable, "-P", "-m", "locara"]]
)
def test_a_package_of_the_same_name_in_the_folder_is_not_ours(tmp_path: Path, command: list[str]) -> None:
    """`python -m locara` there would be that package, before anything of this runs: these two are not."""
    (tmp_path / "locara").mkdir()
    (tmp_path / "locara" / "__init__.py").write_text(_MARK)
    (tmp_path / "locara" / "__main__.py").write_text(_MARK)
    here = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*command, "--version"], cwd=tmp_path, env=here, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("locara ") and not (tmp_path / "ran").exists(), done.stderr

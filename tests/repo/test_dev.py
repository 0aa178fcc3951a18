"""Which interpreter ./dev makes the environment of: the named one, else the quickest, else a message."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHOICE = re.search(r"^quickest_python\(\) \{.*?^\}$", (ROOT / "dev").read_text(), re.DOTALL | re.MULTILINE)


def interpreter(path: Path, took: int | None) -> None:
    """Stands for one that answers with so many microseconds, or that cannot make an environment."""
    path.write_text(f"#!/bin/sh\n{'exit 1' if took is None else f'echo {took}'}\n")
    path.chmod(0o755)


def choose(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    assert CHOICE is not None
    choice = CHOICE[0].replace("/usr/bin/python3 /usr/local/bin/python3", "other")
    return subprocess.run(
        ["/bin/sh", "-euc", f"{choice}\nquickest_python"],
        env={"PATH": str(path), **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"python3.11": 1000}, "python3.11"),
        ({"python3.11": 1000, "python3": 600}, "python3"),
        ({"python3.11": 1000, "python3": 900}, "python3.11"),
        ({"python3.11": 1000, "python3": 800, "other": 600}, "other"),
        ({"python3.11": 1000, "python3": 800, "other": 700}, "python3"),
        ({"python3.11": None, "python3.12": 2000}, "python3.12"),
    ],
)
def test_the_quickest_is_chosen_and_the_first_of_equals(
    tmp_path: Path, there: dict[str, int | None], chosen: str
) -> None:
    for name, took in there.items():
        interpreter(tmp_path / name, took)
    assert choose(tmp_path).stdout.strip() == str(tmp_path / chosen)


def test_the_named_one_is_taken_however_slow(tmp_path: Path) -> None:
    interpreter(tmp_path / "python3", 100)
    interpreter(tmp_path / "mine", 9000)
    assert choose(tmp_path, LOCARA_PYTHON="mine").stdout.strip() == str(tmp_path / "mine")


@pytest.mark.parametrize("variables", [{}, {"LOCARA_PYTHON": "python3"}])
def test_without_one_the_message_says_what_to_do(tmp_path: Path, variables: dict[str, str]) -> None:
    interpreter(tmp_path / "python3", None)
    found = choose(tmp_path, **variables)
    assert found.returncode == 2
    assert not found.stdout
    assert "apt install python3 python3-venv" in found.stderr


def test_quickness_is_a_number_of_microseconds() -> None:
    said = subprocess.run(
        [sys.executable, ROOT / "tools/setup/quickness.py"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    ).stdout
    assert int(said) > 0

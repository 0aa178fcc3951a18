"""Every test that an environment of tox.ini names is there: pytest with a wrong name runs nothing and looks quick."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = sorted(set(re.findall(r"tests/[\w/.-]*\w", (ROOT / "tox.ini").read_text("utf-8"))))


@pytest.mark.parametrize("name", NAMED)
def test_what_an_environment_names_is_there(name: str) -> None:
    assert (ROOT / name).exists()

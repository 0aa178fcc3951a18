"""Which package answers to a verb."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from locara.cli import verbs


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed distribution that offers `verify`, `run` and a verb of its own."""
    place = tmp_path / "stranger-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    lines = "".join(f"{name} = stranger_verb:verb\n" for name in ("verify", "replay", "run", "greet"))
    (place / "entry_points.txt").write_text(f"[{verbs.GROUP}]\n{lines}")
    (tmp_path / "stranger_verb.py").write_text(
        "from types import SimpleNamespace\nverb = SimpleNamespace(summary='hi')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "stranger_verb", raising=False)
    return tmp_path


@pytest.mark.usefixtures("stranger")
def test_a_stranger_adds_a_verb_but_takes_none_of_ours() -> None:
    assert getattr(verbs.load("greet"), "summary", "") == "hi"
    for name in (*verbs.BUILT_IN, *verbs.OURS):
        verb = verbs.load(name)
        assert verb is not None, name
        assert verb.summary != "hi", name


@pytest.mark.usefixtures("stranger")
def test_a_module_beside_a_verb_of_ours_is_ours() -> None:
    module = verbs.beside("verify", "explain")
    assert module is not None
    assert module.__name__ == "locara_verify.explain"
    assert verbs.beside("nobody", "explain") is None

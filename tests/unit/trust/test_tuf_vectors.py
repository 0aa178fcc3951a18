"""The committed vectors: what they hold is what their generator makes, and our verifier says what they say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from locara.trust.repository.refused import UpdateRefused
from locara.trust.repository.verified import verify

FOLDER = Path(__file__).resolve().parents[3] / "fixtures/trust/tuf"
VECTORS: dict[str, Any] = json.loads((FOLDER / "vectors.json").read_text("utf-8"))


def verdict(case: dict[str, Any]) -> str:
    files = {name: text for name, text in (VECTORS["files"] | case["edit"]).items() if text is not None}

    def read(name: str) -> bytes | None:
        return files[name].encode() if name in files else None

    try:
        found = verify(read, VECTORS["root"].encode(), VECTORS["wanted"], at=case.get("at"))
    except UpdateRefused as error:
        return error.code
    assert sorted(found.targets) == sorted(VECTORS["wanted"])
    return ""


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["id"])
def test_a_vector(case: dict[str, Any]) -> None:
    assert verdict(case) == case["code"]


def test_there_are_enough_of_both_kinds() -> None:
    codes = [case["code"] for case in VECTORS["cases"]]
    assert len(codes) >= 40
    assert codes.count("") >= 5
    assert {"unsigned", "malformed", "mixed", "expired", "rollback"} <= set(codes)


def test_the_file_is_what_its_generator_makes() -> None:
    spec = importlib.util.spec_from_file_location("tuf_vectors", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.text() == (FOLDER / "vectors.json").read_text("utf-8")

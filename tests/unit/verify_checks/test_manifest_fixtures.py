"""The written manifests of fixtures/manifests: parser and independent judge agree with what is written
down."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from locara.core.manifest import parse_manifest
from locara.errors import ManifestError
from locara_verify.oracle import manifest

FOLDER = Path(__file__).resolve().parents[3] / "fixtures/manifests"
CODES = tomllib.loads((FOLDER / "refused/codes.toml").read_text("utf-8"))


@pytest.mark.parametrize("path", sorted((FOLDER / "accepted").glob("*.json")), ids=lambda path: path.stem)
def test_accepted(path: Path) -> None:
    data = path.read_bytes()
    assert parse_manifest(data).app_id.count("/") == 1
    assert manifest.judge_bytes(data) == ()


@pytest.mark.parametrize("name", sorted(CODES))
def test_refused(name: str) -> None:
    data = (FOLDER / "refused" / f"{name}.json").read_bytes()
    with pytest.raises(ManifestError) as caught:
        parse_manifest(data)
    assert caught.value.code == CODES[name]
    assert caught.value.problems[0].line >= 1
    assert manifest.judge_bytes(data)


def test_every_refused_document_has_its_code() -> None:
    assert {path.stem for path in (FOLDER / "refused").glob("*.json")} == set(CODES)

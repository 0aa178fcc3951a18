"""The fixture models: what is pinned, what is in the folder and what is in the cache agree."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.models.cache import ModelCache, default_root
from locara.models.pin import Pin

FOLDER = Path(__file__).parents[3] / "fixtures/models"
MODELS = json.loads((FOLDER / "models.json").read_text("utf-8"))["models"]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m["id"])
def test_every_model_is_in_the_cache_with_its_pinned_bytes(model: dict[str, object]) -> None:
    pin = Pin.parse(f"{model['id']}@{model['digest']}")
    cache = ModelCache(default_root())
    assert cache.size(pin.digest) == model["size"], "run: python fixtures/models/prepare.py"
    cache.verify(pin.digest)


def test_the_shipped_file_is_the_pinned_one() -> None:
    (model,) = [model for model in MODELS if "file" in model]
    assert str(Digest.of((FOLDER / model["file"]).read_bytes())) == model["digest"]


def test_the_pins_in_the_readme_are_the_pinned_ones() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    for model in MODELS:
        assert f"{model['id']}@{model['digest']}" in text


def test_preparing_again_changes_nothing() -> None:
    run = subprocess.run(
        [sys.executable, str(FOLDER / "prepare.py")], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("in the cache") == len(MODELS)


def test_a_wrong_package_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    wheel = tmp_path / "package.whl"
    wheel.write_bytes(b"PK\3\4 not the pinned one")
    run = subprocess.run(
        [
            sys.executable,
            str(FOLDER / "prepare.py"),
            "--cache",
            str(tmp_path / "cache"),
            "--wheel",
            str(wheel),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1
    assert "package.whl is sha256:" in run.stderr
    assert "Traceback" not in run.stderr
    (only,) = ModelCache(tmp_path / "cache").list()
    assert only.meta["id"] == "locara-tiny-chat"

"""Where a window finds models: what lies beside the app first, then the registry that this machine follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from locara.errors import ModelError
from locara.models.index import LOCAL_NAME, Index, verified_index
from locara.models.pin import Pin
from locara.runtime.app import AppBundle
from locara.ui import run

APP = Path(__file__).resolve().parents[3] / "apps" / "docvault"
HERE, THERE, NOWHERE = (Pin.parse(f"tiny@sha256:{digit * 64}") for digit in "789")


def index_of(pin: Pin) -> bytes:
    model: dict[str, Any] = {
        "id": pin.id,
        "version": "1",
        "displayName": "Tiny",
        "license": "MIT",
        "modality": "text-to-text",
        "size": 10,
        "sha256": pin.digest.hex,
        "urls": ["tiny.gguf"],
    }
    return json.dumps({"schema": "locara-models/1", "models": [model]}).encode()


@pytest.fixture
def bundle(tmp_path: Path) -> AppBundle:
    app = tmp_path / "app"
    app.mkdir()
    (app / "locara.json").write_bytes((APP / "locara.json").read_bytes())
    (app / LOCAL_NAME).write_bytes(index_of(HERE))
    return AppBundle.open(app)


def test_the_registry_is_asked_for_what_nothing_nearer_names(
    bundle: AppBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def followed() -> Index:
        asked.append(True)
        return verified_index(index_of(THERE), base="https://registry.example.org/models/")

    monkeypatch.setattr(run, "registry_index", followed)
    (here,) = run._sources(bundle, [HERE])
    assert ("tiny.gguf" in str(here.sources[0]), asked) == (True, []), (
        "the registry's copy is not even opened"
    )
    (there,) = run._sources(bundle, [THERE])
    assert (there.origin, asked) == ("registry.example.org", [True])
    with pytest.raises(ModelError) as refused:
        run._sources(bundle, [NOWHERE])
    assert refused.value.code == "unknown_model"


def test_without_a_registry_what_is_beside_the_app_is_all_there_is(
    bundle: AppBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "registry_index", lambda: None)
    assert run._sources(bundle, [HERE])[0].pin == HERE
    with pytest.raises(ModelError):
        run._sources(bundle, [THERE])

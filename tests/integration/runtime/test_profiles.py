"""Profiles of the manifest decide which models have to be here, through the whole runtime."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import CallError, ModelError
from locara.models.cache import ModelCache, default_root

CHAT = json.loads((Path(__file__).parents[3] / "fixtures/models/models.json").read_text())["models"][0]
SMALL = f"{CHAT['id']}@{CHAT['digest']}"
LARGE = f"large@{Digest.of(b'for another machine')}"
ASK = [{"role": "user", "content": "Hello"}]


def profiles(small: str, large: str) -> dict[str, object]:
    return {
        "low": {"min_ram_gb": 1, "models": [small]},
        "high": {"min_ram_gb": 1024, "models": [large]},
    }


def test_a_model_for_larger_machines_is_not_needed_here(write_app, start_app) -> None:
    folder = write_app(
        {"models": [SMALL, LARGE]}, modalities=["text-to-text"], profiles=profiles(SMALL, LARGE)
    )
    call = start_app(folder, cache=ModelCache(default_root())).client.call
    facts = call("app.info")
    assert facts["profile"] == {"name": "low", "fits": True, "models": [CHAT["id"]]}
    assert [(model["id"], model["size"] is None) for model in facts["models"]] == [
        (CHAT["id"], False),
        ("large", True),
    ]
    assert (
        call("llm.chat", {"model": CHAT["id"], "messages": ASK, "maxTokens": 2})["usage"]["outputTokens"] > 0
    )
    with pytest.raises(CallError) as caught:
        call("llm.chat", {"model": "large", "messages": ASK})
    assert caught.value.code == "model_unavailable"


def test_the_model_for_this_machine_is_needed(write_app, start_app) -> None:
    folder = write_app(
        {"models": [SMALL, LARGE]}, modalities=["text-to-text"], profiles=profiles(LARGE, SMALL)
    )
    with pytest.raises(ModelError) as caught:
        start_app(folder, cache=ModelCache(default_root()))
    assert caught.value.code == "not_cached"
    assert "locara models pull" in (caught.value.fix or "")


def test_without_profiles_the_app_is_told_so(write_app, start_app) -> None:
    assert start_app(write_app({})).client.call("app.info")["profile"] is None


def test_without_profiles_every_model_is_needed(write_app, start_app) -> None:
    with pytest.raises(ModelError):
        start_app(write_app({"models": [SMALL, LARGE]}), cache=ModelCache(default_root()))

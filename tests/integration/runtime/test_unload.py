"""Idle models go when memory is short; running ones stay; coming back is not noticed. Real models, told pressure."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from locara.core.compile import compile_grants
from locara.core.manifest import parse_manifest
from locara.inference.backend import CancelFlag, ChatRequest, Delta, Message
from locara.models.cache import ModelCache, default_root
from locara.runtime.loaded_models import LoadedModels

from .conftest import manifest

RECIPES = json.loads((Path(__file__).parents[3] / "fixtures/models/models.json").read_text())["models"]
PINS = {model["id"]: f"{model['id']}@{model['digest']}" for model in RECIPES}
CHAT, EMBED = "locara-tiny-chat", "all-minilm-l6-v2"
WHO = ChatRequest([Message("user", "Who are you?")])


class Told:
    """A kernel that says what the test says, and lets it wait until it was asked twice more."""

    def __init__(self) -> None:
        self.short = False
        self._asked = threading.Semaphore(0)

    def is_short(self) -> bool:
        self._asked.release()
        return self.short

    def wait(self) -> None:
        while self._asked.acquire(blocking=False):
            pass
        for _ in range(2):  # the second question comes after the first one's answer was acted on
            self._asked.acquire()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def models(told: Told):
    document = manifest(
        {"models": [PINS[CHAT], PINS[EMBED]]}, modalities=["text-to-text", "text-to-embedding"]
    )
    grants = compile_grants(parse_manifest(json.dumps(document).encode()))
    loaded = LoadedModels(grants, ModelCache(default_root()).blob, gauge=told, interval=0.005, idle_s=0.0)
    yield loaded
    loaded.close()


def answer(models: LoadedModels) -> str:
    with models.chat(CHAT) as chat:
        *_, finish = chat.stream(WHO)
    return finish.text


def test_idle_models_go_and_come_back_unnoticed(models: LoadedModels, told: Told) -> None:
    first = answer(models)
    with models.embedder(EMBED) as embedder:
        vector = embedder.embed(["a cat"]).vectors
    assert models.loads == 2
    told.wait()
    assert answer(models) == first
    assert models.loads == 2, "without pressure nothing is loaded twice"
    told.short = True
    told.wait()
    told.short = False
    assert models.unload_idle() == 0, "the watch has unloaded them"
    assert answer(models) == first
    assert models.loads == 3
    with models.embedder(EMBED) as embedder:
        assert embedder.embed(["a cat"]).vectors == vector
    assert models.loads == 4


def test_a_running_model_is_never_unloaded(models: LoadedModels, told: Told) -> None:
    told.short = True
    with models.chat(CHAT) as chat:
        text = ""
        for event in chat.stream(WHO, CancelFlag()):
            if isinstance(event, Delta):
                told.wait()
                text += event.text
        assert text == event.text == "I am Locara Tiny, a very small local test model."
    assert models.loads == 1
    told.wait()
    answer(models)
    assert models.loads == 2

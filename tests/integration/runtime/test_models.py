"""Pinned models through the whole runtime: answers, streams, cancelling, and what is not pinned."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import CallError, CapabilityDenied
from locara.models.cache import ModelCache, default_root

RECIPES = json.loads((Path(__file__).parents[3] / "fixtures/models/models.json").read_text())["models"]
PINS = {model["id"]: f"{model['id']}@{model['digest']}" for model in RECIPES}
CHAT, EMBED = "locara-tiny-chat", "all-minilm-l6-v2"
ASK = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def app(write_app, start_app):
    folder = write_app(
        {"models": [PINS[CHAT], PINS[EMBED]]}, modalities=["text-to-text", "text-to-embedding"]
    )
    return start_app(folder, cache=ModelCache(default_root()))


def test_chat_and_embed_and_what_is_refused(app) -> None:
    call = app.client.call
    assert [model["id"] for model in call("app.info")["models"]] == [CHAT, EMBED]
    whole = call("llm.chat", {"model": CHAT, "messages": ASK, "maxTokens": 12})
    assert whole["finishReason"] in {"stop", "length"}
    assert whole["usage"]["inputTokens"] > 0
    again = app.client.stream(
        "llm.chat", {"model": PINS[CHAT], "messages": ASK, "maxTokens": 12, "stream": True}
    )
    pieces = [event["text"] for event in again if event["type"] == "delta"]
    assert len(pieces) > 1
    assert "".join(pieces) == again.result["content"] == whole["content"]

    made = call("embed.create", {"model": EMBED, "texts": ["a cat", "a kitten", "the stock market"]})
    assert made["dimensions"] == 384 == len(made["vectors"][0])
    cat, kitten, market = made["vectors"]
    assert math.isclose(sum(x * x for x in cat), 1.0, abs_tol=1e-3)
    assert dot(cat, kitten) > dot(cat, market)

    for name in ("other", CHAT + "@sha256:" + "0" * 64, CHAT.upper(), "../" + CHAT):
        with pytest.raises(CapabilityDenied) as caught:
            call("llm.chat", {"model": name, "messages": ASK})
        assert caught.value.capability == "models"
    for wrong in ({"temperature": -1}, {"maxTokens": 0}, {"topP": 2}, {"seed": -1}, {"maxTokens": 1.5}):
        with pytest.raises(CallError) as bad:
            call("llm.chat", {"model": CHAT, "messages": ASK, **wrong})
        assert bad.value.code == "bad_request"
    with pytest.raises(CallError) as long:
        call("llm.chat", {"model": CHAT, "messages": [{"role": "user", "content": "word " * 20_000}]})
    assert long.value.code == "context_overflow"


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_cancelling_stops_the_generation_and_frees_the_model(app) -> None:
    args = {
        "model": CHAT,
        "messages": ASK,
        "maxTokens": 100_000,
        "temperature": 2.0,
        "seed": 3,
        "stream": True,
    }
    stream = app.client.stream("llm.chat", args)
    next(stream)
    waiting = app.client.send("llm.chat", args)
    app.client.cancel(waiting)
    stream.cancel()
    assert stream.result["finishReason"] in {"cancelled", "stop", "length"}
    with pytest.raises(CallError) as caught:
        app.client.wait(waiting)
    assert caught.value.code == "cancelled"
    assert (
        app.client.call("llm.chat", {"model": CHAT, "messages": ASK, "maxTokens": 4})["usage"]["outputTokens"]
        <= 4
    )


def test_changed_bytes_of_a_model_are_refused_at_load(write_app, start_app, tmp_path) -> None:
    source = ModelCache(default_root())
    digest = next(model["digest"] for model in RECIPES if model["id"] == CHAT)
    blob = source.blob(Digest.parse(digest))
    assert blob is not None
    own = tmp_path / "cache" / Digest.parse(digest).hex
    own.mkdir(parents=True)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    (own / "model.gguf").write_bytes(content)
    folder = write_app({"models": [PINS[CHAT]]}, modalities=["text-to-text"])
    app = start_app(folder, cache=ModelCache(tmp_path / "cache"))
    with pytest.raises(CallError) as caught:
        app.client.call("llm.chat", {"model": CHAT, "messages": ASK, "maxTokens": 4})
    assert caught.value.code == "model_error"
    assert "digest" in caught.value.message

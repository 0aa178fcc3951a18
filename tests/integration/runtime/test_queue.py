"""Many requests at once: answered in the order they came, each by itself, and a waiting one can leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locara.errors import CallError
from locara.models.cache import ModelCache, default_root

RECIPES = json.loads((Path(__file__).parents[3] / "fixtures/models/models.json").read_text())["models"]
PINS = {model["id"]: f"{model['id']}@{model['digest']}" for model in RECIPES}
CHAT, EMBED = "locara-tiny-chat", "all-minilm-l6-v2"
ENDLESS = {
    "type": "array",
    "items": {"type": "string", "minLength": 20, "maxLength": 20},
    "minItems": 12,
    "maxItems": 12,
}


@pytest.fixture
def app(write_app, start_app):
    granted = {"models": [PINS[CHAT], PINS[EMBED]]}
    folder = write_app(granted, modalities=["text-to-text", "text-to-embedding"])
    return start_app(folder, cache=ModelCache(default_root()))


def asked(text: str, **more):
    return {"model": CHAT, "messages": [{"role": "user", "content": text}], "maxTokens": 12, **more}


def test_requests_are_answered_in_the_order_they_came(app) -> None:
    """Judged by the order of the audit log: each decision is written when its call begins."""
    client = app.client
    alone = {text: client.call("llm.chat", asked(text))["content"] for text in ("Who are you?", "Hello!")}
    calls = []
    for number in range(6):
        text = ("Who are you?", "Hello!")[number % 2]
        calls.append((client.send("llm.chat", asked(text, stream=False)), text))
        calls.append((client.send("embed.create", {"model": EMBED, "texts": [str(number)]}), None))
    for call, text in calls:
        result = client.wait(call, 120.0)
        if text is not None:
            assert result["content"] == alone[text]
        else:
            assert len(result["vectors"]) == 1
    entries = client.call("audit.capabilityLog", {"limit": 100})["entries"]
    began = [entry["cmd"] for entry in entries if entry["cmd"] in {"llm.chat", "embed.create"}][2:]
    assert began == ["llm.chat", "embed.create"] * 6


def test_a_waiting_request_leaves_without_costing_a_token(app) -> None:
    client = app.client
    long = client.stream("llm.chat", {**asked("Who are you?", stream=True, schema=ENDLESS), "maxTokens": 400})
    next(long)
    waiting = client.send("llm.chat", asked("Hello!"))
    last = client.send("llm.chat", asked("Who are you?"))
    client.cancel(waiting)
    with pytest.raises(CallError) as caught:
        client.wait(waiting, 60.0)
    assert caught.value.code == "cancelled"
    long.cancel()
    assert client.wait(last, 60.0)["content"].startswith("I am Locara")
    decided = [
        e for e in client.call("audit.capabilityLog", {"limit": 50})["entries"] if e["cmd"] == "llm.chat"
    ]
    assert len(decided) == 2, "the one that left was never begun"


def test_an_overflow_says_how_many_and_how_many_fit(app) -> None:
    with pytest.raises(CallError) as caught:
        app.client.call("llm.chat", asked("word " * 3_000))
    assert caught.value.code == "context_overflow"
    figures = [int(part) for part in caught.value.message.replace(",", " ").split() if part.isdigit()]
    assert figures[0] > figures[1] == 512
    with pytest.raises(CallError) as long:
        app.client.call("embed.create", {"model": EMBED, "texts": ["short", "word " * 3_000]})
    assert long.value.code == "context_overflow"
    assert long.value.message.startswith("text 1 has ")


def test_a_batch_of_texts_is_as_many_vectors_in_their_order(app) -> None:
    texts = [f"text number {number}" for number in range(64)]
    batch = app.client.call("embed.create", {"model": EMBED, "texts": texts})
    assert len(batch["vectors"]) == 64
    for number in (0, 31, 63):
        alone = app.client.call("embed.create", {"model": EMBED, "texts": texts[number : number + 1]})
        assert alone["vectors"] == batch["vectors"][number : number + 1]
    with pytest.raises(CallError) as caught:
        app.client.call("embed.create", {"model": EMBED, "texts": [*texts, "one more"]})
    assert caught.value.code == "bad_request"

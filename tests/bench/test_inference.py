"""Chat and embeddings against raw llama.cpp: the same file, the same process, the same number of tokens."""

import pytest

from locara.inference.backend import ChatRequest, Finish, Message
from locara_verify.checks.bench.engines import ChatPair, embed_pair
from locara_verify.checks.bench.inference import ENDLESS, LONG, TEXTS, fixture
from locara_verify.context import Context
from tests.bench.conftest import Compare

MODELS = pytest.mark.parametrize("model", ["tiny", "100M"])
LEAST = {"tiny": 20, "100M": 6}
SHORT = [Message("user", ENDLESS)]


@MODELS
def test_decode(compare: Compare, chat_models: dict[str, ChatPair], model: str) -> None:
    count = 96 if model == "tiny" else 12
    ours, raw = chat_models[model].decode(SHORT, count)
    compare(f"decode a token, {model}", ours, raw, unit="us", scale=1e6, least=LEAST[model])


@MODELS
def test_first_token(compare: Compare, chat_models: dict[str, ChatPair], model: str) -> None:
    ours, raw = chat_models[model].first(SHORT)
    compare(f"first token, {model}", ours, raw, unit="ms", scale=1e3, least=LEAST[model])


@MODELS
def test_prefill(compare: Compare, chat_models: dict[str, ChatPair], model: str) -> None:
    messages = [Message("user", LONG)]
    pair = chat_models[model]
    size = len(pair.chat.prompt(messages))
    ours, raw = pair.first(messages)
    compare(
        f"read a prompt token, {model}",
        lambda: ours() / size,
        lambda: raw() / size,
        unit="us",
        scale=1e6,
        note=f"{size} tokens",
        least=LEAST[model],
    )


@MODELS
def test_schema(compare: Compare, chat_models: dict[str, ChatPair], model: str) -> None:
    """What a schema costs beside no schema, per token: our own constraint, no raw engine."""
    pair = chat_models[model]
    schema = {"type": "array", "items": {"type": "string", "minLength": 40, "maxLength": 40}, "minItems": 40}
    count = 96 if model == "tiny" else 12

    def bound() -> float:
        start = pair.raw.clock()
        *_, finish = pair.chat.stream(ChatRequest(SHORT, max_tokens=count, schema={**schema, "maxItems": 40}))
        assert isinstance(finish, Finish)
        return (pair.raw.clock() - start) / finish.usage.output_tokens

    def free() -> float:
        start = pair.raw.clock()
        *_, finish = pair.chat.stream(ChatRequest(SHORT, max_tokens=count))
        assert isinstance(finish, Finish)
        return (pair.raw.clock() - start) / finish.usage.output_tokens

    compare(
        f"token under a schema, {model}",
        bound,
        free,
        unit="us",
        scale=1e6,
        note="raw = no schema",
        least=LEAST[model],
    )


def test_embed(compare: Compare, context: Context) -> None:
    with embed_pair(*fixture(context, "all-minilm-l6-v2"), list(TEXTS)) as (_, ours, raw):
        compare("embed a sentence, MiniLM F16", ours, raw, unit="ms", scale=1e3)

"""A safetensors model in the real sandbox: MLX loads and answers behind the same gate."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlx.core", reason="the extra `mlx` is not installed")

from locara.core.digest import Digest
from locara.errors import CallError
from locara.models.cache import ModelCache

REPOSITORY = Path(__file__).parents[3]


def convert() -> bytes:
    """The shipped chat model in the other format, by the converter of the inference tests."""
    place = REPOSITORY / "tests/integration/inference/mlx_file.py"
    spec = importlib.util.spec_from_file_location("mlx_file", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mlx_file"] = module
    spec.loader.exec_module(module)
    return module.convert(REPOSITORY / "fixtures/models/locara-tiny-chat.gguf")


def test_it_answers_inside_and_is_refused_with_another_byte(write_app, start_app, tmp_path) -> None:
    data = convert()
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    cache = ModelCache(tmp_path / "models")
    (tmp_path / "model").write_bytes(data)
    cache.add_file(tmp_path / "model")
    spoiled = tmp_path / "models" / Digest.of(data[::-1]).hex / "model.gguf"
    spoiled.parent.mkdir()
    spoiled.write_bytes(damaged)
    pins = [f"tiny@{Digest.of(data)}", f"spoiled@{Digest.of(data[::-1])}"]
    app = start_app(write_app({"models": pins}, modalities=["text-to-text"]), cache=cache)
    messages = [{"role": "user", "content": "Who are you?"}]
    stream = app.client.stream("llm.chat", {"model": "tiny", "messages": messages, "stream": True})
    pieces = [event["text"] for event in stream]
    assert "".join(pieces) == stream.result["content"] == "I am Locara Tiny, a very small local test model."
    with pytest.raises(CallError, match="digest"):
        app.client.call("llm.chat", {"model": "spoiled", "messages": messages})
    with pytest.raises(CallError) as caught:
        app.client.call("llm.chat", {"model": "tiny", "messages": messages, "schema": {"type": "null"}})
    assert (caught.value.code, caught.value.fix) == (
        "bad_request",
        "use a model in GGUF for schemas and forced tool calls",
    )

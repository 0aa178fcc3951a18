"""The real models, loaded once; `python fixtures/models/prepare.py` puts them into the cache."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.inference.chat import LlamaChat
from locara.inference.embed import LlamaEmbed
from locara.inference.llama_cpp import load_chat, load_embed
from locara.models.cache import ModelCache, default_root

FIXTURES = Path(__file__).parents[3] / "fixtures/models"
PINS = {
    m["id"]: Digest.parse(m["digest"]) for m in json.loads((FIXTURES / "models.json").read_text())["models"]
}


@pytest.fixture(scope="session")
def chat_file() -> tuple[Path, Digest]:
    return FIXTURES / "locara-tiny-chat.gguf", PINS["locara-tiny-chat"]


@pytest.fixture(scope="session")
def embed_file() -> tuple[Path, Digest]:
    digest = PINS["all-minilm-l6-v2"]
    path = ModelCache(default_root()).blob(digest)
    assert path is not None, "run: python fixtures/models/prepare.py"
    return path, digest


@pytest.fixture(scope="session")
def chat(chat_file: tuple[Path, Digest]) -> Iterator[LlamaChat]:
    model = load_chat(*chat_file)
    yield model
    model.close()


@pytest.fixture(scope="session")
def embedder(embed_file: tuple[Path, Digest]) -> Iterator[LlamaEmbed]:
    model = load_embed(*embed_file)
    yield model
    model.close()

"""The llama.cpp backend: load a pinned model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from locara.core.digest import Digest
from locara.inference.backend import DEFAULT_CONTEXT
from locara.inference.native import Model

if TYPE_CHECKING:
    from locara.inference.chat import LlamaChat
    from locara.inference.embed import LlamaEmbed


def load_chat(path: Path, digest: Digest, *, context_tokens: int = DEFAULT_CONTEXT) -> LlamaChat:
    """Return the chat model in the file, after its full digest and header were checked.

    Raises ModelError (`not_cached`, `digest_mismatch`, `bad_format`, `unknown_model`) or InferenceError
    `model_error` when the model is no chat model this version can use.
    """
    from locara.inference.chat import LlamaChat  # noqa: PLC0415 - each loads what the other does not need

    model = Model(path, digest)
    try:
        return LlamaChat(model, context_tokens=context_tokens)
    except BaseException:
        model.close()
        raise


def load_embed(path: Path, digest: Digest) -> LlamaEmbed:
    """Return the embedding model in the file, checked and failing as in `load_chat`."""
    from locara.inference.embed import LlamaEmbed  # noqa: PLC0415 - as above

    model = Model(path, digest)
    try:
        return LlamaEmbed(model)
    except BaseException:
        model.close()
        raise

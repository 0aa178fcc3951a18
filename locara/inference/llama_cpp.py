"""The llama.cpp backend: load a pinned model once and keep it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.inference.backend import ChatBackend, EmbedBackend
from locara.inference.chat import DEFAULT_CONTEXT, LlamaChat
from locara.inference.embed import LlamaEmbed
from locara.inference.native import Model


def load_chat(path: Path, digest: Digest, *, context_tokens: int = DEFAULT_CONTEXT) -> LlamaChat:
    """Return the chat model in the file, after its full digest and header were checked.

    Raises ModelError (`not_cached`, `digest_mismatch`, `bad_format`, `unknown_model`) or InferenceError
    `model_error` when the model is no chat model this version can use.
    """
    model = Model(path, digest)
    try:
        return LlamaChat(model, context_tokens=context_tokens)
    except BaseException:
        model.close()
        raise


def load_embed(path: Path, digest: Digest) -> LlamaEmbed:
    """Return the embedding model in the file, checked and failing as in `load_chat`."""
    model = Model(path, digest)
    try:
        return LlamaEmbed(model)
    except BaseException:
        model.close()
        raise


class LlamaCpp:
    """All models of one process. Each is loaded on first use, by one thread, and kept until `close`.

    `locate` tells where the file of a digest lies, or None; it is the only source of paths.
    """

    def __init__(
        self, locate: Callable[[Digest], Path | None], *, context_tokens: int = DEFAULT_CONTEXT
    ) -> None:
        self._locate = locate
        self._context_tokens = context_tokens
        self._lock = threading.Lock()
        self._chat: dict[Digest, LlamaChat] = {}
        self._embed: dict[Digest, LlamaEmbed] = {}

    def chat(self, digest: Digest) -> ChatBackend:
        """Return the loaded chat model; errors as `load_chat`."""
        with self._lock:
            found = self._chat.get(digest)
            if found is None:
                found = load_chat(self._path(digest), digest, context_tokens=self._context_tokens)
                self._chat[digest] = found
            return found

    def embed(self, digest: Digest) -> EmbedBackend:
        """Return the loaded embedding model; errors as `load_embed`."""
        with self._lock:
            found = self._embed.get(digest)
            if found is None:
                found = self._embed[digest] = load_embed(self._path(digest), digest)
            return found

    def close(self) -> None:
        """Free every model; the next use loads again."""
        with self._lock:
            models: list[LlamaChat | LlamaEmbed] = [*self._chat.values(), *self._embed.values()]
            self._chat.clear()
            self._embed.clear()
        for model in models:
            model.close()

    def _path(self, digest: Digest) -> Path:
        path = self._locate(digest)
        if path is None:
            raise ModelError(
                f"the model {digest} is not in the cache",
                code="not_cached",
                fix="add it with `locara models import FILE`",
            )
        return path

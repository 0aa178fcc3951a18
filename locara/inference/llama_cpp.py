"""The llama.cpp backend: load a pinned model once and keep it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.inference.backend import ChatBackend, EmbedBackend
from locara.inference.chat import DEFAULT_CONTEXT, LlamaChat
from locara.inference.embed import LlamaEmbed
from locara.inference.native import Model
from locara.inference.pool import Pool


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
    """All models of one process. Each is loaded on first use and kept until `close` or `unload_idle`.

    `locate` tells where the file of a digest lies, or None; it is the only source of paths.
    """

    def __init__(
        self, locate: Callable[[Digest], Path | None], *, context_tokens: int = DEFAULT_CONTEXT
    ) -> None:
        self._locate = locate
        self._chat: Pool[LlamaChat] = Pool(
            lambda digest: load_chat(self._path(digest), digest, context_tokens=context_tokens)
        )
        self._embed: Pool[LlamaEmbed] = Pool(lambda digest: load_embed(self._path(digest), digest))

    @property
    def loads(self) -> int:
        """How often a model was loaded."""
        return self._chat.loads + self._embed.loads

    def chat(self, digest: Digest) -> AbstractContextManager[ChatBackend]:
        """The chat model, in memory while the block runs; errors as `load_chat`."""
        return self._chat.lend(digest)

    def embed(self, digest: Digest) -> AbstractContextManager[EmbedBackend]:
        """The embedding model, in memory while the block runs; errors as `load_embed`."""
        return self._embed.lend(digest)

    def unload_idle(self, seconds: float = 0.0) -> int:
        """Free the models that nobody has used for so long; returns how many."""
        return self._chat.unload_idle(seconds) + self._embed.unload_idle(seconds)

    def close(self) -> None:
        """Free every model; the next use loads again."""
        self._chat.close()
        self._embed.close()

    def _path(self, digest: Digest) -> Path:
        path = self._locate(digest)
        if path is None:
            raise ModelError(
                f"the model {digest} is not in the cache",
                code="not_cached",
                fix="add it with `locara models import FILE`",
            )
        return path

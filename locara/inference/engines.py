"""Which engine runs a model file: told by its first bytes, loaded on first use."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.inference.backend import DEFAULT_CONTEXT, ChatBackend, EmbedBackend
from locara.inference.pool import Pool
from locara.inference.safetensors_file import is_safetensors


def load_chat(path: Path, digest: Digest, *, context_tokens: int = DEFAULT_CONTEXT) -> ChatBackend:
    """The chat model in a file: safetensors runs on MLX, everything else is llama.cpp's to judge.

    The bytes looked at here choose the engine and nothing more; the engine checks digest and header itself.
    Raises ModelError or InferenceError.
    """
    if is_safetensors(_start(path)):
        from locara.inference.mlx_chat import load_mlx_chat  # noqa: PLC0415 - native code, only where it is used

        return load_mlx_chat(path, digest, context_tokens=context_tokens)
    from locara.inference import llama_cpp  # noqa: PLC0415 - as above

    return llama_cpp.load_chat(path, digest, context_tokens=context_tokens)


def load_embed(path: Path, digest: Digest) -> EmbedBackend:
    """The embedding model in a file. Raises ModelError or InferenceError."""
    if is_safetensors(_start(path)):
        raise ModelError("embeddings need a model in GGUF", code="bad_format")
    from locara.inference import llama_cpp  # noqa: PLC0415 - as above

    return llama_cpp.load_embed(path, digest)


class Engines:
    """The chat and embedding models of one process, kept until `close` or `unload_idle`.

    `locate` tells where the file of a digest lies, or None; it is the only source of paths.
    """

    def __init__(
        self, locate: Callable[[Digest], Path | None], *, context_tokens: int = DEFAULT_CONTEXT
    ) -> None:
        self._locate = locate
        self._chat: Pool[ChatBackend] = Pool(
            lambda digest: load_chat(self._path(digest), digest, context_tokens=context_tokens)
        )
        self._embed: Pool[EmbedBackend] = Pool(lambda digest: load_embed(self._path(digest), digest))

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


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(9)
    except OSError:
        return b""  # the engine opens it again and says what is wrong

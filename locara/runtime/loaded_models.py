"""The models one app pins: their files inside the sandbox, and the engine that loads them on first use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.errors import CallError

if TYPE_CHECKING:
    from locara.inference.backend import ChatBackend, EmbedBackend
    from locara.inference.llama_cpp import LlamaCpp
    from locara.inference.speech import LiveHearing, SpeechBackend

Locate = Callable[[Digest], Path | None]


class LoadedModels:
    """Answers by the name or pin a manifest gives. Callers have asked the gate before."""

    def __init__(self, grants: Grants, locate: Locate) -> None:
        self._grants = grants
        self._locate = locate
        self._engine: LlamaCpp | None = None
        self._speech: dict[Digest, SpeechBackend] = {}
        self.live: dict[str, tuple[str, LiveHearing]] = {}
        """The open streams of speech by name: the model asked for, and what was heard so far."""

    def size(self, digest: Digest) -> int | None:
        """Bytes of a pinned model, or None when it is not on this machine."""
        path = self._locate(digest)
        return None if path is None else path.stat().st_size

    def chat(self, model: str) -> ChatBackend:
        """The loaded chat model. Raises ModelError or InferenceError."""
        return self._loaded().chat(self._digest(model))

    def embedder(self, model: str) -> EmbedBackend:
        """The loaded embedding model. Raises ModelError or InferenceError."""
        return self._loaded().embed(self._digest(model))

    def speech(self, model: str) -> SpeechBackend:
        """The loaded speech model. Raises ModelError or InferenceError."""
        digest = self._digest(model)
        found = self._speech.get(digest)
        if found is None:
            # Another worker than the one of `_loaded` calls this, and it too is one.
            from locara.inference.whisper import Whisper  # noqa: PLC0415

            path = self._locate(digest)
            if path is None:
                raise CallError("the model is not on this machine", code="model_unavailable")
            found = self._speech[digest] = Whisper(path, digest)
        return found

    def _digest(self, model: str) -> Digest:
        name, at, digest = model.partition("@")
        pinned = self._grants.models.get(name)
        if pinned is None or (at and str(pinned) != digest):
            raise CallError("the manifest does not pin this model", code="model_unavailable")
        return pinned

    def _loaded(self) -> LlamaCpp:
        if self._engine is None:
            # Native code is loaded only by an app that uses a model. One worker calls this, so there is no
            # race.
            from locara.inference.llama_cpp import LlamaCpp  # noqa: PLC0415

            self._engine = LlamaCpp(self._locate)
        return self._engine

    def close(self) -> None:
        """Free every model."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self.live.clear()
        speech = list(self._speech.values())
        self._speech.clear()
        for loaded in speech:
            loaded.close()


def below(folder: Path) -> Locate:
    """Finds `<folder>/<hex>/model.gguf`."""

    def locate(digest: Digest) -> Path | None:
        path = folder / digest.hex / "model.gguf"
        return path if path.is_file() else None

    return locate

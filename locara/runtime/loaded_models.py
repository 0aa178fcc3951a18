"""The models one app pins: their files inside the sandbox, and the engine that loads them on first use."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.errors import CallError
from locara.runtime.pressure import INTERVAL_S, Gauge, PressureWatch

if TYPE_CHECKING:
    from locara.inference.backend import ChatBackend, EmbedBackend
    from locara.inference.engines import Engines
    from locara.inference.pool import Pool
    from locara.inference.speech import LiveHearing, SpeechBackend

Locate = Callable[[Digest], Path | None]
IDLE_S: Final = 5.0
"""Seconds a model must have been idle before it is unloaded: not between two calls that belong together."""


class LoadedModels:
    """Answers by the name or pin a manifest gives. Callers have asked the gate before.

    A model is lent for a block and stays in memory at least as long. While `gauge` says that memory is short,
    models that have been idle for a while are unloaded; the next use loads them again.
    """

    def __init__(
        self,
        grants: Grants,
        locate: Locate,
        *,
        gauge: Gauge | None = None,
        interval: float = INTERVAL_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self._grants = grants
        self._locate = locate
        self._gauge, self._interval, self._idle_s = gauge, interval, idle_s
        self._lock = threading.Lock()
        self._engine: Engines | None = None
        self._speech: Pool[SpeechBackend] | None = None
        self._watch: PressureWatch | None = None
        self.live: dict[str, tuple[str, LiveHearing]] = {}
        """The open streams of speech by name: the model asked for, and what was heard so far."""

    @property
    def loads(self) -> int:
        """How often a model was loaded."""
        return (self._engine.loads if self._engine else 0) + (self._speech.loads if self._speech else 0)

    def size(self, digest: Digest) -> int | None:
        """Bytes of a pinned model, or None when it is not on this machine."""
        path = self._locate(digest)
        return None if path is None else path.stat().st_size

    def chat(self, model: str) -> AbstractContextManager[ChatBackend]:
        """The chat model, for a block. Raises ModelError or InferenceError."""
        return self._loaded().chat(self._digest(model))

    def embedder(self, model: str) -> AbstractContextManager[EmbedBackend]:
        """The embedding model, for a block. Raises ModelError or InferenceError."""
        return self._loaded().embed(self._digest(model))

    def speech(self, model: str) -> AbstractContextManager[SpeechBackend]:
        """The speech model, for a block. Raises ModelError or InferenceError."""
        digest = self._digest(model)
        with self._lock:
            if self._speech is None:
                # Native code is loaded only by an app that uses a model.
                from locara.inference.pool import Pool  # noqa: PLC0415

                self._speech = Pool(self._load_speech)
                self._begin_watch()
            return self._speech.lend(digest)

    def unload_idle(self, seconds: float = 0.0) -> int:
        """Free the models that nobody has used for so long; returns how many. Open streams keep theirs."""
        unloaded = self._engine.unload_idle(seconds) if self._engine is not None else 0
        if self._speech is not None and not self.live:
            unloaded += self._speech.unload_idle(seconds)
        return unloaded

    def _load_speech(self, digest: Digest) -> SpeechBackend:
        from locara.inference.whisper import Whisper  # noqa: PLC0415 - native code, as above

        path = self._locate(digest)
        if path is None:
            raise CallError("the model is not on this machine", code="model_unavailable")
        return Whisper(path, digest)

    def _digest(self, model: str) -> Digest:
        name, at, digest = model.partition("@")
        pinned = self._grants.models.get(name)
        if pinned is None or (at and str(pinned) != digest):
            raise CallError("the manifest does not pin this model", code="model_unavailable")
        return pinned

    def _loaded(self) -> Engines:
        with self._lock:
            if self._engine is None:
                from locara.inference.engines import Engines  # noqa: PLC0415 - native code, as above

                self._engine = Engines(self._locate)
                self._begin_watch()
            return self._engine

    def _begin_watch(self) -> None:
        if self._gauge is not None and self._watch is None:
            self._watch = PressureWatch(self._gauge, self._relieve, interval=self._interval)

    def _relieve(self) -> None:
        unloaded = self.unload_idle(self._idle_s)
        if unloaded:
            print(f"locara: memory is short; unloaded {unloaded} idle models", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Free every model."""
        if self._watch is not None:
            self._watch.close()
        self.live.clear()
        for loaded in (self._engine, self._speech):
            if loaded is not None:
                loaded.close()
        self._engine = self._speech = None


def below(folder: Path) -> Locate:
    """Finds `<folder>/<hex>/model.gguf`."""

    def locate(digest: Digest) -> Path | None:
        path = folder / digest.hex / "model.gguf"
        return path if path.is_file() else None

    return locate

"""Sentence embeddings on the native library."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from locara.errors import InferenceError
from locara.inference.backend import Cancellation, Embeddings
from locara.inference.native import Library, Model, library
from locara.inference.parameters import check_texts

MAX_CONTEXT = 2048
_MEAN_POOLING = 1


class LlamaEmbed:
    """An embedding model. Texts are evaluated one by one, so a vector never depends on other texts."""

    def __init__(self, model: Model) -> None:
        """Take over a loaded model; raises InferenceError `model_error` when it does not pool."""
        self._lib = library()
        self._model = model
        self.context_tokens = min(model.trained_context, MAX_CONTEXT)
        self.dimensions: int = self._lib.llama_model_n_embd(model.pointer)
        self._context = _make_context(self._lib, model, self.context_tokens)
        self._busy = threading.Lock()
        self._borders = _borders(self._lib, model)

    def close(self) -> None:
        """Free the context and the model; waits for running work. A second call does nothing."""
        with self._busy:
            if self._context is not None:
                context, self._context = self._context, None
                self._lib.llama_free(context)
                self._model.close()

    def embed(self, texts: Sequence[str], cancel: Cancellation | None = None) -> Embeddings:
        """Return one vector of length 1 for each of 1 to 64 texts, in their order.

        Raises InferenceError: `bad_request`; `context_overflow` when a text has more tokens than the model
        can see (it is never cut silently); `cancelled` when `cancel` is set before the last text is done.
        """
        check_texts(texts)
        prompts = []
        for index, text in enumerate(texts):
            prompt = self.tokens(text)
            if len(prompt) > self.context_tokens:
                raise InferenceError(
                    f"text {index} has {len(prompt)} tokens, this model sees at most {self.context_tokens}",
                    code="context_overflow",
                    fix="split the text into smaller pieces",
                )
            prompts.append(prompt)
        vectors = []
        with self._busy:
            if self._context is None:
                raise InferenceError("the model was closed", code="model_error")
            for prompt in prompts:
                if cancel is not None and cancel.is_set():
                    raise InferenceError("the work was cancelled", code="cancelled")
                vectors.append(self._vector(prompt))
        return Embeddings(tuple(vectors), self.dimensions, sum(map(len, prompts)))

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a text with the border tokens the model was trained with."""
        first, last = self._borders
        return first + self._model.tokenize(text.encode("utf-8"), special=False) + last

    def _vector(self, prompt: list[int]) -> tuple[float, ...]:
        import numpy as np  # noqa: PLC0415 - slow to load

        lib = self._lib
        tokens = (lib.llama_token * len(prompt))(*prompt)
        if lib.llama_decode(self._context, lib.llama_batch_get_one(tokens, len(prompt))) != 0:
            raise InferenceError("the model could not be evaluated", code="model_error")
        found = lib.llama_get_embeddings_seq(self._context, 0)
        if not found:
            raise InferenceError("the model returned no vector", code="model_error")
        vector = np.ctypeslib.as_array(found, shape=(self.dimensions,)).astype(np.float64)
        length = float(np.sqrt(vector @ vector))
        if not np.isfinite(length) or length == 0:
            raise InferenceError("the model returned no usable vector", code="model_error")
        return tuple((vector / length).astype(np.float32).tolist())


def _make_context(lib: Library, model: Model, tokens: int) -> Any:  # noqa: ANN401  (a native pointer)
    parameters = lib.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = tokens
    parameters.n_seq_max = 1
    parameters.n_threads = parameters.n_threads_batch = model.threads
    parameters.no_perf = True
    parameters.embeddings = True
    context = lib.llama_init_from_model(model.pointer, parameters)
    if not context:
        raise InferenceError("there is not enough memory for this model's context", code="model_error")
    if lib.llama_pooling_type(context) != _MEAN_POOLING:
        lib.llama_free(context)
        raise InferenceError(
            "this model does not give one vector for a text (mean pooling)", code="model_error"
        )
    return context


def _borders(lib: Library, model: Model) -> tuple[list[int], list[int]]:
    """The tokens that stand before and after every text: for BERT `[CLS]` and `[SEP]`."""
    begin = (
        [int(lib.llama_vocab_bos(model.vocabulary))] if lib.llama_vocab_get_add_bos(model.vocabulary) else []
    )
    ends = lib.llama_vocab_get_add_sep(model.vocabulary) or lib.llama_vocab_get_add_eos(model.vocabulary)
    end = [int(lib.llama_vocab_sep(model.vocabulary))] if ends else []
    return begin, end

"""Keeping a generation inside a grammar."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from locara.errors import InferenceError
from locara.inference.grammar import to_gbnf
from locara.inference.native import Model, library
from locara.inference.schema import Shape

_IMPOSSIBLE = float("-inf")


class Constraint:
    """The grammar of one request, as far as its text has come.

    The sampler chooses first and the grammar only judges that one token; the whole vocabulary is masked
    only after a refusal. Masking it for every token would cost milliseconds for each.
    """

    def __init__(self, model: Model, shape: Shape) -> None:
        """Compile the grammar of a shape; raises InferenceError `bad_request` when it is too complex."""
        lib = self._lib = library()
        self._count = model.token_count
        self._grammar = lib.llama_sampler_init_grammar(
            model.vocabulary, to_gbnf(shape).encode("utf-8"), b"root"
        )
        if not self._grammar:
            raise InferenceError("this schema is too complex", code="bad_request")
        self._one = (lib.llama_token_data * 1)()
        self._item = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self._vocabulary_end = {
            token for token in range(model.token_count) if lib.llama_vocab_is_eog(model.vocabulary, token)
        }

    def close(self) -> None:
        """Free the grammar; a second call does nothing."""
        if self._grammar is not None:
            grammar, self._grammar = self._grammar, None
            self._lib.llama_sampler_free(grammar)

    def choose(self, token: int, sampler: Any, context: Any) -> int:  # noqa: ANN401  (native pointers)
        """Return `token` when the grammar allows it, else the sampler's choice among the allowed ones.

        Raises InferenceError `model_error` when no token of the vocabulary can continue.
        """
        if not self._allows(token):
            token = self._choose_again(sampler, context)
        if token not in self._vocabulary_end:
            self._lib.llama_sampler_accept(self._grammar, token)
        return token

    def _allows(self, token: int) -> bool:
        lib = self._lib
        self._one[0] = lib.llama_token_data(token, 1.0, 0.0)
        candidates = lib.llama_token_data_array(self._one, 1, -1, False)
        lib.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        return bool(self._one[0].logit > _IMPOSSIBLE)

    def _choose_again(self, sampler: Any, context: Any) -> int:  # noqa: ANN401  (native pointers)
        lib = self._lib
        logits = np.ctypeslib.as_array(lib.llama_get_logits_ith(context, -1), shape=(self._count,))
        items = np.zeros(self._count, dtype=self._item)
        items["id"] = np.arange(self._count, dtype=np.int32)
        items["logit"] = logits
        data = items.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
        candidates = lib.llama_token_data_array(data, self._count, -1, False)
        lib.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        if not (items["logit"] > _IMPOSSIBLE).any():
            raise InferenceError("no token of this model can continue the schema", code="model_error")
        lib.llama_sampler_apply(sampler, ctypes.byref(candidates))
        chosen = candidates.selected
        if not 0 <= chosen < candidates.size or not candidates.data[chosen].logit > _IMPOSSIBLE:
            raise InferenceError("no token of this model can continue the schema", code="model_error")
        return int(candidates.data[chosen].id)

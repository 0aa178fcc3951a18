"""Keeping a generation inside a grammar, and its bytes inside UTF-8."""

from __future__ import annotations

import codecs
import ctypes
from typing import TYPE_CHECKING, Any

from locara.errors import InferenceError
from locara.inference.grammar import to_gbnf
from locara.inference.native import Model, library
from locara.inference.schema import Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_IMPOSSIBLE = float("-inf")


class Constraint:
    """The grammar of one request, as far as its text has come.

    The sampler chooses first and the grammar only judges that one token; the whole vocabulary is masked
    only after a refusal. Masking it for every token would cost milliseconds for each.
    """

    def __init__(self, model: Model, shape: Shape) -> None:
        """Compile the grammar of a shape; raises InferenceError `bad_request` when it is too complex."""
        lib = self._lib = library()
        self._model = model
        rules = to_gbnf(shape).encode("utf-8")
        with model.held():
            self._grammar = lib.llama_sampler_init_grammar(model.vocabulary, rules, b"root")
        if not self._grammar:
            raise InferenceError("this schema is too complex", code="bad_request")
        self._one = (lib.llama_token_data * 1)()
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")

    def close(self) -> None:
        """Free the grammar; a second call does nothing."""
        if self._grammar is not None:
            grammar, self._grammar = self._grammar, None
            self._lib.llama_sampler_free(grammar)

    def choose(self, token: int, sampler: Any, context: Any) -> int:  # noqa: ANN401  (native pointers)
        """Return `token` when it may come next, else the sampler's choice among those that may.

        Raises InferenceError `model_error` when no token of the vocabulary can continue.
        """
        if not (self._allows(token) and self._is_text(token)):
            token = self._choose_again(sampler, context)
        if token not in self._model.end_tokens:
            self._lib.llama_sampler_accept(self._grammar, token)
            self._decoder.decode(self._model.piece(token))
        return token

    def _allows(self, token: int) -> bool:
        lib = self._lib
        self._one[0] = lib.llama_token_data(token, 1.0, 0.0)
        candidates = lib.llama_token_data_array(self._one, 1, -1, False)
        lib.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        return bool(self._one[0].logit > _IMPOSSIBLE)

    def _is_text(self, token: int) -> bool:
        """Whether the bytes so far and those of the token begin a valid UTF-8 text.

        Tokens can be single bytes, and the native grammar takes broken sequences for characters. It takes a control
        token for the letters of its name, too, which never become part of the text.
        """
        piece = self._model.piece(token)
        if not piece:
            return token in self._model.end_tokens
        state = self._decoder.getstate()
        try:
            self._decoder.decode(piece)
            return _completable(self._decoder.getstate()[0])
        except UnicodeDecodeError:
            return False
        finally:
            self._decoder.setstate(state)

    def _choose_again(self, sampler: Any, context: Any) -> int:  # noqa: ANN401  (native pointers)
        import numpy as np  # noqa: PLC0415 - slow to load, and most answers keep to their schema

        lib, count = self._lib, self._model.token_count
        items = np.zeros(count, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        items["id"] = np.arange(count, dtype=np.int32)
        items["logit"] = np.ctypeslib.as_array(lib.llama_get_logits_ith(context, -1), shape=(count,))
        self._apply(self._grammar, items)
        while (items["logit"] > _IMPOSSIBLE).any():
            chosen = self._apply(sampler, items.copy())
            if not self._allows(chosen):
                break
            if self._is_text(chosen):
                return chosen
            items["logit"][chosen] = _IMPOSSIBLE
        raise InferenceError("no token of this model can continue the schema", code="model_error")

    def _apply(self, sampler: Any, items: NDArray[np.void]) -> int:  # noqa: ANN401  (a native pointer)
        """Let a native sampler work on the candidates in place; return the id it selected, or -1."""
        lib = self._lib
        data = items.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
        candidates = lib.llama_token_data_array(data, len(items), -1, False)
        lib.llama_sampler_apply(sampler, ctypes.byref(candidates))
        at = candidates.selected
        return int(candidates.data[at].id) if 0 <= at < candidates.size else -1


def _completable(pending: bytes) -> bool:
    """Whether an open sequence can still become a character; the decoder notices half of a pair late."""
    if not pending:
        return True
    missing = (2 if pending[0] < 0xE0 else 3 if pending[0] < 0xF0 else 4) - len(pending)
    for continuation in (b"\x80", b"\xbf"):
        try:
            (pending + continuation * missing).decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False

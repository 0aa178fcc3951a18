"""Chat on MLX, behind the same interface as llama.cpp. Schemas and forced calls need a grammar, which it has not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from locara.core.digest import Digest
from locara.errors import InferenceError, ModelError
from locara.inference.backend import (
    CancelFlag,
    Cancellation,
    ChatEvent,
    ChatRequest,
    Finish,
    FinishReason,
    Message,
    Usage,
)
from locara.inference.bpe import Bpe
from locara.inference.conversation import Conversation, Prompt
from locara.inference.mlx_model import MlxModel
from locara.inference.parameters import check
from locara.inference.turns import Turns

STEP = 256


def load_mlx_chat(path: Path, digest: Digest, *, context_tokens: int) -> MlxChat:
    """The chat model in a safetensors file, after its digest, header and tensors were checked.

    Raises ModelError (`not_cached`, `digest_mismatch`, `bad_format`, `unknown_model`) or InferenceError
    `model_error` when its template is unusable.
    """
    return MlxChat(MlxModel(path, digest), context_tokens=context_tokens)


class MlxChat:
    """A chat model. Requests run one after the other, each from an empty memory."""

    def __init__(self, model: MlxModel, *, context_tokens: int) -> None:
        """Take over a loaded model. Raises ModelError `bad_format` or InferenceError `model_error`."""
        it = model.described
        try:
            self._tokenizer = Bpe(it.tokens, it.merges, it.special)
        except (ValueError, KeyError) as error:
            raise ModelError("the model's vocabulary is not byte-level BPE", code="bad_format") from error
        names = {number: text for text, number in it.special.items()}
        begin = "" if it.begin is None else names.get(it.begin, "")
        end = names.get(it.end[0], "")
        self._conversation = Conversation(it.template, bos=begin, eos=end, control=tuple(it.special))
        self._marks = {number: text.encode() for number, text in names.items() if text in self._markers()}
        self._ends = frozenset(it.end)
        self._model: MlxModel | None = model
        self.context_tokens = min(it.context, context_tokens)
        self._turns = Turns()

    def close(self) -> None:
        """Free the model; waits for a running request. A second call does nothing."""
        self._turns.take()
        self._model = None
        self._turns.give()

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a conversation."""
        return self._conversation.prompt(ChatRequest(messages), self._tokenizer.tokenize).tokens

    def stream(self, request: ChatRequest, cancel: Cancellation | None = None) -> Iterator[ChatEvent]:
        """Generate an answer, as `LlamaChat.stream`; a schema or a forced call is refused as `bad_request`."""
        start = perf_counter()
        check(request)
        self._conversation.check(request)
        if request.schema is not None or request.forced is not None:
            raise InferenceError(
                "this backend cannot keep an answer to a schema",
                code="bad_request",
                fix="use a model in GGUF for schemas and forced tool calls",
            )
        prompt = self._conversation.prompt(request, self._tokenizer.tokenize)
        if len(prompt.tokens) >= self.context_tokens:
            raise InferenceError(
                f"the conversation has {len(prompt.tokens)} tokens, this model can hold {self.context_tokens}",
                code="context_overflow",
                fix="send fewer or shorter messages",
            )
        return self._run(request, prompt, cancel or CancelFlag(), start)

    def _markers(self) -> set[str]:
        found = self._conversation
        think = {found.think.open, found.think.close} if found.think else set()
        return think | ({found.calls.open, found.calls.close} if found.calls else set())

    def _run(
        self, request: ChatRequest, prompt: Prompt, cancel: Cancellation, start: float
    ) -> Iterator[ChatEvent]:
        if not self._turns.take(cancel):
            yield Finish("cancelled", "", _usage(prompt, 0, start, None, 0))
            return
        try:
            if self._model is None:
                raise InferenceError("the model was closed", code="model_error")
            yield from self._generate(self._model, request, prompt, cancel, start)
        finally:
            self._turns.give()

    def _generate(
        self, model: MlxModel, request: ChatRequest, prompt: Prompt, cancel: Cancellation, start: float
    ) -> Iterator[ChatEvent]:
        room = self.context_tokens - len(prompt.tokens)
        limit = room if request.max_tokens is None else min(request.max_tokens, room)
        reply = self._conversation.reply(request, thinking=prompt.thinking)
        draw = np.random.default_rng(request.seed)
        memory = model.fresh()
        count = reasoned = 0
        first: float | None = None
        reason: FinishReason = "length"
        logits: Any = None
        for at in range(0, len(prompt.tokens), STEP):
            if cancel.is_set():
                break
            logits = model.step(prompt.tokens[at : at + STEP], memory)
            np.array(logits)  # MLX computes when it is asked for a result: now, so that a cancel is seen
        while not cancel.is_set():
            token = _choose(np.array(logits, np.float64), request, draw)
            if token in self._ends:
                reason = "stop"
                break
            count += 1
            events = reply.push(self._marks.get(token) or self._tokenizer.piece(token))
            reasoned += reply.is_thinking
            first = first or perf_counter()
            yield from events
            if reply.stopped:
                reason = "stop"
            if reply.stopped or count == limit:
                break
            if not cancel.is_set():
                logits = model.step([token], memory)
        if cancel.is_set() and reason != "stop" and count < limit:
            reason = "cancelled"
        else:
            yield from reply.finish()
        usage = _usage(prompt, count, start, first, reasoned)
        yield Finish(reason, reply.text, usage, None, reply.reasoning, tuple(reply.calls))


def _usage(prompt: Prompt, count: int, start: float, first: float | None, reasoned: int) -> Usage:
    total = (perf_counter() - start) * 1e3
    return Usage(
        len(prompt.tokens), count, total, total if first is None else (first - start) * 1e3, reasoned
    )


def _choose(logits: NDArray[np.float64], request: ChatRequest, draw: np.random.Generator) -> int:
    """Greedy for temperature 0, else top-k, top-p, temperature and a seeded draw, in this order."""
    if not np.isfinite(logits).all():
        raise InferenceError("the model could not be evaluated", code="model_error")
    if request.temperature == 0:
        return int(logits.argmax())
    order = np.argsort(-logits, kind="stable")
    if request.top_k:
        order = order[: request.top_k]
    kept = logits[order]
    if request.top_p < 1:
        shares = _softmax(kept)
        enough = int(np.searchsorted(np.cumsum(shares), request.top_p)) + 1
        order, kept = order[:enough], kept[:enough]
    return int(draw.choice(order, p=_softmax(kept / request.temperature)))


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.exp(values - values.max())
    shares /= shares.sum()
    return shares

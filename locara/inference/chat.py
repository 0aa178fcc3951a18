"""Chat on the native library: one decode loop, written out, with nothing per token that need not be."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Any

from locara.errors import InferenceError
from locara.inference.backend import (
    DEFAULT_CONTEXT,
    CancelFlag,
    Cancellation,
    ChatEvent,
    ChatRequest,
    Finish,
    FinishReason,
    Message,
    Usage,
)
from locara.inference.calls import read_calls
from locara.inference.constraint import Constraint
from locara.inference.conversation import Conversation, Prompt
from locara.inference.markers import CallSyntax
from locara.inference.native import Library, Model, library
from locara.inference.parameters import check
from locara.inference.reply import Reply
from locara.inference.schema import Shape, conforms
from locara.inference.template import CHATML
from locara.inference.turns import Turns
from locara.records import dataclass

BATCH = 512
_ABORTED = 2


@dataclass(frozen=True, slots=True)
class _Work:
    """One request on its way through the model; `start` is when it was accepted."""

    request: ChatRequest
    prompt: Prompt
    shape: Shape | None
    constraint: Constraint | None
    cancel: Cancellation
    start: float

    def usage(self, count: int, first: float | None, reasoned: int = 0) -> Usage:
        """Return the counts and times so far; without a first token, its time is the whole time."""
        now = perf_counter()
        total = (now - self.start) * 1e3
        first_ms = total if first is None else (first - self.start) * 1e3
        return Usage(len(self.prompt.tokens), count, total, first_ms, reasoned)


class LlamaChat:
    """A chat model with one context. Requests to it run one after the other, in the order they came.

    Every request starts from an empty context: its text depends on the request alone, never on what was asked
    before, by this or another conversation.
    """

    def __init__(self, model: Model, *, context_tokens: int = DEFAULT_CONTEXT) -> None:
        """Take over a loaded model.

        Raises InferenceError `model_error` when no context fits into memory or the chat template is unusable.
        """
        self._lib = library()
        self._model = model
        self.context_tokens = min(model.trained_context, context_tokens)
        self._turns = Turns()
        self._first = _beginning(self._lib, model)
        control = [text for text in model.control_texts() if len(text) > 1]
        self._conversation = _conversation(self._lib, model, control)
        self._marks = _marks(model, self._conversation)
        self._context = _make_context(self._lib, model, self.context_tokens)
        self._memory = self._lib.llama_get_memory(self._context)

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return self._turns.waiting

    def close(self) -> None:
        """Free the context and the model; waits for a running request. A second call does nothing."""
        self._turns.take()
        try:
            if self._context is not None:
                context, self._context = self._context, None
                self._lib.llama_free(context)
                self._model.close()
        finally:
            self._turns.give()

    def stream(self, request: ChatRequest, cancel: Cancellation | None = None) -> Iterator[ChatEvent]:
        """Generate an answer: deltas in order, then exactly one Finish.

        A set `cancel` ends the work before the next token, with reason "cancelled"; a `CancelFlag` also
        interrupts a long prompt. Leaving the iterator early frees everything and decodes nothing more.

        Raises InferenceError before anything is decoded: `bad_request` (a parameter, the schema, or something
        the model's template has no form for), `context_overflow` (the prompt leaves no room for an answer);
        later only `model_error`.
        """
        start = perf_counter()
        check(request)
        self._conversation.check(request)
        shape = self._conversation.shape(request)
        prompt = self._prompt(request)
        if len(prompt.tokens) >= self.context_tokens:
            raise InferenceError(
                f"the conversation has {len(prompt.tokens)} tokens, this model can hold {self.context_tokens}",
                code="context_overflow",
                fix="send fewer or shorter messages",
            )
        constraint = None if shape is None else Constraint(self._model, shape)
        return self._run(_Work(request, prompt, shape, constraint, cancel or CancelFlag(), start))

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a conversation."""
        return self._prompt(ChatRequest(messages)).tokens

    def _prompt(self, request: ChatRequest) -> Prompt:
        def tokenize(text: str) -> list[int]:
            return self._model.tokenize(text.encode("utf-8"), special=True)

        prompt = self._conversation.prompt(request, tokenize)
        if self._first is not None and prompt.tokens[:1] != [self._first]:
            prompt.tokens.insert(0, self._first)
        return prompt

    def _run(self, work: _Work) -> Iterator[ChatEvent]:
        """Wait for the context, generate, and free what the request used, whatever happens."""
        with ExitStack() as cleanup:
            if work.constraint is not None:
                cleanup.callback(work.constraint.close)
            if not self._turns.take(work.cancel):
                yield Finish("cancelled", "", work.usage(0, None))
                return
            cleanup.callback(self._turns.give)
            if self._context is None:
                raise InferenceError("the model was closed", code="model_error")
            if isinstance(work.cancel, CancelFlag):
                self._watch(work.cancel.address)
                cleanup.callback(self._watch, None)
            sampler = _sampler(self._lib, work.request)
            cleanup.callback(self._lib.llama_sampler_free, sampler)
            yield from self._generate(work, sampler)

    def _generate(self, work: _Work, sampler: Any) -> Iterator[ChatEvent]:  # noqa: ANN401  (a native pointer)
        request, prompt, constraint, cancel = work.request, work.prompt, work.constraint, work.cancel
        lib, context, marks = self._lib, self._context, self._marks
        ends, piece_of = self._model.end_tokens, self._model.piece
        room = self.context_tokens - len(prompt.tokens)
        limit = room if request.max_tokens is None else min(request.max_tokens, room)
        reply = self._conversation.reply(request, thinking=prompt.thinking)
        push = reply.push
        count = reasoned = 0
        first: float | None = None
        reason: FinishReason = "length"
        slot = (lib.llama_token * 1)()
        batch = lib.llama_batch_get_one(slot, 1)
        decode, sample = lib.llama_decode, lib.llama_sampler_sample

        going = self._read_prompt(prompt.tokens, cancel)
        while going:
            token = sample(sampler, context, -1)
            if constraint is not None:
                token = constraint.choose(token, sampler, context)
            if token in ends:
                reason = "stop"
                break
            count += 1
            events = push(marks.get(token) or piece_of(token))
            reasoned += reply.is_thinking
            if first is None:
                first = perf_counter()
            yield from events
            if reply.stopped:
                reason = "stop"
                break
            if count == limit:
                break
            if cancel.is_set():
                going = False
                break
            slot[0] = token
            status = decode(context, batch)
            if status != 0:
                going = self._judge(status)
        if going:
            yield from reply.finish()
        else:
            reason = "cancelled"
        usage = work.usage(count, first, reasoned)
        yield _finish(work, reply, self._conversation.calls, reason, usage)

    def _read_prompt(self, prompt: list[int], cancel: Cancellation) -> bool:
        """Decode the prompt in batches; returns False when the request was cancelled meanwhile."""
        lib = self._lib
        lib.llama_memory_clear(self._memory, False)
        tokens = (lib.llama_token * len(prompt))(*prompt)
        for at in range(0, len(prompt), BATCH):
            if cancel.is_set():
                return False
            part = ctypes.cast(ctypes.byref(tokens, at * ctypes.sizeof(lib.llama_token)), lib.llama_token_p)
            batch = lib.llama_batch_get_one(part, min(BATCH, len(prompt) - at))
            status = lib.llama_decode(self._context, batch)
            if status != 0:
                return self._judge(status)
        return True

    def _judge(self, status: int) -> bool:
        """Return False for an aborted decode; everything else that is not success is an error."""
        if status == _ABORTED:
            return False
        raise InferenceError("the model could not be evaluated", code="model_error")

    def _watch(self, address: int | None) -> None:
        """Let the native code look at a cancel flag between its steps.

        Its callback gets an address and returns whether to stop. libc's strlen does just that for a C
        string whose first byte is the flag, so no step has to wait for the interpreter.
        """
        callback = _strlen(self._lib) if address is not None else self._lib.ggml_abort_callback()
        self._lib.llama_set_abort_callback(self._context, callback, ctypes.c_void_p(address))


def _make_context(lib: Library, model: Model, tokens: int) -> Any:  # noqa: ANN401  (a native pointer)
    parameters = lib.llama_context_default_params()
    parameters.n_ctx = tokens
    parameters.n_batch = parameters.n_ubatch = min(BATCH, tokens)
    parameters.n_seq_max = 1
    parameters.n_threads = parameters.n_threads_batch = model.threads
    parameters.no_perf = True
    context = lib.llama_init_from_model(model.pointer, parameters)
    if not context:
        raise InferenceError("there is not enough memory for this model's context", code="model_error")
    return context


def _sampler(lib: Library, request: ChatRequest) -> Any:  # noqa: ANN401  (a native pointer)
    """Greedy for temperature 0, else top-k, top-p, temperature and a seeded draw, in this order."""
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    if request.temperature == 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_greedy())
        return chain
    if request.top_k:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_k(request.top_k))
    if request.top_p < 1:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_p(request.top_p, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_temp(request.temperature))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_dist(request.seed))
    return chain


def _beginning(lib: Library, model: Model) -> int | None:
    """The token every prompt must begin with, if the vocabulary asks for one."""
    if not lib.llama_vocab_get_add_bos(model.vocabulary):
        return None
    token = int(lib.llama_vocab_bos(model.vocabulary))
    return token if token >= 0 else None


def _conversation(lib: Library, model: Model, control: Sequence[str]) -> Conversation:
    """The model's own template, or ChatML for a vocabulary that has its tokens; never a guess."""
    source = model.metadata("tokenizer.chat_template")
    if source is None:
        if not {"<|im_start|>", "<|im_end|>"} <= set(control):
            raise InferenceError("this model has no chat template", code="model_error")
        source = CHATML
    special = [lib.llama_vocab_bos(model.vocabulary), lib.llama_vocab_eos(model.vocabulary)]
    begin, end = (
        lib.llama_vocab_get_text(model.vocabulary, token).decode("utf-8", "replace") if token >= 0 else ""
        for token in special
    )
    return Conversation(source, bos=begin, eos=end, control=control)


def _marks(model: Model, conversation: Conversation) -> dict[int, bytes]:
    """Control tokens that are markers: they stand for no text elsewhere, and here for their own."""
    texts = [conversation.think.open, conversation.think.close] if conversation.think else []
    texts += [conversation.calls.open, conversation.calls.close] if conversation.calls else []
    found = {}
    for text in filter(None, texts):
        tokens = model.tokenize(text.encode("utf-8"), special=True)
        if len(tokens) == 1 and tokens[0] not in model.end_tokens:
            found[tokens[0]] = text.encode("utf-8")
    return found


def _strlen(lib: Library) -> Any:  # noqa: ANN401  (a native function)
    return ctypes.cast(ctypes.CDLL(None).strlen, lib.ggml_abort_callback)


def _finish(
    work: _Work, reply: Reply, syntax: CallSyntax | None, reason: FinishReason, usage: Usage
) -> Finish:
    """The last event. A complete answer under a schema, or a forced call, keeps to it or is an error."""
    request, text = work.request, reply.text
    value = _parsed(work.shape, text) if work.shape is not None and reason == "stop" else None
    if request.forced is None:
        return Finish(reason, text, usage, value, reply.reasoning, tuple(reply.calls))
    calls = read_calls(text, syntax) if reason == "stop" and syntax is not None else []
    return Finish(reason, "", usage, calls=tuple(calls))


def _parsed(shape: Shape, text: str) -> Any:  # noqa: ANN401  (any JSON value)
    """The JSON value of a complete answer under a shape."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InferenceError("the model's answer is not JSON", code="model_error") from error
    if not conforms(shape, value):
        raise InferenceError("the model's answer does not follow the schema", code="model_error")
    return value

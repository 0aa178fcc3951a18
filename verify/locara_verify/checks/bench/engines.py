"""Our backends and the raw native library on the same file in the same process, as blocks of work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass
from locara_verify.checks.bench.compare import Cost

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.inference.backend import Message
    from locara.inference.chat import LlamaChat
    from locara.inference.embed import LlamaEmbed

BATCH: Final = 512


def clock_for(threads: int) -> Callable[[], float]:
    """The clock for work on so many threads: with one, the thread's processor time."""
    return time.thread_time if threads == 1 else time.perf_counter


@dataclass(frozen=True, slots=True)
class Timing:
    """Processor or wall seconds from the request to the first token, and from there for each further one."""

    first: float
    each: float


class RawChat:
    """llama_decode and the C sampler, as little as a program can do around them."""

    def __init__(self, model: Any, context_tokens: int) -> None:  # noqa: ANN401 - a loaded native model
        from locara.inference.native import library  # noqa: PLC0415 - loads the native library

        lib = self._lib = library()
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = context_tokens
        parameters.n_batch = parameters.n_ubatch = min(BATCH, context_tokens)
        parameters.n_threads = parameters.n_threads_batch = model.threads
        parameters.no_perf = True
        self._context = lib.llama_init_from_model(model.pointer, parameters)
        self.clock = clock_for(model.threads)

    def close(self) -> None:
        """Free the context."""
        self._lib.llama_free(self._context)

    def run(self, prompt: list[int], count: int) -> Timing:
        """Decode a prompt and so many tokens, greedily and without looking at the end token."""
        lib, context = self._lib, self._context
        clock = self.clock
        start = clock()
        lib.llama_memory_clear(lib.llama_get_memory(context), False)
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_greedy())
        tokens = (lib.llama_token * len(prompt))(*prompt)
        lib.llama_decode(context, lib.llama_batch_get_one(tokens, len(prompt)))
        slot = (lib.llama_token * 1)()
        batch = lib.llama_batch_get_one(slot, 1)
        slot[0] = lib.llama_sampler_sample(chain, context, -1)
        first = clock()
        for _ in range(count - 1):
            lib.llama_decode(context, batch)
            slot[0] = lib.llama_sampler_sample(chain, context, -1)
        end = clock()
        lib.llama_sampler_free(chain)
        return Timing(first - start, (end - first) / max(1, count - 1))


@dataclass(frozen=True, slots=True)
class ChatPair:
    """Our chat backend and the raw loop over the same model, for the same prompt and token count."""

    chat: LlamaChat
    raw: RawChat

    def ours(self, messages: list[Message], count: int) -> Timing:
        """What a caller of our backend sees."""
        from locara.inference.backend import ChatRequest, Finish  # noqa: PLC0415

        clock = self.raw.clock
        first: float | None = None
        start = clock()
        for event in self.chat.stream(ChatRequest(messages, max_tokens=count)):
            if first is None:
                first = clock()
            last = event
        end = clock()
        if not isinstance(last, Finish) or last.usage.output_tokens != count or first is None:
            raise ValueError("the benchmark's prompt must make the model write to its limit")
        return Timing(first - start, (end - first) / max(1, count - 1))

    def decode(self, messages: list[Message], count: int) -> tuple[Cost, Cost]:
        """Costs of one further token: ours, raw."""
        prompt = self.chat.prompt(messages)
        return (lambda: self.ours(messages, count).each), (lambda: self.raw.run(prompt, count).each)

    def first(self, messages: list[Message]) -> tuple[Cost, Cost]:
        """Costs of the first token, from text in our case and from tokens in the raw one."""
        prompt = self.chat.prompt(messages)
        return (lambda: self.ours(messages, 1).first), (lambda: self.raw.run(prompt, 1).first)


@contextmanager
def chat_pair(path: Path, digest: Digest) -> Iterator[ChatPair]:
    """Load a chat model once, with two contexts. Raises ModelError or InferenceError."""
    from locara.inference.chat import LlamaChat  # noqa: PLC0415 - loads the native library
    from locara.inference.native import Model  # noqa: PLC0415

    model = Model(path, digest)
    model.threads = 1  # what is compared is the work, not how a busy machine schedules it
    chat = LlamaChat(model)
    raw = RawChat(model, chat.context_tokens)
    try:
        yield ChatPair(chat, raw)
    finally:
        raw.close()
        chat.close()


class RawEmbed:
    """llama_decode on one text's tokens, and the pooled vector as it lies in memory."""

    def __init__(self, model: Any, tokens: int) -> None:  # noqa: ANN401 - a loaded native model
        from locara.inference.native import library  # noqa: PLC0415

        lib = self._lib = library()
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = tokens
        parameters.n_threads = parameters.n_threads_batch = model.threads
        parameters.embeddings = parameters.no_perf = True
        self._context = lib.llama_init_from_model(model.pointer, parameters)
        self.clock = clock_for(model.threads)

    def close(self) -> None:
        """Free the context."""
        self._lib.llama_free(self._context)

    def run(self, prompts: list[list[int]]) -> float:
        """Seconds for one text, over these."""
        lib = self._lib
        start = self.clock()
        for prompt in prompts:
            tokens = (lib.llama_token * len(prompt))(*prompt)
            lib.llama_decode(self._context, lib.llama_batch_get_one(tokens, len(prompt)))
            lib.llama_get_embeddings_seq(self._context, 0)
        return (self.clock() - start) / len(prompts)


@contextmanager
def embed_pair(path: Path, digest: Digest, texts: list[str]) -> Iterator[tuple[LlamaEmbed, Cost, Cost]]:
    """Load an embedding model once, with two contexts; yields it and the costs of one text: ours, raw."""
    from locara.inference.embed import LlamaEmbed  # noqa: PLC0415 - loads the native library
    from locara.inference.native import Model  # noqa: PLC0415

    model = Model(path, digest)
    model.threads = 1
    embedder = LlamaEmbed(model)
    raw = RawEmbed(model, embedder.context_tokens)
    prompts = [embedder.tokens(text) for text in texts]

    def ours() -> float:
        start = raw.clock()
        embedder.embed(texts)
        return (raw.clock() - start) / len(texts)

    try:
        yield embedder, ours, lambda: raw.run(prompts)
    finally:
        raw.close()
        embedder.close()

"""The interface every inference backend has, and the values that pass through it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from locara.records import dataclass

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class PastCall:
    """A tool call of an earlier turn, as the caller tells it. All of it is data."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. The content is data: text that looks like a control token stays text.

    `calls` are what an assistant's turn called; `call_id` names the call that a tool's turn answers.
    """

    role: Role
    content: str
    calls: tuple[PastCall, ...] = ()
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that the model may call in its answer: its name, what it does, the JSON Schema of its input."""

    name: str
    description: str
    schema: Mapping[str, Any]


DEFAULT_CONTEXT: Final = 4_096
"""Tokens a chat model holds at most, where its training allows."""
ANY_TOOL: Final = "*"
"""As `ChatRequest.forced`: whichever of the offered tools."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What to generate. `locara.inference.parameters.check` decides whether the numbers are acceptable.

    temperature 0 is greedy: the likeliest token each time. A seed makes sampling repeatable; without one,
    seed 0 is used, so that equal requests always give equal text. `schema` is a JSON Schema of the subset
    in `locara.inference.schema`; with it the text is one JSON value.

    `tools` are offered to the model. With `forced` (the name of one, or ANY_TOOL) the answer is one call and
    nothing else, and its arguments keep to the tool's schema. `thinking` asks for the model's reasoning.
    """

    messages: Sequence[Message]
    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None
    tools: Sequence[ToolOffer] = ()
    forced: str | None = None
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts and wall times in milliseconds. The end-of-turn token is not counted as output.

    `reasoning_tokens` are those of the output that were reasoning, whether it was asked for or not.
    """

    input_tokens: int
    output_tokens: int
    ms_total: float
    ms_first_token: float
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """The next piece of reasoning, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A tool call as the model wrote it: a wish, which nobody has judged.

    `problem` says why it cannot be read, in words that hold nothing of the model's; name and arguments are
    then whatever could be read of it.
    """

    name: str
    arguments: Mapping[str, Any] | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a generation, always the last event.

    text is everything that was said (the deltas joined). `value` is the parsed JSON when a schema was given
    and the text is complete; it then conforms to the schema. `reasoning` is None unless it was asked for,
    `calls` is empty unless tools were offered.
    """

    reason: FinishReason
    text: str
    usage: Usage
    value: Any = None
    reasoning: str | None = None
    calls: tuple[WrittenCall, ...] = ()


ChatEvent = Delta | Thought | Finish


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector of length 1 (Euclidean) for each text, in order. input_tokens counts all texts together."""

    vectors: tuple[tuple[float, ...], ...]
    dimensions: int
    input_tokens: int


class Cancellation(Protocol):
    """Anything that can say that the caller has lost interest; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Return True once the work should stop."""
        ...


class ChatBackend(Protocol):
    """A loaded chat model."""

    def stream(self, request: ChatRequest, cancel: Cancellation | None = None) -> Iterator[ChatEvent]:
        """Generate; yields deltas (and thoughts, where asked) and then one Finish. See `LlamaChat.stream`."""
        ...

    def close(self) -> None:
        """Free the model. Calling it twice is allowed."""
        ...


class EmbedBackend(Protocol):
    """A loaded embedding model."""

    def embed(self, texts: Sequence[str], cancel: Cancellation | None = None) -> Embeddings:
        """Return one vector per text."""
        ...

    def close(self) -> None:
        """Free the model. Calling it twice is allowed."""
        ...


class CancelFlag(threading.Event):
    """An event that also interrupts the native library in the middle of a long prompt.

    `set` may be called from any thread, any number of times. The native code reads the one byte at `address`
    itself, without entering Python.
    """

    def __init__(self) -> None:
        super().__init__()
        self._byte = ctypes.create_string_buffer(2)

    @property
    def address(self) -> int:
        """Where the flag lies in memory: a C string, empty until it is set."""
        return ctypes.addressof(self._byte)

    def set(self) -> None:
        """Ask for an end of the work."""
        self._byte[0] = b"\1"
        super().set()

    def clear(self) -> None:
        """Take the wish back; for a flag that is used again."""
        super().clear()
        self._byte[0] = b"\0"

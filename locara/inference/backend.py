"""The interface every inference backend has, and the values that pass through it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. The content is data: text that looks like a control token stays text."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What to generate. `locara.inference.parameters.check` decides whether the numbers are acceptable.

    temperature 0 is greedy: the likeliest token each time. A seed makes sampling repeatable; without one,
    seed 0 is used, so that equal requests always give equal text. `schema` is a JSON Schema of the subset
    in `locara.inference.schema`; with it the text is one JSON value.
    """

    messages: Sequence[Message]
    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts and wall times in milliseconds. The end-of-turn token is not counted as output."""

    input_tokens: int
    output_tokens: int
    ms_total: float
    ms_first_token: float


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a generation, always the last event.

    text is everything that was generated (the deltas joined). `value` is the parsed JSON when a schema was
    given and the text is complete; it then conforms to the schema.
    """

    reason: FinishReason
    text: str
    usage: Usage
    value: Any = None


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

    def stream(self, request: ChatRequest, cancel: Cancellation | None = None) -> Iterator[Delta | Finish]:
        """Generate; yields deltas and then one Finish. See `locara.inference.llama_cpp` for errors."""
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

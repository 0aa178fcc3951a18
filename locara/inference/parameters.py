"""The limits of a request. Nothing outside them reaches native code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from locara.errors import InferenceError
from locara.inference.backend import ChatRequest, Message

ROLES = frozenset({"system", "user", "assistant"})
MAX_MESSAGES = 256
MAX_CONTENT_CHARS = 1_000_000
MAX_TOKENS = 131_072
MAX_TEMPERATURE = 2.0
MAX_TOP_K = 1_000
MAX_SEED = 2**32 - 2  # the largest value is llama.cpp's mark for "choose one"
MAX_STOPS = 8
MAX_STOP_CHARS = 64
MAX_TEXTS = 64
MAX_TEXT_CHARS = 100_000


def check(request: ChatRequest) -> None:
    """Return None when every field is of its type and inside its range.

    Raises InferenceError `bad_request` naming the field. NaN, infinities, booleans and floats where a whole
    number belongs are refused, never rounded.
    """
    _check_messages(request.messages)
    if request.max_tokens is not None:
        _whole("maxTokens", request.max_tokens, 1, MAX_TOKENS)
    _real("temperature", request.temperature, 0.0, MAX_TEMPERATURE)
    _real("topP", request.top_p, 0.0, 1.0)
    if request.top_p == 0:
        raise _refused("topP must be greater than 0")
    _whole("topK", request.top_k, 0, MAX_TOP_K)
    _whole("seed", request.seed, 0, MAX_SEED)
    _check_stops(request.stop)
    if request.schema is not None:
        if not isinstance(request.schema, Mapping):
            raise _refused("schema must be an object")
        if request.stop:
            raise _refused("stop strings cannot be combined with a schema: they would cut the JSON value")


def check_texts(texts: Sequence[Any]) -> None:
    """Return None when the texts to embed are acceptable; raises InferenceError `bad_request`."""
    if isinstance(texts, str) or not isinstance(texts, Sequence) or not 1 <= len(texts) <= MAX_TEXTS:
        raise _refused(f"texts must be a list of 1 to {MAX_TEXTS} strings")
    for text in texts:
        _text("a text", text, MAX_TEXT_CHARS)


def _check_messages(messages: Sequence[Message]) -> None:
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise _refused(f"messages must hold 1 to {MAX_MESSAGES} entries")
    for message in messages:
        if not isinstance(message, Message) or message.role not in ROLES:
            raise _refused("the role of a message is system, user or assistant")
        _text("the content of a message", message.content, MAX_CONTENT_CHARS)


def _check_stops(stops: Sequence[Any]) -> None:
    if isinstance(stops, str) or len(stops) > MAX_STOPS:
        raise _refused(f"stop must be a list of at most {MAX_STOPS} strings")
    for stop in stops:
        _text("a stop string", stop, MAX_STOP_CHARS)
        if not stop:
            raise _refused("a stop string must not be empty")


def _text(name: str, value: object, limit: int) -> None:
    if not isinstance(value, str):
        raise _refused(f"{name} must be a string")
    if len(value) > limit:
        raise _refused(f"{name} is longer than {limit} characters")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise _refused(f"{name} holds half of a surrogate pair, which is not text")


def _whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise _refused(f"{name} must be a whole number from {low} to {high}")


def _real(name: str, value: object, low: float, high: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Compared before converted: a huge integer would overflow a float. NaN fails every comparison.
    if not (is_number and low <= value <= high):  # type: ignore[operator]
        raise _refused(f"{name} must be a number from {low:g} to {high:g}")


def _refused(message: str) -> InferenceError:
    return InferenceError(message, code="bad_request")

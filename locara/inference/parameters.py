"""The limits of a request. Nothing outside them reaches native code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from locara.errors import InferenceError
from locara.inference.backend import ANY_TOOL, ChatRequest, Message, PastCall, ToolOffer

ROLES = frozenset({"system", "user", "assistant", "tool"})
MAX_MESSAGES = 256
MAX_CONTENT_CHARS = 1_000_000
MAX_TOKENS = 131_072
MAX_TEMPERATURE = 2.0
MAX_TOP_K = 1_000
MAX_SEED = 2**32 - 2  # the largest value is llama.cpp's mark for "choose one"
MAX_STOPS = 8
MAX_STOP_CHARS = 64
MAX_TOOLS = 32
MAX_CALLS = 16
MAX_NAME_CHARS = 160
MAX_DATA_NODES = 20_000
MAX_DATA_DEPTH = 32
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
    if request.schema is not None and not isinstance(request.schema, Mapping):
        raise _refused("schema must be an object")
    if request.schema is not None and request.stop:
        raise _refused("stop strings cannot be combined with a schema: they would cut the JSON value")
    if type(request.thinking) is not bool:
        raise _refused("thinking must be true or false")
    _check_tools(request)


def check_texts(texts: Sequence[Any]) -> None:
    """Return None when the texts to embed are acceptable; raises InferenceError `bad_request`."""
    if isinstance(texts, str) or not isinstance(texts, Sequence) or not 1 <= len(texts) <= MAX_TEXTS:
        raise _refused(f"texts must be a list of 1 to {MAX_TEXTS} strings")
    for text in texts:
        _text("a text", text, MAX_TEXT_CHARS)


def _check_messages(messages: Sequence[Message]) -> None:
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise _refused(f"messages must hold 1 to {MAX_MESSAGES} entries")
    open_calls: set[str] = set()
    for message in messages:
        if not isinstance(message, Message) or message.role not in ROLES:
            raise _refused("the role of a message is system, user, assistant or tool")
        _text("the content of a message", message.content, MAX_CONTENT_CHARS)
        _check_calls(message, open_calls)


def _check_calls(message: Message, open_calls: set[str]) -> None:
    """Only an assistant calls, and a tool's turn answers one earlier call that has no answer yet."""
    if (message.role == "tool") != (message.call_id is not None):
        raise _refused("toolCallId belongs to the messages of the role tool, and to each of them")
    if message.call_id is not None:
        if message.call_id not in open_calls:
            raise _refused("toolCallId names no open call of an earlier assistant message")
        open_calls.discard(message.call_id)
    if message.calls and message.role != "assistant":
        raise _refused("only a message of the role assistant has toolCalls")
    if len(message.calls) > MAX_CALLS:
        raise _refused(f"toolCalls must hold at most {MAX_CALLS} entries")
    for call in message.calls:
        if not isinstance(call, PastCall) or not isinstance(call.arguments, Mapping):
            raise _refused("a tool call has an id, a tool and arguments")
        _text("the id of a tool call", call.id, MAX_STOP_CHARS)
        _text("the tool of a tool call", call.name, MAX_NAME_CHARS)
        _check_data("the arguments of a tool call", call.arguments)
        if not call.id or call.id in open_calls:
            raise _refused("the ids of tool calls are not empty and not there twice")
        open_calls.add(call.id)


def _check_tools(request: ChatRequest) -> None:
    if len(request.tools) > MAX_TOOLS:
        raise _refused(f"tools must hold at most {MAX_TOOLS} entries")
    names = {tool.name for tool in request.tools if isinstance(tool, ToolOffer)}
    if len(names) != len(request.tools):
        raise _refused("a tool is offered once")
    forced, plain = request.forced, request.schema is None and not request.stop and not request.thinking
    if forced is not None and forced not in names and not (forced == ANY_TOOL and names):
        raise _refused("toolChoice names none of the tools that are offered")
    if forced is not None and not plain:
        raise _refused("a forced tool call cannot be combined with schema, stop or thinking")
    if request.schema is not None and (request.tools or request.thinking):
        raise _refused("a schema cannot be combined with tools or thinking: the answer is one JSON value")


def _check_data(name: str, value: object) -> None:
    """A JSON value of bounded size, all of whose texts are texts."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    for count in range(MAX_DATA_NODES):
        if not waiting:
            return
        item, depth = waiting.pop()
        if depth > MAX_DATA_DEPTH or count + len(waiting) > MAX_DATA_NODES:
            break
        if isinstance(item, str):
            _text(f"a text in {name}", item, MAX_CONTENT_CHARS)
        elif isinstance(item, Mapping):
            for key, inner in item.items():
                _text(f"a name in {name}", key, MAX_CONTENT_CHARS)
                waiting.append((inner, depth + 1))
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
        elif item is not None and not isinstance(item, bool | int | float):
            raise _refused(f"{name} are not JSON")
    raise _refused(f"{name} are too many or too deep")


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

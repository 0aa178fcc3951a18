"""How one model's conversations are written: its template, its markers, and data that stays data."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from locara.errors import InferenceError
from locara.inference.backend import ANY_TOOL, ChatRequest, Message, PastCall, ToolOffer
from locara.inference.markers import call_syntax, markers, think_markers
from locara.inference.reply import Reply
from locara.inference.schema import Choice, Fields, Items, Literals, Shape, read_schema
from locara.inference.template import ChatTemplate
from locara.records import dataclass

Tokenize = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation as tokens. `thinking` says that reasoning is open at its end."""

    tokens: list[int]
    thinking: bool


class Conversation:
    """Writes prompts for one model and knows how to read what it answers.

    Control tokens come from the template only: where data spells one, or a marker of the template, it is cut
    into pieces that are tokenised apart, so that no document can end a turn, a thought or a tool's result.
    Data is all that the caller and tools bring: contents, names, arguments, descriptions and schemas.
    """

    def __init__(self, source: str, *, bos: str, eos: str, control: Sequence[str]) -> None:
        """Raises InferenceError `model_error` when the template is unusable."""
        self.think = think_markers(source)
        self.calls = call_syntax(source)
        self._template = ChatTemplate(source, bos=bos, eos=eos)
        self._border = secrets.token_hex(16)
        texts = sorted({*control, *markers(source)}, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, texts))) if texts else None

    def check(self, request: ChatRequest) -> None:
        """Raises InferenceError `bad_request` for what this model has no form for."""
        if request.thinking and self.think is None:
            raise _refused("this model's chat template has no reasoning, so it cannot be asked to think")
        if request.tools and self.calls is None:
            raise _refused("this model's chat template calls no tools in a form that this version reads")

    def prompt(self, request: ChatRequest, tokenize: Tokenize) -> Prompt:
        """The tokens of a request. `tokenize` knows the control tokens of the text it is given."""
        text = self._template.render(
            [self._guarded(message) for message in request.messages],
            tools=[self._offered(tool) for tool in request.tools],
            thinking=request.thinking,
        )
        text, thinking = self._settled(text, request)
        if request.forced is not None and self.calls is not None and self.calls.open:
            text += self.calls.open + ("\n" if self.calls.close else "")
        tokens: list[int] = []
        for fragment in text.split(self._border):
            if fragment:
                tokens += tokenize(fragment)
        return Prompt(tokens, thinking)

    def reply(self, request: ChatRequest, *, thinking: bool) -> Reply:
        """What sorts the answer of a request."""
        plain = request.schema is not None or request.forced is not None
        return Reply(
            request.stop,
            think=None if plain else self.think,
            calls=self.calls if request.tools and not plain else None,
            thinking=thinking,
            keep=request.thinking,
            hidden=request.forced is not None,
        )

    def shape(self, request: ChatRequest) -> Shape | None:
        """What the whole answer must be, when a schema or a forced call says so. Raises InferenceError."""
        if request.schema is not None:
            return read_schema(request.schema)
        if request.forced is None or self.calls is None:
            return None
        key = self.calls.key
        wanted = [tool for tool in request.tools if request.forced in (ANY_TOOL, tool.name)]
        one = Choice(tuple(_call_shape(tool, key) for tool in wanted))
        return Items(one, 1, 1) if self.calls.many else one

    def _settled(self, text: str, request: ChatRequest) -> tuple[str, bool]:
        """The prompt with its reasoning closed when none is wanted, and whether it is open."""
        if self.think is None:
            return text, False
        is_open = text.rfind(self.think.open) > text.rfind(self.think.close)
        if is_open and not request.thinking:
            return f"{text}{self.think.close}\n\n", False
        return text, is_open

    def _guarded(self, message: Message) -> Message:
        calls = tuple(
            PastCall(self._guard(call.id), self._guard(call.name), self._data(call.arguments))
            for call in message.calls
        )
        name = None if message.call_id is None else self._guard(message.call_id)
        return replace(message, content=self._guard(message.content), calls=calls, call_id=name)

    def _offered(self, tool: ToolOffer) -> ToolOffer:
        return ToolOffer(self._guard(tool.name), self._guard(tool.description), self._data(tool.schema))

    def _data(self, value: Any) -> Any:  # noqa: ANN401  (any JSON value)
        if isinstance(value, str):
            return self._guard(value)
        if isinstance(value, Mapping):
            return {self._guard(key): self._data(inner) for key, inner in value.items()}
        return [self._data(inner) for inner in value] if isinstance(value, list) else value

    def _guard(self, content: str) -> str:
        if self._control is None:
            return content
        border = self._border
        return self._control.sub(lambda found: border + border.join(found[0]) + border, content)


def _call_shape(tool: ToolOffer, key: str) -> Fields:
    try:
        arguments = read_schema(tool.schema)
    except InferenceError as error:
        raise _refused(f"the tool {tool.name} cannot be forced: its input {error.message}") from error
    name = Literals((f'"{tool.name}"',))
    return Fields((("name", name, True), (key, arguments, True)))


def _refused(message: str) -> InferenceError:
    return InferenceError(message, code="bad_request")

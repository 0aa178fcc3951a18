"""Chat templates: text from a model file that is evaluated, so it is treated as hostile.

A template is Jinja. It runs in an immutable sandbox with allow-lists (filters, tests, globals and string
methods that real chat templates use), and every loop step, call and operation is paid from a fixed budget,
so a template can neither run long nor grow large: no clock is involved and the result is the same on every
machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from locara.errors import InferenceError, LocaraError
from locara.inference.backend import Message, ToolOffer

MAX_TEMPLATE_CHARS: Final = 65_536
MAX_PROMPT_CHARS: Final = 4_000_000
MAX_VALUE_CHARS: Final = 2_000_000
MAX_JSON_DEPTH: Final = 64
FUEL: Final = 200_000
_CHARS_PER_UNIT: Final = 1_024
_MAX_REPEAT: Final = 1_024
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    str: frozenset(
        {"strip", "lstrip", "rstrip", "startswith", "endswith", "split", "lower", "upper", "title"}
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
}
_FILTERS: Final = frozenset(
    {"trim", "length", "count", "first", "last", "list", "lower", "upper", "int", "default"}
)
_TESTS: Final = frozenset(
    [
        "boolean",
        "defined",
        "divisibleby",
        "equalto",
        "even",
        "false",
        "in",
        "integer",
        "iterable",
        "mapping",
        "none",
        "number",
        "odd",
        "sequence",
        "string",
        "true",
        "undefined",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "sameas",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "greaterthan",
        "lessthan",
    ]
)
_KNOWN_GLOBALS: Final = frozenset({"range", "namespace"})

Value = Any  # whatever a template computes with

CHATML: Final = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class _Spent(Exception):
    """The template did too much."""


class _Refused(Exception):
    """The template says that it cannot render this conversation."""


class ChatTemplate:
    """A compiled chat template. One instance may be used by several threads, one rendering at a time."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        """Compile; raises InferenceError `model_error` when the source is not acceptable."""
        self._environment = _Environment()
        self._tokens = {"bos_token": bos, "eos_token": eos}
        if len(source) > MAX_TEMPLATE_CHARS:
            raise _failed(f"it is longer than {MAX_TEMPLATE_CHARS} characters")
        self._environment.spend(-FUEL)
        try:
            self._template = self._environment.from_string(source)
        except Exception as error:  # the engine and Python's compiler fail in many ways on hostile text
            raise _failed("it is not a valid template") from error

    def render(
        self, messages: Sequence[Message], *, tools: Sequence[ToolOffer] = (), thinking: bool = False
    ) -> str:
        """Return the prompt for these messages, ready for the model's answer.

        Tools are shown in the form that templates expect (`type`, `function`); whether reasoning is wanted is
        told under the two names that templates ask for, `enable_thinking` and `thinking`.

        Raises InferenceError: `bad_request` when the template itself rejects the conversation (for example
        roles that do not alternate), `model_error` when it fails or exceeds its budget.
        """
        environment = self._environment
        environment.fuel = FUEL
        variables = {
            "messages": [_turn(message) for message in messages],
            "add_generation_prompt": True,
            "tools": [_function(tool) for tool in tools] or None,
            "enable_thinking": thinking,
            "thinking": thinking,
            **self._tokens,
        }
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._template.generate(variables):
                size += len(piece)
                if size > MAX_PROMPT_CHARS:
                    raise _Spent
                pieces.append(piece)
        except _Refused as error:
            raise InferenceError(
                f"the model's chat template: {str(error)[:200]}", code="bad_request"
            ) from error
        except _Spent as error:
            raise _failed("it does too much") from error
        except LocaraError:
            raise
        except Exception as error:  # whatever model data makes the engine raise, the answer is the same
            raise _failed(type(error).__name__) from error
        return "".join(pieces)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja with allow-lists and a budget."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset()

    def __init__(self) -> None:
        # Not optimised: constants would be computed while compiling, before there is a budget.
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            cache_size=0,
            finalize=self._shown,
            extensions=["jinja2.ext.loopcontrols"],
        )
        self.fuel = 0
        self.filters = {name: function for name, function in self.filters.items() if name in _FILTERS}
        self.filters.update(
            tojson=self._tojson,
            join=self._join,
            string=self._text,
            _steps=self._steps,
            selectattr=self._selectattr,
        )
        self.tests = {name: function for name, function in self.tests.items() if name in _TESTS}
        self.globals = {name: value for name, value in self.globals.items() if name in _KNOWN_GLOBALS}
        self.globals.update(raise_exception=_raise, range=self._range)

    def spend(self, units: int) -> None:
        """Pay for work; raises when the budget is gone."""
        self.fuel -= units
        if self.fuel < 0:
            raise _Spent

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Make loops and `~` visible to the budget, and refuse statements that reach for other templates."""
        tree = super()._parse(source, name, filename)
        for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            raise jinja2.TemplateSyntaxError("other templates cannot be used", node.lineno)
        for loop in tree.find_all((nodes.For,)):
            loop.iter = nodes.Filter(loop.iter, "_steps", [], [], None, None, lineno=loop.lineno)
        _replace_concatenation(tree)
        return tree

    def is_safe_attribute(self, obj: Value, attr: str, value: Value) -> bool:
        """Return True for the few methods and plain members that chat templates use."""
        if attr.startswith("_"):
            return False
        for kind, names in _METHODS.items():
            if isinstance(obj, kind):
                return attr in names
        plain = isinstance(obj, bytes | int | float | list | tuple)
        return not plain and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Value) -> None:
        """Leave `format` to the allow-list, which has it not: a width makes a text of any length."""
        return

    def call_binop(self, context: Context, operator: str, left: Value, right: Value) -> Value:
        """Compute with plain values only: numbers stay small, text and lists only grow by `+`."""
        self.spend(1)
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if numbers and operator != "**" and abs(left) < 2**53 and abs(right) < 2**53:
            return super().call_binop(context, operator, left, right)
        both_text = isinstance(left, str) and isinstance(right, str)
        both_lists = isinstance(left, list) and isinstance(right, list)
        if operator == "+" and (both_text or both_lists):
            size = len(left) + len(right)
            self._afford(size)
            return left + right
        raise _Spent

    def call(__self, __context: Context, __obj: Value, *args: Value, **kwargs: Value) -> Value:
        """Call a function or method that the sandbox allows, for a price that grows with its texts."""
        texts = (__obj.__self__,) if isinstance(getattr(__obj, "__self__", None), str) else ()
        size = sum(len(value) for value in (*texts, *args) if isinstance(value, str))
        __self.spend(10 + size // _CHARS_PER_UNIT)
        return super().call(__context, __obj, *args, **kwargs)

    def _afford(self, size: int) -> None:
        if size > MAX_VALUE_CHARS:
            raise _Spent
        self.spend(1 + size // _CHARS_PER_UNIT)

    def _shown(self, value: Value) -> Value:
        """Only plain values can be printed: the text of a nested list could be exponentially long."""
        if isinstance(value, jinja2.Undefined):
            return ""
        return self._text(value)

    def _text(self, value: Value) -> str:
        if isinstance(value, jinja2.Undefined):
            return ""
        if value is None or isinstance(value, str | bool | int | float):
            text = str(value)
            self._afford(len(text))
            return text
        raise _Spent

    def _steps(self, values: Value) -> list[Value]:
        """Pay for the elements of a loop before it starts."""
        if isinstance(values, jinja2.Undefined):
            return []
        if isinstance(values, list | tuple | range | dict):
            self.spend(len(values))
            return list(values)
        taken = []
        for value in values:
            self.spend(1)
            taken.append(value)
        return taken

    def _range(self, *bounds: int) -> range:
        numbers = range(*bounds)
        if len(numbers) > _MAX_REPEAT:
            raise _Spent
        self.spend(len(numbers))
        return numbers

    def _pay_for_json(self, value: Value) -> None:
        """Pay for all that stands in a value before any of it is written, and refuse what is nested too deep: each
        piece of it is handed up through all levels."""
        self.spend(1)
        waiting = [(value, 0)]
        while waiting:
            item, depth = waiting.pop()
            if not isinstance(item, list | tuple | dict):
                continue
            if depth == MAX_JSON_DEPTH:
                raise _Spent
            inner = item.values() if isinstance(item, dict) else item
            self.spend(1 + len(inner) * (4 if isinstance(item, dict) else 1))  # as many pieces
            waiting += [(each, depth + 1) for each in inner]

    def _tojson(self, value: Value, indent: int | None = None) -> str:
        self._pay_for_json(value)
        pieces = []
        size = 0
        spaces = indent if type(indent) is int and 0 <= indent <= 8 else None
        for piece in json.JSONEncoder(ensure_ascii=False, indent=spaces, allow_nan=False).iterencode(value):
            size += len(piece)
            if size > MAX_VALUE_CHARS:
                raise _Spent
            pieces.append(piece)
        return "".join(pieces)

    def _join(self, values: Iterable[Value], separator: str = "") -> str:
        texts = [self._text(value) for value in values]
        self._afford(sum(map(len, texts)) + len(separator) * len(texts))
        return separator.join(texts)

    def _selectattr(
        self, values: Iterable[Value], name: str, test: str = "", other: Value = None
    ) -> list[Value]:
        """The forms templates use: by truth, or `equalto`/`==` a value."""
        chosen = []
        for value in values:
            self.spend(1)
            found = value.get(name) if isinstance(value, dict) else None
            if (found == other) if test in {"equalto", "==", "eq"} else bool(found):
                chosen.append(value)
        return chosen


def _turn(message: Message) -> dict[str, Value]:
    """A message as templates know it; what it does not have is not there."""
    turn: dict[str, Value] = {"role": message.role, "content": message.content}
    if message.calls:
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    if message.call_id is not None:
        turn["tool_call_id"] = message.call_id
    return turn


def _function(tool: ToolOffer) -> dict[str, Value]:
    inner = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return {"type": "function", "function": inner}


def _replace_concatenation(tree: nodes.Node) -> None:
    """Write `a ~ b` as `a|string + b|string`, which the budget sees."""
    for field, value in list(tree.iter_fields()):
        children = value if isinstance(value, list) else [value]
        replaced = []
        for child in children:
            if isinstance(child, nodes.Node):
                _replace_concatenation(child)
            replaced.append(_sum_of(child) if isinstance(child, nodes.Concat) else child)
        setattr(tree, field, replaced if isinstance(value, list) else replaced[0])


def _sum_of(concatenation: nodes.Concat) -> nodes.Expr:
    line = concatenation.lineno
    texts: list[nodes.Expr] = [
        nodes.Filter(part, "string", [], [], None, None, lineno=line) for part in concatenation.nodes
    ]
    total = texts[0]
    for text in texts[1:]:
        total = nodes.Add(total, text, lineno=line)
    return total


def _raise(message: Value = "") -> None:
    raise _Refused(str(message) if isinstance(message, str) else "it rejects this conversation")


def _failed(why: str) -> InferenceError:
    return InferenceError(f"the model's chat template cannot be used: {why}", code="model_error")

"""How models mark what they write: reasoning and tool calls, told by the model's own chat template.

Nothing is guessed: a template that mentions none of the forms below belongs to a model that does not reason
aloud, or that calls tools in a way this version does not read, and asking it to is an error.
"""

from __future__ import annotations

from typing import Final

from locara.records import dataclass


@dataclass(frozen=True, slots=True)
class ThinkMarkers:
    """What stands before and after reasoning."""

    open: str
    close: str


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """How a call is written: markers around a JSON value, an object or (`many`) an array of objects.

    Without `open` the whole answer is the value; without `close` the value ends the call. `key` is the
    member that holds the arguments, beside `name`.
    """

    open: str
    close: str
    key: str = "arguments"
    many: bool = False


THINKING: Final = (
    ThinkMarkers("<think>", "</think>"),
    ThinkMarkers("[THINK]", "[/THINK]"),
    ThinkMarkers("<|START_THINKING|>", "<|END_THINKING|>"),
    ThinkMarkers("<seed:think>", "</seed:think>"),
    ThinkMarkers("<reasoning>", "</reasoning>"),
    ThinkMarkers("<thinking>", "</thinking>"),
)
TAGGED: Final = CallSyntax("<tool_call>", "</tool_call>")
LISTED: Final = CallSyntax("[TOOL_CALLS]", "", many=True)
BARE: Final = CallSyntax("", "", key="parameters")
# The same marker around something that is no JSON.
_OTHER: Final = ("<function=", "<arg_key>", "[ARGS]")
# Markers that a template writes around what tools gave; data must never become one.
AROUND_DATA: Final = (
    "<tool_response>", "</tool_response>", "<tools>", "</tools>", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
    "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "<|python_tag|>",
)  # fmt: skip


def think_markers(source: str) -> ThinkMarkers | None:
    """The markers of reasoning in a template, or None."""
    return next((pair for pair in THINKING if pair.close in source), None)


def call_syntax(source: str) -> CallSyntax | None:
    """How calls are written under a template, or None when it takes no tools or the form is not read."""
    if "tools" not in source or any(mark in source for mark in _OTHER):
        return None
    for syntax in (TAGGED, LISTED):
        if syntax.open in source:
            return syntax
    return BARE if '"parameters"' in source else None


def markers(source: str) -> tuple[str, ...]:
    """Every marker that a template uses, longest first."""
    known = [mark for pair in THINKING for mark in (pair.open, pair.close)]
    known += [TAGGED.open, TAGGED.close, LISTED.open, *AROUND_DATA]
    return tuple(sorted((mark for mark in known if mark in source), key=len, reverse=True))

"""A second reader of tool calls in a model's answer, from the documented form alone.

The form: `<tool_call>`, white space, one JSON object with exactly `name` (a text) and `arguments` (an object), white
space, `</tool_call>`; no key twice; at most 16 of them. After one that is not so, nothing counts.
"""

from __future__ import annotations

import json
from typing import Any

OPEN = "<tool_call>"
CLOSE = "</tool_call>"
SPACE = " \t\r\n"
MOST = 16

Json = Any


def calls(answer: str) -> list[tuple[str, dict[str, Json]]]:
    """(name, arguments) of every call, in order, up to the first that is none."""
    found: list[tuple[str, dict[str, Json]]] = []
    at = answer.find(OPEN)
    while at >= 0 and len(found) < MOST:
        rest = answer[at + len(OPEN) :].lstrip(SPACE)
        if not rest.startswith("{"):
            break
        try:
            value, end = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_never).raw_decode(rest)
        except ValueError:
            break
        rest = rest[end:].lstrip(SPACE)
        good = isinstance(value, dict) and set(value) == {"name", "arguments"}
        if not rest.startswith(CLOSE):
            break
        if good and isinstance(value["name"], str) and value["name"] and isinstance(value["arguments"], dict):
            found.append((value["name"], value["arguments"]))
        answer = rest[len(CLOSE) :]
        at = answer.find(OPEN)
    return found


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is there twice")
    return made


def _never(word: str) -> Json:
    raise ValueError(f"{word} is no JSON")

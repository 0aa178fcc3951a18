"""A second reader of tool calls in a model's answer, from the documented forms alone.

The first: `<tool_call>`, white space, one JSON object with exactly `name` (a text) and `arguments` (an object), white
space, `</tool_call>`; no key twice; at most 16 of them. After one that is not so, nothing counts.
The second: `[TOOL_CALLS]` and a list of 1 to 16 such objects, all lists together at most 16. The third: the answer
itself is one object with exactly `name` and `parameters`, and nothing after it counts.
"""

from __future__ import annotations

import json
from typing import Any

OPEN = "<tool_call>"
CLOSE = "</tool_call>"
LIST = "[TOOL_CALLS]"
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


def listed(answer: str) -> list[tuple[str, dict[str, Json]]]:
    """The calls of every list, up to the first that is none or one too long."""
    found: list[tuple[str, dict[str, Json]]] = []
    at = answer.find(LIST)
    while at >= 0:
        rest = answer[at + len(LIST) :].lstrip(SPACE)
        value, end = _value(rest)
        if not isinstance(value, list) or not 1 <= len(value) <= MOST - len(found):
            break
        found += [call for one in value if (call := _call(one, "arguments"))]
        answer = rest[end:]
        at = answer.find(LIST)
    return found


def bare(answer: str) -> list[tuple[str, dict[str, Json]]]:
    """The one call that an answer begins with, when it is one."""
    call = _call(_value(answer.lstrip(SPACE))[0], "parameters")
    return [call] if call else []


def _value(text: str) -> tuple[Json, int]:
    try:
        return json.JSONDecoder(object_pairs_hook=_once, parse_constant=_never).raw_decode(text)
    except ValueError:
        return None, 0


def _call(value: Json, key: str) -> tuple[str, dict[str, Json]] | None:
    good = isinstance(value, dict) and set(value) == {"name", key} and isinstance(value[key], dict)
    return (value["name"], value[key]) if good and isinstance(value["name"], str) and value["name"] else None


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is there twice")
    return made


def _never(word: str) -> Json:
    raise ValueError(f"{word} is no JSON")

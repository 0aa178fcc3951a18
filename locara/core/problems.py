"""Validation errors as problems an author can act on: code, words, place, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic_core import ErrorDetails

from locara.core import fields
from locara.core.declarations import UNION_TAGS
from locara.core.scope import NAME_PATTERN, PIN_PATTERN
from locara.core.strict_json import JSON, Place, at, escape, show
from locara.errors import Problem

MAX_PROBLEMS: Final = 50

_FORMS: Final = {
    NAME_PATTERN: "lower-case letters, digits and inner hyphens, at most 64",
    PIN_PATTERN: "a pin is written id@sha256:<64 lower-case hex digits>",
    fields.VERSION_PATTERN: "a version is written MAJOR.MINOR.PATCH",
    fields.URL_PATTERN: "an https address without user name or password",
    fields.EMAIL_PATTERN: "an e-mail address",
    fields.TAG_PATTERN: "lower-case letters, digits and hyphens, at most 32",
    fields.APP_ID_PATTERN: "an app is written publisher/name",
}
_WRONG_TYPE: Final = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "an array",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
}


def translate(
    errors: Iterable[ErrorDetails],
    value: JSON,
    positions: Mapping[str, Place],
    keys: Mapping[str, frozenset[str]],
) -> list[Problem]:
    """Our problems for pydantic's errors. ``keys``: known keys by pointer of the object (``*``: any)."""
    found = []
    for error in errors:
        if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
            continue  # entries are there; those that were refused themselves are not counted by pydantic
        pointer = pointer_of(error["loc"], value)
        index = error.get("ctx", {}).get("at")
        if index is not None:
            pointer = f"{pointer}/{index}"
        found.append((at(positions, pointer), pointer, error))
    found.sort(key=lambda item: (item[0], item[1]))
    return [_problem(error, pointer, place, keys) for place, pointer, error in found[:MAX_PROBLEMS]]


def pointer_of(location: tuple[int | str, ...], value: JSON) -> str:
    """The JSON pointer of an error's location; the names that only the model knows are left out."""
    pointer = ""
    node: Any = value
    for step in location:
        inside = isinstance(node, dict) and step in node
        if step in UNION_TAGS and not inside:
            continue
        pointer = f"{pointer}/{escape(str(step))}"
        listed = isinstance(node, list) and isinstance(step, int) and step < len(node)
        node = node[step] if inside or listed else None
    return pointer


def _problem(error: ErrorDetails, pointer: str, place: Place, keys: Mapping[str, frozenset[str]]) -> Problem:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    parent, _, last = pointer.rpartition("/")
    fix: str | None = None
    code = "bad_value"
    match kind:
        case "missing":
            code, message = "missing_key", f"the key {show(last)} is missing"
        case "extra_forbidden":
            code, message = "unknown_key", f"the key {show(last)} is unknown"
            fix = _meant(last, parent, keys)
        case "bad_value" | "unsupported" | "wrong_type":
            code, message, fix = (
                kind,
                f"{context.get('message') or error['msg']}: {show(given)}",
                context.get("fix"),
            )
        case "string_pattern_mismatch":
            message, fix = (
                f"{show(given)} does not have the form asked for",
                _FORMS.get(context.get("pattern", "")),
            )
        case "literal_error":
            code = "bad_value" if isinstance(given, str | bool) else "wrong_type"
            message = f"{show(given)} is none of the values {context.get('expected', '')}".replace(
                "'", '"'
            ).replace("False", "false")
        case "string_too_long":
            message = f"longer than {context.get('max_length')} characters"
        case "too_long":
            message = f"more than {context.get('max_length')} entries"
        case "too_short":
            message = f"fewer than {context.get('min_length')} entries"
            fix = "leave the key out or write false: an empty list grants nothing"
        case "greater_than_equal" | "less_than_equal":
            edge = "at least" if kind == "greater_than_equal" else "at most"
            message = f"{show(given)} has to be {edge} {context.get('ge', context.get('le'))}"
        case _ if kind in _WRONG_TYPE:
            code, message = "wrong_type", f"{_WRONG_TYPE[kind]} is expected, not {_name(given)}"
        case _:
            message = f"{show(given)} is refused: {error['msg']}"
    return Problem(code, message, pointer, *place, fix)


def _meant(key: str, parent: str, keys: Mapping[str, frozenset[str]]) -> str | None:
    near = get_close_matches(key[:64], sorted(keys.get(parent, keys["*"])), n=1, cutoff=0.7)
    if near:
        return f'did you mean "{near[0]}"?'
    return 'move it into "capabilities"' if not parent and key in keys["/capabilities"] else None


def _name(given: object) -> str:
    if given is None:
        return "null"
    names = {bool: "true or false", str: "a string", int: "a number", float: "a number", list: "an array"}
    return names.get(type(given), "an object")

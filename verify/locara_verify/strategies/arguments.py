"""Arguments for commands, made from their schemas: ordinary ones first, then one place at a time gone wrong.

Nothing here knows a command by name. A command that is added tomorrow is attacked tomorrow: its schema says
which places hold text, numbers, lists and choices, and every one of them gets every kind of wrong value.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

Json = Any
Schema = Mapping[str, Any]

CONFUSED: tuple[Json, ...] = (
    None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 2**31, 2**53, 2**63, 2**64, 10**40, "", " ", "\x00", "0",
    "1", "true", "null", "-1", "[]", "{}",
    [], [[]], [None], [0], ["x"], {}, {"": 0}, {"$ref": "x"}, {"__proto__": {"x": 1}}, {"toString": "x"},
    {"$blob": "AAAA"}, {"length": 3},
    "x" * 100_000, ["x"] * 10_000, {str(number): 0 for number in range(2_000)}, "\u202e", "\U0010ffff",
    "A" * 65_536, "${x}", "{{7*7}}", "%s%n", "'; --",
)  # fmt: skip
_GREAT = 100_000
EXTRA_KEYS = (
    "extra",
    "__proto__",
    "constructor",
    "allow",
    "force",
    "sandbox",
    "debug",
    "grants",
    "capability",
    "origin",
    "trusted",
    "cwd",
    "env",
    "user",
    "",
)


def resolve(schema: Schema, root: Schema) -> Schema:
    """Follow local references of a JSON Schema."""
    while "$ref" in schema:
        found: Any = root
        for step in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def branches(schema: Schema, root: Schema) -> tuple[Schema, ...]:
    """The alternatives of a schema, references followed."""
    schema = resolve(schema, root)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return tuple(branch for part in schema[key] for branch in branches(part, root))
    return (schema,)


def example(  # noqa: PLR0911 - one answer per type of JSON Schema
    schema: Schema, root: Schema, *, all_fields: bool = True, depth: int = 0
) -> Json:
    """A small value that fits ``schema`` as far as types, choices and lengths go."""
    schema = branches(schema, root)[0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema and depth > 3:
        return schema["default"]
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required", ())
        return {
            name: example(part, root, all_fields=all_fields, depth=depth + 1)
            for name, part in schema.get("properties", {}).items()
            if name in required or all_fields
        }
    if kind == "array":
        count = max(1, int(schema.get("minItems", 1)))
        return [example(schema.get("items", {}), root, all_fields=all_fields, depth=depth + 1)] * count
    if kind == "integer":
        return int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
    if kind == "number":
        return float(schema.get("minimum", 0.5))
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    return "a" * max(1, int(schema.get("minLength", 1)))


def texts(
    schema: Schema, root: Schema, here: tuple[str | int, ...] = (), depth: int = 0
) -> Iterator[tuple[str | int, ...]]:
    """The places of a schema that may hold text, as key paths (lists by their first item)."""
    if depth > 6:
        return
    for branch in branches(schema, root):
        kind = branch.get("type")
        if kind == "string" or (kind is None and "properties" not in branch):
            yield here
        elif kind == "object":
            for name, part in branch.get("properties", {}).items():
                yield from texts(part, root, (*here, name), depth + 1)
        elif kind == "array":
            yield from texts(branch.get("items", {}), root, (*here, 0), depth + 1)


def misfits(
    schema: Schema, root: Schema, here: tuple[str | int, ...] = (), depth: int = 0
) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """For every place of a schema what nearly fits: one beyond each bound, the next type, a name that is not declared.

    Where a place takes several kinds of values, one of these may fit after all: who uses them asks the schema.
    """
    if depth > 6:
        return
    for branch in branches(schema, root):
        kind = branch.get("type")
        if kind == "string":
            yield from ((here, value) for value in (7, "no-such-choice", *_beside(branch, "Length", "a")))
        elif kind in ("integer", "number"):
            ends = (("minimum", -1), ("maximum", 1))
            yield from ((here, branch[end] + step) for end, step in ends if end in branch)
            yield from ((here, value) for value in ("1", True))
        elif kind == "boolean":
            yield from ((here, value) for value in (0, "true"))
        elif kind == "array":
            items = branch.get("items", {})
            yield from ((here, value) for value in ("[]", *_beside(branch, "Items", [example(items, root)])))
            yield from misfits(items, root, (*here, 0), depth + 1)
        elif kind == "object":
            if here:
                yield here, "{}"
            for name, part in branch.get("properties", {}).items():
                yield from misfits(part, root, (*here, name), depth + 1)
            more = branch.get("additionalProperties", {})
            if isinstance(more, Mapping):
                yield from misfits(more, root, (*here, "key"), depth + 1)
            elif here and more is False:
                yield (*here, "extra"), True


def _beside(schema: Schema, what: str, one: Any) -> Iterator[Any]:  # noqa: ANN401 - texts and lists
    """One less than the least and one more than the most, where that is no great amount."""
    least, most = schema.get(f"min{what}", 0), schema.get(f"max{what}", _GREAT)
    if least:
        yield one * (least - 1)
    if most < _GREAT:
        yield one * (most + 1)


def places(value: Json, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place inside ``value`` but the root."""
    if isinstance(value, dict):
        for key in value:
            yield (*here, key)
            yield from places(value[key], (*here, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield (*here, index)
            yield from places(value[index], (*here, index))


def put(value: Json, place: Sequence[str | int], item: Json) -> Json:
    """A copy of ``value`` with ``item`` at ``place``; missing parents are made."""
    if not place:
        return item
    changed: Json = copy.deepcopy(value) if isinstance(value, dict | list) else {}
    at: Json = changed
    for step, following in pairwise(place):
        fresh: Json = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            while len(at) <= step:
                at.append(fresh)
        elif not isinstance(at.get(step), dict | list):
            at[step] = fresh
        at = at[step]
    last = place[-1]
    if isinstance(last, int):
        while len(at) <= last:
            at.append(None)
    at[last] = item
    return changed


def confuse(rng: random.Random, value: dict[str, Json]) -> tuple[dict[str, Json], str]:
    """One place of ordinary arguments gone wrong: another type, a missing or an extra member."""
    spots = list(places(value))
    action = rng.random()
    if not spots or action < 0.15:
        key = rng.choice(EXTRA_KEYS)
        return {**value, key: copy.deepcopy(rng.choice(CONFUSED))}, f"extra {key!r}"
    place = rng.choice(spots)
    if action < 0.25 and isinstance(place[-1], str) and len(place) == 1:
        return {key: item for key, item in value.items() if key != place[0]}, f"without {place[0]}"
    wrong = rng.choice(CONFUSED)
    changed: dict[str, Json] = put(value, place, copy.deepcopy(wrong))
    return changed, f"{'.'.join(map(str, place))} = {type(wrong).__name__}"

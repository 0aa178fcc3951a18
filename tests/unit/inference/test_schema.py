"""The schema subset: what is accepted is kept (judged by an independent validator), the rest is refused."""

import json
import random
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import InferenceError
from locara.inference.schema import Literals, conforms, read_schema

SCALARS: list[Any] = [None, True, False, 0, 1, -1, 5, 10**15, 0.5, -2.25, "", "a", "ab", "\u20ac" * 4, "null"]
NAMES = ["a", "b", 'name with "quotes"', "\u00fc"]


def schemas(depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    low = st.integers(0, 3)
    bounds = st.tuples(low, low).map(sorted)
    numbers = st.tuples(st.integers(-50, 50), st.integers(-50, 50)).map(sorted)
    leaves = st.one_of(
        bounds.map(lambda b: {"type": "string", "minLength": b[0], "maxLength": b[1]}),
        numbers.map(lambda b: {"type": "integer", "minimum": b[0], "maximum": b[1]}),
        numbers.map(lambda b: {"type": "number", "minimum": b[0], "maximum": b[1]}),
        st.sampled_from([{"type": "boolean"}, {"type": "null"}]),
        st.lists(st.sampled_from([None, "a", "null", 5, "\u20ac"]), min_size=1, max_size=3).map(
            lambda v: {"enum": v}
        ),
        st.sampled_from(["a", None, 7]).map(lambda v: {"const": v, "title": "ignored"}),
    )
    if not depth:
        return leaves
    inner = schemas(depth - 1)
    arrays = st.tuples(inner, bounds).map(
        lambda p: {"type": "array", "items": p[0], "minItems": p[1][0], "maxItems": p[1][1]}
    )
    objects = st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3).flatmap(
        lambda properties: st.sets(st.sampled_from(sorted(properties))).map(
            lambda required: {
                "type": "object",
                "properties": properties,
                "required": sorted(required),
                "additionalProperties": False,
            }
        )
    )
    return st.one_of(
        leaves, arrays, objects, st.lists(inner, min_size=1, max_size=3).map(lambda v: {"anyOf": v})
    )


def values(rng: random.Random, depth: int = 2) -> Any:
    kind = rng.randrange(8 if depth else 4)
    if kind < 4:
        return rng.choice(SCALARS) if rng.random() < 0.7 else rng.randint(-60, 60)
    if kind < 6:
        return [values(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {name: values(rng, depth - 1) for name in rng.sample(NAMES, rng.randrange(4))}


@settings(deadline=None, max_examples=200)
@given(schemas(), st.integers(0, 2**32))
def test_conformance_is_what_an_independent_validator_says(schema: dict[str, Any], seed: int) -> None:
    shape = read_schema(schema)
    validator = jsonschema_rs.validator_for(schema)
    rng = random.Random(seed)
    for _ in range(20):
        value = values(rng)
        if conforms(shape, value):
            assert validator.is_valid(value), (schema, value)
        elif validator.is_valid(value):
            # The subset may be narrower in one way only: how a number may be written.
            assert any(isinstance(n, float) for n in flatten(value)), (schema, value)


def flatten(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [n for item in value for n in flatten(item)]
    if isinstance(value, dict):
        return [n for item in value.values() for n in flatten(item)]
    return [value]


DEEP: dict[str, Any] = {"type": "boolean"}
for _ in range(10):
    DEEP = {"type": "array", "items": DEEP}


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({}, "type"),
        ({"type": "any"}, "type"),
        ({"type": ["string", "null"]}, "type"),
        ({"type": "object"}, "properties"),
        ({"type": "object", "properties": {}}, "properties"),
        ({"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": True}, "false"),
        ({"type": "object", "properties": {"a": {"type": "null"}}, "required": ["b"]}, "'b'"),
        ({"type": "object", "properties": {"a": True}}, "/properties/a"),
        ({"type": "object", "properties": {"\ud800": {"type": "null"}}}, "not text"),
        ({"type": "array"}, "/items"),
        ({"type": "array", "items": {"type": "null"}, "maxItems": 257}, "maxItems"),
        ({"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 1}, "minItems"),
        ({"type": "array", "items": {"type": "null"}, "uniqueItems": True}, "uniqueItems"),
        ({"type": "string", "pattern": "a*"}, "pattern"),
        ({"type": "string", "format": "date"}, "format"),
        ({"type": "string", "maxLength": 2001}, "maxLength"),
        ({"type": "string", "maxLength": -1}, "maxLength"),
        ({"type": "string", "maxLength": 2.0}, "maxLength"),
        ({"type": "string", "maxLength": True}, "maxLength"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "minimum"),
        ({"type": "integer", "maximum": 10**16}, "maximum"),
        ({"type": "integer", "multipleOf": 2}, "multipleOf"),
        ({"type": "number", "maximum": 0.5}, "maximum"),
        ({"type": "number", "maximum": float("nan")}, "maximum"),
        ({"type": "number", "exclusiveMinimum": 0}, "exclusiveMinimum"),
        ({"enum": []}, "enum"),
        ({"enum": [[]]}, "listed"),
        ({"enum": [float("inf")]}, "listed"),
        ({"enum": ["\ud800"]}, "listed"),
        ({"enum": ["x" * 2000]}, "longer"),
        ({"enum": list(range(129))}, "enum"),
        ({"enum": [1], "const": 1}, "exclude"),
        ({"type": "string", "enum": ["x", 1]}, "`type` beside"),
        ({"type": "integer", "enum": [1, 1.5]}, "`type` beside"),
        ({"type": "integer", "const": True}, "`type` beside"),
        ({"type": "boolean", "enum": [0]}, "`type` beside"),
        ({"type": ["string", "null"], "enum": ["x", None, 1]}, "`type` beside"),
        ({"type": "object", "enum": ["x"]}, "types"),
        ({"type": [], "enum": ["x"]}, "types"),
        ({"type": None, "const": None}, "types"),
        ({"anyOf": []}, "anyOf"),
        ({"allOf": [{"type": "null"}]}, "type"),
        ({"$ref": "#"}, "type"),
        ({"type": "null", "$ref": "#"}, "$ref"),
        ({1: 2}, "object"),
        (DEEP, "deeper"),
        ({"anyOf": [{"anyOf": [{"type": "null"}] * 100}] * 100}, "parts"),
        ({"anyOf": [{"type": "string", "maxLength": 2000}] * 5}, "together"),
    ],
)
def test_what_is_outside_the_subset_is_refused_with_its_place(schema: Any, where: str) -> None:
    with pytest.raises(InferenceError) as caught:
        read_schema(schema)
    assert caught.value.code == "bad_request"
    assert where in caught.value.message
    assert len(json.dumps(caught.value.message)) < 4000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "enum": ["x", "y"]},
        {"type": "integer", "enum": [1, 2.0, 10**400]},
        {"type": "number", "enum": [1, 1.5]},
        {"type": "boolean", "const": False},
        {"type": ["string", "null"], "enum": ["x", None]},
    ],
)
def test_listed_values_of_their_type_are_kept(schema: Any) -> None:
    values = schema.get("enum", [schema.get("const")])
    assert read_schema(schema) == Literals(tuple(json.dumps(value) for value in values))

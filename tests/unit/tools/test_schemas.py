"""Schemas of tools: full enough to be useful, and nothing that refers, loops or backtracks."""

from __future__ import annotations

from typing import Any

import pytest

from locara.errors import ToolError
from locara.tools.schemas import read_schema

ROWS = {
    "type": "object",
    "properties": {"rows": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 2}},
    "required": ["rows"],
    "additionalProperties": False,
}


def test_a_value_is_judged_and_never_repeated() -> None:
    schema = read_schema(ROWS, "input_schema")
    assert schema.problem({"rows": [1, 2]}) is None
    assert schema.problem({"rows": [1, "secret"]}) == "/rows/1 breaks type"
    assert schema.problem({"rows": [0]}) == "/rows/0 breaks minimum"
    assert schema.problem({"rows": [1, 2, 3]}) == "/rows breaks maxItems"
    assert schema.problem({}) == "/ breaks required"
    assert "breaks" in (schema.problem({"rows": [], "x": 1}) or "")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"}, {"$ref": "https://example.com/schema"}, {"$id": "https://example.com/"}, {"$defs": {}},
        {"allOf": [{"$ref": "#"}]}, {"properties": {"a": {"$dynamicRef": "#x"}}}, {"format": "uri"},
        {"$schema": "http://json-schema.org/draft-04/schema#"}, {"if": True}, {"contains": {}}, {"type": "text"},
        {"minimum": "1"}, {"pattern": "("}, {"pattern": "(?=a)"}, {"pattern": "(a)\\1"}, {"properties": []},
        {"items": 1}, {"anyOf": {}}, {"unheard-of": 1}, {"pattern": "a{1000}{1000}{1000}"},
    ],
)  # fmt: skip
def test_a_schema_that_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ToolError) as refused:
        read_schema(schema, "input_schema")
    assert refused.value.code == "bad_format"


def test_depth_and_size_are_bounded() -> None:
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"not": deep}
    with pytest.raises(ToolError, match="levels"):
        read_schema(deep, "input_schema")
    with pytest.raises(ToolError, match="parts"):
        read_schema({"properties": {f"p{n}": {} for n in range(600)}}, "input_schema")


def test_a_pattern_takes_time_in_proportion_to_the_text() -> None:
    schema = read_schema({"pattern": "^(a+)+$"}, "input_schema")
    assert schema.problem("a" * 50_000 + "!") == "/ breaks pattern"

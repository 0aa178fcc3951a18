"""What nearly fits: every place of a schema is asked, and each value is one that the schema refuses."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from locara.runtime.arguments_model import as_pydantic
from locara.runtime.commands import registered
from locara_verify.strategies import arguments

WITHIN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 2, "maxLength": 3}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "on": {"type": "boolean"},
        "mode": {"enum": ["a"], "type": "string"},
        "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": WITHIN},
        "other": {"anyOf": [{"type": "integer", "maximum": 4}, {"type": "null"}]},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "any": {},
    },
}


def test_each_place_is_asked_on_the_wrong_side_of_each_bound() -> None:
    found: dict[tuple[str | int, ...], list[Any]] = {}
    for place, value in arguments.misfits(SCHEMA, SCHEMA):
        found.setdefault(place, []).append(value)
    assert found == {
        ("size",): [0, 10, "1", True],
        ("on",): [0, "true"],
        ("mode",): [7, "no-such-choice"],
        ("list",): ["[]", [], [{"name": "aa"}] * 3],
        ("list", 0): ["{}"],
        ("list", 0, "name"): [7, "no-such-choice", "a", "aaaa"],
        ("list", 0, "extra"): [True],
        ("other",): [5, "1", True],
        ("map",): ["{}"],
        ("map", "key"): [7, "no-such-choice"],
    }
    whole = arguments.example(SCHEMA, SCHEMA)
    fits = jsonschema_rs.validator_for(SCHEMA).is_valid
    assert fits(whole)
    for place, values in found.items():
        taken = [value for value in values if fits(arguments.put(whole, place, value))]
        assert taken == (["no-such-choice"] if place == ("map", "key") else []), "a text among texts is one"


@pytest.mark.parametrize("name", sorted(registered()))
def test_every_bounded_argument_of_every_command_has_misfits(name: str) -> None:
    schema = as_pydantic(registered()[name].args).model_json_schema(by_alias=True)
    asked = {place[0] for place, _ in arguments.misfits(schema, schema)}
    free = {
        key
        for key, part in schema.get("properties", {}).items()
        if all("type" not in branch and "enum" not in branch for branch in arguments.branches(part, schema))
    }
    assert schema.get("properties", {}).keys() - asked - free == set()

"""The schemas of a tool's input and output: JSON Schema 2020-12 without anything that refers elsewhere.

`$ref` and its kin are refused, so a schema can neither name an address nor call itself for ever; so is every
keyword that is not on the list, because a rule that is accepted and not kept would be a lie. Patterns run in an
engine of linear time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from locara.errors import ToolError
from locara.records import dataclass

MAX_DEPTH: Final = 16
MAX_NODES: Final = 512
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_NOTES: Final = frozenset({"title", "description", "default", "examples"})
_VALUES: Final = frozenset(
    {
        "type", "enum", "const", "required", "pattern", "minLength", "maxLength", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
        "minProperties", "maxProperties",
    }
)  # fmt: skip
_ONE: Final = frozenset({"items", "additionalProperties", "not"})
_SEVERAL: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED: Final = "properties"


@dataclass(frozen=True, slots=True)
class Schema:
    """A checked schema; `problem` tells the first thing that is wrong with a value, or None."""

    written: Mapping[str, Any]
    _validator: Any = field(repr=False, compare=False)

    def problem(self, value: object) -> str | None:
        """None when the value has the schema, else where and what is wrong, without repeating the value."""
        if self._validator.is_valid(value):
            return None
        for error in self._validator.iter_errors(value):
            where = "/".join(str(part)[:40] for part in error.instance_path)
            rule = str(error.schema_path[-1]) if error.schema_path else "false"
            return f"/{where} breaks {rule}"
        return "the value breaks the schema"


def read_schema(schema: Mapping[str, Any], name: str) -> Schema:
    """The schema, ready to judge values. Raises ToolError `bad_format` for anything outside the subset."""
    import jsonschema_rs  # noqa: PLC0415 - only an app with tools pays for loading it

    _Walk(name).schema(schema, "", 0)
    try:
        jsonschema_rs.meta.validate(dict(schema))
        validator = jsonschema_rs.Draft202012Validator(
            dict(schema), pattern_options=jsonschema_rs.RegexOptions(size_limit=1 << 20)
        )
    except Exception as error:  # the library has several families of errors; each means the same here
        raise ToolError(f"tool.json: {name} is not a JSON Schema", code="bad_format") from error
    return Schema(schema, validator)


class _Walk:
    """Visits every part of one schema and counts what it costs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes = 0

    def schema(self, schema: object, at: str, depth: int) -> None:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise self._refused(at, f"deeper than {MAX_DEPTH} levels or more than {MAX_NODES} parts")
        if isinstance(schema, bool):
            return
        if not isinstance(schema, Mapping):
            raise self._refused(at, "a schema is an object, true or false")
        for key, value in schema.items():
            self._keyword(key, value, f"{at}/{key}", depth + 1)

    def _keyword(self, key: str, value: object, at: str, depth: int) -> None:
        if key in _NOTES or key in _VALUES or (key == "$schema" and value == DRAFT):
            return
        if key in _ONE:
            self.schema(value, at, depth)
        elif key in _SEVERAL and isinstance(value, list):
            for part in value:
                self.schema(part, at, depth)
        elif key == _NAMED and isinstance(value, Mapping):
            for name, part in value.items():
                self.schema(part, f"{at}/{name}", depth)
        else:
            raise self._refused(at, "this keyword is not among those a tool's schema can use")

    def _refused(self, at: str, message: str) -> ToolError:
        return ToolError(f"tool.json: {self._name}{ascii(at)[1:-1][:120]}: {message}", code="bad_format")

"""LC505: a schema with a constraint that answers would not keep is refused, wherever in the schema it stands.

The words are those of JSON Schema 2020-12 and its neighbours that narrow what is valid, each with a value that has
one, beside the type to which it applies. An answer that breaks one is still JSON, so only the refusal shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import TYPE_CHECKING, Final

from locara_verify.checks.models.probe import Tally, refusal
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.runtime.client import Client

RULE: Final = "LC505"
TEXT: Final[Mapping[str, JSON]] = {"type": "string", "maxLength": 8}
WHOLE: Final[Mapping[str, JSON]] = {"type": "integer", "minimum": 0, "maximum": 9}
ITEMS: Final[Mapping[str, JSON]] = {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}
FIELDS: Final[Mapping[str, JSON]] = {"type": "object", "properties": {"a": {"type": "null"}}}
CHOICE: Final[Mapping[str, JSON]] = {"anyOf": [{"type": "null"}, {"type": "boolean"}]}
LISTED: Final[Mapping[str, JSON]] = {"enum": ["x", 1, None]}
FLAG: Final[Mapping[str, JSON]] = {"type": "boolean"}
NUMBER: Final[Mapping[str, JSON]] = {"type": "number", "minimum": 0}
CONSTANT: Final[Mapping[str, JSON]] = {"const": "x"}

_NULL: Final[Mapping[str, JSON]] = {"type": "null"}
_BASES: Final = (TEXT, WHOLE, NUMBER, ITEMS, FIELDS, CHOICE, LISTED, CONSTANT, FLAG, _NULL)
_TYPES: Final[Mapping[str, JSON]] = {"string": "x", "integer": 7, "boolean": True, "null": None}
"""A value of each type that can be listed."""
_WORDS: Final[tuple[tuple[Mapping[str, JSON], Mapping[str, JSON]], ...]] = (
    (
        TEXT,
        {"pattern": "^a$", "format": "date", "contentEncoding": "base64", "contentMediaType": "text/html"},
    ),
    (WHOLE, {"multipleOf": 3, "exclusiveMinimum": 4, "exclusiveMaximum": 5, "divisibleBy": 3}),
    (
        ITEMS,
        {"uniqueItems": True, "contains": _NULL, "minContains": 1, "maxContains": 1, "prefixItems": [_NULL]},
    ),
    (ITEMS, {"additionalItems": False, "unevaluatedItems": False}),
    (
        FIELDS,
        {"minProperties": 1, "maxProperties": 0, "patternProperties": {"b": _NULL}, "propertyNames": TEXT},
    ),
    (
        FIELDS,
        {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": _NULL}, "dependencies": {"a": ["b"]}},
    ),
    (FIELDS, {"unevaluatedProperties": False}),
    (
        CHOICE,
        {
            "type": "null",
            "enum": [None],
            "const": True,
            "minimum": 1,
            "minLength": 1,
            "required": ["a"],
            "items": _NULL,
        },
    ),
    (LISTED, {"minLength": 2, "maxLength": 0, "minimum": 2, "maximum": 0, "const": 1, "anyOf": [_NULL]}),
)
_EVERYWHERE: Final[Mapping[str, JSON]] = {
    "allOf": [_NULL],
    "oneOf": [_NULL],
    "not": _NULL,
    "if": _NULL,
    "then": _NULL,
    "else": _NULL,
    "$ref": "#/$defs/a",
    "$dynamicRef": "#a",
    "$recursiveRef": "#",
    "extends": _NULL,
    "disallow": "string",
    "nullable": False,
    "strict": True,
}
_FURTHER: Final[tuple[JSON, ...]] = (True, None, {}, _NULL, [], "false", 0, 1)  # not the one word `false`


def unkept(rng: Random) -> Iterator[Mapping[str, JSON]]:
    """Each word alone beside its type, as the whole schema or a part of one; then further members of every kind."""
    for base, words in _WORDS:
        for word, value in words.items():
            yield _placed(rng, {**base, word: value})
    for word, value in _EVERYWHERE.items():
        for base in _BASES:
            yield _placed(rng, {**base, word: value})
    for kind in (*_TYPES, "number", "array", "object", "any", 1, None, [], ["string", "string2"]):
        for listed in mistyped(kind):
            yield _placed(rng, {"type": kind, **listed})
    for further in _FURTHER:
        yield _placed(rng, {**FIELDS, "additionalProperties": further})


def mistyped(kind: JSON) -> Iterator[Mapping[str, JSON]]:
    """Lists with one value that is not of the type beside them, and such a value alone."""
    right = _TYPES.get(kind) if isinstance(kind, str) else None
    for other, value in _TYPES.items():
        if other == kind or (kind, other) == ("number", "integer"):
            continue
        yield {"const": value}
        yield {"enum": [value] if right is None else [right, value]}
    if kind == "integer":
        yield {"enum": [1, 1.5]}


def typed() -> Iterator[Mapping[str, JSON]]:
    """The allow twins: values of the type that stands beside them."""
    for kind, value in _TYPES.items():
        yield {"type": kind, "enum": [value]}
        yield {"type": kind, "const": value}
    yield {"type": "number", "enum": [1, 1.5]}
    yield {"type": ["string", "null"], "enum": ["x", None]}


def _placed(rng: Random, schema: Mapping[str, JSON]) -> Mapping[str, JSON]:
    around: tuple[Mapping[str, JSON], ...] = (
        schema,
        {"type": "array", "items": schema, "maxItems": 1},
        {"type": "object", "properties": {"b": schema}, "required": ["b"]},
        {"anyOf": [{"type": "null"}, schema]},
    )
    return rng.choice(around)


def refuses_unkept(rng: Random, tally: Tally, client: Client, model: str) -> None:
    """Every such schema is refused as a bad request; what each is made of is answered."""

    def code_of(schema: Mapping[str, JSON]) -> str:
        messages: JSON = [{"role": "user", "content": "Fill in."}]
        args = {"model": model, "messages": messages, "maxTokens": 1, "schema": dict(schema)}
        return refusal(client, "llm.chat", args)[0]

    for base in (*_BASES, *typed(), {**FIELDS, "additionalProperties": False}):
        for schema in (base, {**base, "title": "x", "description": "y"}):
            if (code := code_of(schema)) != "ok":
                tally.undecided(
                    RULE, f"the allow twin failed: an ordinary schema was refused ({code}): {schema}"
                )
    for schema in unkept(rng):
        code = code_of(schema)
        tally.expect(
            RULE, code == "bad_request", "a schema that is not kept was accepted", f"{code}: {schema}"
        )

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

_NULL: Final[Mapping[str, JSON]] = {"type": "null"}
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
        yield _placed(rng, {**rng.choice((TEXT, WHOLE, ITEMS, FIELDS, CHOICE, LISTED)), word: value})
    for further in _FURTHER:
        yield _placed(rng, {**FIELDS, "additionalProperties": further})


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

    for base in (TEXT, WHOLE, ITEMS, FIELDS, CHOICE, LISTED, {**FIELDS, "additionalProperties": False}):
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

"""The subset of JSON Schema that output can be constrained to, as values that cannot be wrong.

Supported: `type` object, array, string, integer, number, boolean, null; `properties`, `required`,
`additionalProperties: false`; `items`, `minItems`, `maxItems`; `minLength`, `maxLength`; `minimum`,
`maximum` (whole numbers); `enum`, `const`, of the `type` beside them; `anyOf`. `title`, `description`,
`default`, `examples` and `$schema` are ignored. Any other keyword is refused: a constraint that is accepted
and not kept would be a lie. Everything is finite: what a schema leaves open is bounded by the defaults
below, so that a generation always can end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from locara.errors import InferenceError
from locara.records import dataclass

MAX_DEPTH: Final = 8
MAX_NODES: Final = 256
MAX_PROPERTIES: Final = 64
MAX_CHOICES: Final = 128
MAX_LITERAL_BYTES: Final = 1_024
MAX_STRING: Final = 2_000
MAX_ITEMS: Final = 256
MAX_REPETITIONS: Final = 8_000
MAX_WHOLE: Final = 10**15 - 1
DEFAULT_STRING: Final = 512
DEFAULT_ITEMS: Final = 32
_ANNOTATIONS: Final = frozenset({"title", "description", "default", "examples", "$schema"})


@dataclass(frozen=True, slots=True)
class Text:
    """A string of min to max characters."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer from low to high, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Real:
    """A number from low to high, both included, written with at most 6 decimals and no exponent."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Literals:
    """One of these JSON values, each given as its compact JSON text."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """An array of low to high values of one shape."""

    item: Shape
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with exactly these members, in this order; (name, shape, required)."""

    members: tuple[tuple[str, Shape, bool], ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of any one of these shapes."""

    options: tuple[Shape, ...]


Shape = Text | Whole | Real | Literals | Items | Fields | Choice


def read_schema(schema: Mapping[str, Any]) -> Shape:
    """Return the shape a schema describes.

    Raises InferenceError `bad_request` with the place (a JSON pointer) for anything outside the subset.
    """
    return _Schemas().read(schema, "", 0)


class _Schemas:
    """Counts what one schema costs while reading it."""

    def __init__(self) -> None:
        self._nodes = 0
        self._repetitions = 0

    def read(self, schema: object, at: str, depth: int) -> Shape:  # noqa: PLR0911  (one per type)
        if not isinstance(schema, Mapping) or not all(isinstance(key, str) for key in schema):
            raise _refused(at, "a schema is an object")
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise _refused(at, f"deeper than {MAX_DEPTH} levels or more than {MAX_NODES} parts")
        given = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
        if "enum" in given or "const" in given:
            return self._literals(given, at)
        if "anyOf" in given:
            return self._choice(given, at, depth)
        kind = given.pop("type", None)
        match kind:
            case "object":
                return self._fields(given, at, depth)
            case "array":
                return self._items(given, at, depth)
            case "string":
                _only(given, at, "minLength", "maxLength")
                low, high = _bounds(
                    given, at, "minLength", "maxLength", default=DEFAULT_STRING, limit=MAX_STRING
                )
                self._repeat(high, at)
                return Text(low, high)
            case "integer":
                return Whole(*_range(given, at))
            case "number":
                return Real(*_range(given, at))
            case "boolean":
                _only(given, at)
                return Literals(("true", "false"))
            case "null":
                _only(given, at)
                return Literals(("null",))
        raise _refused(at, "`type` must be object, array, string, integer, number, boolean or null")

    def _literals(self, given: dict[str, Any], at: str) -> Literals:
        fits = _of_types(given.pop("type", list(_TYPES)), at)
        _only(given, at, "enum", "const")
        if len(given) != 1:
            raise _refused(at, "`enum` and `const` exclude each other")
        values = given["enum"] if "enum" in given else [given["const"]]
        if not isinstance(values, list) or not 1 <= len(values) <= MAX_CHOICES:
            raise _refused(at, f"`enum` is a list of 1 to {MAX_CHOICES} values")
        texts = []
        for value in values:
            if value is not None and not isinstance(value, str | int | float | bool):
                raise _refused(at, "only strings, numbers, booleans and null can be listed")
            if not any(fit(value) for fit in fits):
                raise _refused(at, "a listed value is not of the `type` beside it")
            try:
                text = json.dumps(value, ensure_ascii=False, allow_nan=False)
                length = len(text.encode("utf-8"))
            except ValueError as error:
                raise _refused(at, "a listed value cannot be written as JSON") from error
            if length > MAX_LITERAL_BYTES:
                raise _refused(at, f"a listed value is longer than {MAX_LITERAL_BYTES} bytes")
            texts.append(text)
        return Literals(tuple(dict.fromkeys(texts)))

    def _choice(self, given: dict[str, Any], at: str, depth: int) -> Choice:
        _only(given, at, "anyOf")
        options = given["anyOf"]
        if not isinstance(options, list) or not 1 <= len(options) <= MAX_CHOICES:
            raise _refused(at, f"`anyOf` is a list of 1 to {MAX_CHOICES} schemas")
        return Choice(tuple(self.read(one, f"{at}/anyOf/{i}", depth + 1) for i, one in enumerate(options)))

    def _items(self, given: dict[str, Any], at: str, depth: int) -> Items:
        _only(given, at, "items", "minItems", "maxItems")
        low, high = _bounds(given, at, "minItems", "maxItems", default=DEFAULT_ITEMS, limit=MAX_ITEMS)
        self._repeat(high, at)
        return Items(self.read(given.get("items"), f"{at}/items", depth + 1), low, high)

    def _fields(self, given: dict[str, Any], at: str, depth: int) -> Fields:
        _only(given, at, "properties", "required", "additionalProperties")
        if given.get("additionalProperties", False) is not False:
            raise _refused(at, "`additionalProperties` can only be false")
        properties, required = given.get("properties"), given.get("required", [])
        if not isinstance(properties, Mapping) or not 1 <= len(properties) <= MAX_PROPERTIES:
            raise _refused(at, f"an object needs 1 to {MAX_PROPERTIES} `properties`")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise _refused(at, "`required` is a list of names")
        if unknown := [name for name in required if name not in properties]:
            raise _refused(at, f"`required` names {unknown[0]!a}, which is not in `properties`")
        members = []
        for name, inner in properties.items():
            if not isinstance(name, str) or len(ascii(name)) > MAX_LITERAL_BYTES or not _is_text(name):
                raise _refused(at, "a property name is too long or not text")
            place = f"{at}/properties/{name}"
            members.append((name, self.read(inner, place, depth + 1), name in required))
        return Fields(tuple(members))

    def _repeat(self, count: int, at: str) -> None:
        self._repetitions += count
        if self._repetitions > MAX_REPETITIONS:
            raise _refused(at, f"all maximum lengths together are over {MAX_REPETITIONS}; give smaller ones")


def _of_types(named: object, at: str) -> list[Callable[[object], bool]]:
    """The tests of the types that a schema names: one, or a list of them."""
    names = named if isinstance(named, list) else [named]
    known = [_TYPES[name] for name in names if isinstance(name, str) and name in _TYPES]
    if not known or len(known) != len(names):
        raise _refused(at, "`type` beside listed values names their types")
    return known


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# What is listed is a string, a number, a boolean or null: these types say which.
_TYPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: type(value) is int or (isinstance(value, float) and value.is_integer()),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def _only(given: Mapping[str, Any], at: str, *allowed: str) -> None:
    if unknown := [key for key in given if key not in allowed]:
        raise _refused(at, f"{unknown[0]!a} is not supported here")


def _bounds(
    given: Mapping[str, Any], at: str, low: str, high: str, *, default: int, limit: int
) -> tuple[int, int]:
    least = given.get(low, 0)
    most = given.get(high, max(default, least) if type(least) is int else default)
    if type(least) is not int or type(most) is not int or not 0 <= least <= most <= limit:
        raise _refused(at, f"`{low}` and `{high}` are whole numbers with 0 <= {low} <= {high} <= {limit}")
    return least, most


def _range(given: Mapping[str, Any], at: str) -> tuple[int, int]:
    _only(given, at, "minimum", "maximum")
    low, high = given.get("minimum", -MAX_WHOLE), given.get("maximum", MAX_WHOLE)
    if type(low) is not int or type(high) is not int or not -MAX_WHOLE <= low <= high <= MAX_WHOLE:
        raise _refused(at, f"`minimum` and `maximum` are whole numbers from -{MAX_WHOLE} to {MAX_WHOLE}")
    return low, high


def _is_text(name: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in name)


def _refused(at: str, message: str) -> InferenceError:
    return InferenceError(f"schema{ascii(at)[1:-1]}: {message}", code="bad_request")


def conforms(shape: Shape, value: object) -> bool:  # noqa: PLR0911  (one per shape)
    """Return True when a parsed JSON value has the shape. Order of members is not looked at."""
    match shape:
        case Text(low, high):
            return isinstance(value, str) and low <= len(value) <= high
        case Whole(low, high):
            return type(value) is int and low <= value <= high
        case Real(low, high):
            return isinstance(value, int | float) and type(value) is not bool and low <= value <= high
        case Literals(texts):
            scalar = value is None or isinstance(value, str | int | float | bool)
            return scalar and json.dumps(value, ensure_ascii=False) in texts
        case Items(item, low, high):
            return (
                isinstance(value, list)
                and low <= len(value) <= high
                and all(conforms(item, v) for v in value)
            )
        case Fields(members):
            if not isinstance(value, dict) or not set(value) <= {name for name, _, _ in members}:
                return False
            return all(
                conforms(inner, value[n]) if n in value else not needed for n, inner, needed in members
            )
        case Choice(options):
            return any(conforms(option, value) for option in options)

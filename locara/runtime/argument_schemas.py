"""What pydantic's core judges the arguments of a command by, made of their annotations.

What is not known here is refused: an annotation that were passed over would be arguments that nobody judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin

from pydantic_core import CoreConfig, CoreSchema, SchemaValidator

from locara.runtime.arguments import Args, Argument, JsonValue, Rules, fields_of, merged

_Schema: TypeAlias = dict[str, Any]
_CONFIG: Final[CoreConfig] = {
    "strict": True, "extra_fields_behavior": "forbid", "hide_input_in_errors": True
}  # fmt: skip
_LENGTHS: Final = frozenset({"min_length", "max_length"})
_RANGE: Final = frozenset({"ge", "le"})
_BOUNDS: Final[Mapping[str, frozenset[str]]] = {
    "str": _LENGTHS | {"pattern"},
    "int": _RANGE,
    "float": _RANGE,
    "list": _LENGTHS,
    "dict": _LENGTHS,
}
"""The bounds that there are for a type of the core."""
_PLAIN: Final[tuple[tuple[object, str], ...]] = (
    (str, "str"),
    (int, "int"),
    (float, "float"),
    (bool, "bool"),
    (Any, "any"),
)


def validator(args: type[Args]) -> SchemaValidator:
    """What judges the arguments of a call. Raises TypeError for an annotation or a bound that is not known here."""
    made = _Schemas()
    schema = made.model(args)
    if made.json:
        schema = {"type": "definitions", "schema": schema, "definitions": [_any_json()]}
    return SchemaValidator(cast("CoreSchema", schema), _config(args))


def _config(args: type[Args]) -> CoreConfig:
    return {**_CONFIG, "title": args.__name__}


class _Schemas:
    """Makes the schema of one class, and of those that its fields hold."""

    def __init__(self) -> None:
        self.json = False
        self._within: list[type[Args]] = []

    def model(self, args: type[Args]) -> _Schema:
        if args in self._within:
            raise TypeError(f"{args.__name__} holds itself")
        self._within.append(args)
        fields = {one.name: self._field(f"{args.__name__}.{one.name}", one) for one in fields_of(args)}
        self._within.pop()
        return {
            "type": "model",
            "cls": args,
            "schema": {"type": "model-fields", "fields": fields, "model_name": args.__name__},
            "config": _config(args),
        }

    def _field(self, place: str, one: Argument) -> _Schema:
        schema = self._of(place, one.hint, one.bounds)
        if one.default:
            schema = {"type": "default", "schema": schema, **one.default}
        return {"type": "model-field", "schema": schema, "validation_alias": one.wire}

    def _of(self, place: str, hint: Any, bounds: Mapping[str, Any]) -> _Schema:  # noqa: ANN401 - any annotation
        """The schema of an annotation within the bounds; those of what may be null as well are of what is not null."""
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._of(
                place, parts[0], merged(place, [*hint.__metadata__, Rules(tuple(bounds.items()))])
            )
        if origin in (Union, UnionType) and NoneType in parts:
            rest: Any = Union[tuple(part for part in parts if part is not NoneType)]  # noqa: UP007 - of so many
            return {"type": "nullable", "schema": self._of(place, rest, bounds)}
        schema = self._compound(place, origin, parts) if parts else self._plain(hint)
        if schema is None:
            raise TypeError(f"{place}: {hint!r} annotates no argument")
        if strange := bounds.keys() - _BOUNDS.get(schema["type"], frozenset()):
            raise TypeError(f"{place}: {hint!r} has no {', '.join(sorted(strange))}")
        return {**schema, **bounds}

    def _compound(self, place: str, origin: object, parts: tuple[Any, ...]) -> _Schema | None:
        if origin in (Union, UnionType):
            return {"type": "union", "choices": [self._of(place, part, {}) for part in parts]}
        if origin is Literal and all(type(part) is str for part in parts):
            return {"type": "literal", "expected": list(parts)}
        if origin is list:
            return {"type": "list", "items_schema": self._of(place, parts[0], {})}
        if origin is dict and parts[0] is str:
            values = self._of(place, parts[1], {})
            return {"type": "dict", "keys_schema": {"type": "str"}, "values_schema": values}
        return None

    def _plain(self, hint: object) -> _Schema | None:
        if hint is JsonValue:
            self.json = True
            return _JSON
        if isinstance(hint, type) and issubclass(hint, Args):
            return self.model(hint)
        return next(({"type": name} for plain, name in _PLAIN if hint is plain), None)


_JSON: Final[_Schema] = {"type": "definition-ref", "schema_ref": "json"}


def _any_json() -> _Schema:
    """Any value of JSON; what is none is refused as a whole."""
    choices: dict[str, _Schema] = {
        "list": {"type": "list", "items_schema": _JSON},
        "dict": {"type": "dict", "keys_schema": {"type": "str"}, "values_schema": _JSON},
        **{name: {"type": name} for name in ("str", "bool", "int", "float")},
        "NoneType": {"type": "none"},
    }
    tagged = {
        "type": "tagged-union",
        "choices": choices,
        "discriminator": _json_type(),
        "custom_error_type": "invalid-json-value",
        "custom_error_message": "input was not a valid JSON value",
    }
    # Where a value is parsed by the core itself there is nothing else that it could be.
    return {
        "type": "json-or-python",
        "json_schema": {"type": "any"},
        "python_schema": tagged,
        "ref": _JSON["schema_ref"],
    }


def _json_type() -> Callable[[object], str]:
    names: dict[type, str] = {kind: kind.__name__ for kind in (bool, int, float, str, list, dict, NoneType)}

    def name(value: object) -> str:
        # What was parsed is of one of these types itself. The empty name is none of the choices.
        known = names.get(type(value))
        return known or next((name for kind, name in names.items() if isinstance(value, kind)), "")

    return name

"""The arguments of a command as a model of pydantic, for what reads their JSON schema; an app does not load it."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import pydantic
from pydantic import BaseModel, ConfigDict, create_model
from pydantic.alias_generators import to_camel

from locara.runtime.argument_schemas import validator
from locara.runtime.arguments import Args, Argument, JsonValue, fields_of, merged

_CONFIG: Final = ConfigDict(
    strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, alias_generator=to_camel
)
_MODELS: Final[dict[type[Args], type[BaseModel]]] = {}


def as_pydantic(args: type[Args]) -> type[BaseModel]:
    """The model that accepts and refuses what the core does for `args`, in the same words.

    Always the same one. Raises TypeError for arguments that no call can have.
    """
    found = _MODELS.get(args)
    if found is None:
        found = _MODELS[args] = _model(args)
    return found


def _model(args: type[Args]) -> type[BaseModel]:
    validator(args)  # raises TypeError for what an annotation may not say, and pydantic may know
    fields: dict[str, Any] = {one.name: _field(one) for one in fields_of(args)}
    return create_model(
        args.__name__, __config__=_CONFIG, __doc__=args.__doc__, __module__=args.__module__, **fields
    )


def _field(one: Argument) -> tuple[Any, Any]:
    told = {**one.bounds, **one.default}
    if one.alias is not None:
        told["alias"] = one.alias
    return _hint(one.hint), pydantic.Field(**told)


def _hint(hint: Any) -> Any:  # noqa: ANN401 - any annotation
    """The same annotation in pydantic's words."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is JsonValue:
        return pydantic.JsonValue
    if isinstance(hint, type) and origin is None and issubclass(hint, Args):
        return as_pydantic(hint)
    if origin is Annotated:
        bounds = merged("", hint.__metadata__)
        return Annotated[_hint(parts[0]), pydantic.Field(**bounds)]
    if origin in (Union, UnionType):
        return Union[tuple(_hint(part) for part in parts)]  # noqa: UP007 - of so many
    if origin in (list, dict):
        return origin[tuple(_hint(part) for part in parts)]
    return hint

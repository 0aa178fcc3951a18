"""The arguments of a command: a class with annotated fields, judged by pydantic's core without pydantic.

Loading pydantic takes longer than all else that a start loads, and most of it is for what no command annotates.
`locara.runtime.arguments_model` makes the same a model of pydantic, for those who need one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import FrozenInstanceError
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    TypeAlias,
    TypeVar,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from locara.records import dataclass

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

    JsonValue: TypeAlias = "list[JsonValue] | dict[str, JsonValue] | str | bool | int | float | None"
else:

    class JsonValue:
        """Annotates any value that JSON can say."""


_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Rules:
    """What `Field` was told of a field, and nothing else."""

    told: tuple[tuple[str, Any], ...]


def Field(
    *,
    default: Any = _ABSENT,  # noqa: ANN401 - of any field
    default_factory: Callable[[], Any] | None = None,
    alias: str | None = None,
    ge: float | None = None,
    le: float | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
) -> Any:  # noqa: ANN401 - a type checker takes it for the value of the field
    """Bounds of a field, what it is when a call does not say it, and its name on the wire.

    It stands in `Annotated`, or is what the field is set to. The bounds mean what they mean in pydantic.
    """
    bounds = {"ge": ge, "le": le, "min_length": min_length, "max_length": max_length, "pattern": pattern}
    more = {"alias": alias, "default_factory": default_factory}
    told = {name: value for name, value in (bounds | more).items() if value is not None}
    if default is not _ABSENT:
        told["default"] = default
    return Rules(tuple(told.items()))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Args:
    """Arguments of a command: strict types, nothing unknown, camelCase on the wire, never echoed in
    errors."""

    # The core sets these, past the refusal below.
    __slots__ = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")

    def __init__(self, **given: object) -> None:
        """By the names of the fields, judged like those of a call. Raises pydantic_core's ValidationError."""
        _validator(type(self)).validate_python(given, self_instance=self, by_alias=False, by_name=True)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # a field may be a list

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")


class NoArgs(Args):
    """The arguments of a command that takes none."""


A = TypeVar("A", bound=Args)


def checked(args: type[A], value: object) -> A:
    """The arguments that a call sent. Raises pydantic_core's ValidationError, and TypeError for a class with
    an annotation that is not known here."""
    return cast("A", _validator(args).validate_python(value))


_BUILDING: Final = threading.Lock()
_VALIDATORS: Final[dict[type[Args], SchemaValidator]] = {}


def _validator(args: type[Args]) -> SchemaValidator:
    """Built at the first call, once: a start would build dozens for the few commands that are called."""
    found = _VALIDATORS.get(args)
    if found is None:
        from locara.runtime.argument_schemas import validator  # noqa: PLC0415 - slow to load

        with _BUILDING:
            found = _VALIDATORS.get(args)
            if found is None:
                found = _VALIDATORS[args] = validator(args)
    return found


@dataclass(frozen=True, slots=True)
class Argument:
    """One field: its name, its own name on the wire if it has one, its annotation, the bounds of the whole of it, and
    its default or what makes it, if it has one."""

    name: str
    alias: str | None
    hint: Any
    bounds: Mapping[str, Any]
    default: Mapping[str, Any]

    @property
    def wire(self) -> str:
        """Its name in a call."""
        return self.alias or camel(self.name)


def fields_of(args: type[Args]) -> tuple[Argument, ...]:
    """The fields of a class and of those it is derived from, in the order in which they are judged.

    Raises TypeError for a class that has anything but annotated fields.
    """
    set_to: dict[str, object] = {}
    for base in reversed(args.__mro__):
        if base not in (object, Args):
            set_to |= _own(base)
    hints = get_type_hints(args, include_extras=True)
    found = tuple(
        _argument(f"{args.__name__}.{name}", name, hints[name], value) for name, value in set_to.items()
    )
    if len({one.wire for one in found}) < len(found):
        raise TypeError(f"{args.__name__}: two fields have one name on the wire")
    return found


def _own(base: type) -> dict[str, object]:
    """What each field that a class annotates itself is set to there."""
    if not issubclass(base, Args):
        raise TypeError(f"{base.__name__} is no class of arguments")
    own = base.__annotations__
    for name, value in vars(base).items():
        # A method would look as if it judged something.
        if name not in own and (callable(value) or not name.startswith("__")):
            raise TypeError(f"{base.__name__}.{name} is no annotated field")
    return {name: vars(base).get(name, _ABSENT) for name in own}


def _argument(place: str, name: str, hint: Any, set_to: object) -> Argument:  # noqa: ANN401 - any annotation
    if name.startswith("_"):
        raise TypeError(f"{place}: a field has a public name")
    notes: list[object] = []
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
    if set_to is not _ABSENT:
        notes.append(set_to if isinstance(set_to, Rules) else Rules((("default", set_to),)))
    told = merged(place, notes)
    alias = told.pop("alias", None)
    default: dict[str, Any] = {key: told.pop(key) for key in ("default", "default_factory") if key in told}
    if len(default) > 1:
        raise TypeError(f"{place}: two defaults")
    if type(default.get("default")).__hash__ is None:
        raise TypeError(f"{place}: this default would be shared; a default_factory makes one for each call")
    return Argument(name, alias, hint, told, default)


def merged(place: str, notes: Iterable[object]) -> dict[str, Any]:
    """What all of them were told. Raises TypeError for two that were told of the same, and for what is no `Field`."""
    told: dict[str, Any] = {}
    for note in notes:
        if not isinstance(note, Rules):
            raise TypeError(f"{place}: {note!r} is no Field")
        if told.keys() & {rule for rule, _ in note.told}:
            raise TypeError(f"{place}: two Fields with the same rule")
        told |= dict(note.told)
    return told


def camel(name: str) -> str:
    """The name of a field on the wire. Raises TypeError for one that is not words of small letters."""
    first, *others = name.split("_")
    if not all(word.isascii() and word.isalpha() and word.islower() for word in (first, *others)):
        raise TypeError(
            f"{name}: a field without an alias is words of small letters, with an underscore between them"
        )
    return first + "".join(word.capitalize() for word in others)

"""`dataclass`, cheap to define: what the standard decorator compiles at import is made here when it is used.

A start of an app defines some 80 records and makes few of them. The standard decorator compiles six methods
for each, a fifth of what the start takes. Here ``__init__`` is compiled when it was called a few times, and the
other methods are shared functions. Everything else (``fields``, ``replace``, ``asdict``, ``__post_init__``,
``field``) is the standard one's, and a type checker sees only that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final

__all__ = ["dataclass"]

_Init = Callable[..., None]
_Key = Callable[[object], tuple[object, ...]]
_NOT_COPIED: Final = frozenset({"__dict__", "__weakref__"})
_FEW: Final = 8
"""So many records of a class are made before its ``__init__`` is compiled, which takes as long as making some 100."""


def _decorator(
    cls: type[Any] | None = None, /, *, frozen: bool = False, slots: bool = False
) -> type[Any] | Callable[[type[Any]], type[Any]]:
    """The standard decorator with the two of its options that are used here.

    Differs in this: a frozen record refuses to set or delete any attribute with FrozenInstanceError, also
    one that is no field; the signature of ``__init__`` is known when it was compiled; fields that
    are given by keyword only are refused with TypeError.
    """
    if cls is None:
        return lambda cls: _record(cls, frozen=frozen, slots=slots)
    return _record(cls, frozen=frozen, slots=slots)


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _decorator


def _record(cls: type[Any], *, frozen: bool, slots: bool) -> type[Any]:
    cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard decorator writes a signature there
    own = {name for name, value in cls.__dict__.items() if name != "__hash__" or value is not None}
    # Only below another record does the standard decorator have to know whether this one is frozen: then it compiles.
    below = any(dataclasses.is_dataclass(base) for base in cls.__bases__)
    dataclasses.dataclass(init=False, repr=False, eq=False, frozen=frozen and below)(cls)
    told = cls.__dataclass_params__
    told.init = told.repr = told.eq = True
    told.frozen = frozen
    fields = dataclasses.fields(cls)
    if any(each.kw_only for each in fields):
        raise TypeError(f"{cls.__name__}: a record has no fields that are given by keyword only")
    if slots:
        cls = _slotted(cls, fields)
    methods: dict[str, object] = {
        "__init__": _first_init(cls, fields, frozen=frozen, slots=slots),
        "__repr__": _repr,
    }
    if "__eq__" not in own:
        methods["__eq__"] = _equality(tuple(each.name for each in fields if each.compare))
        hashed = (each.name for each in fields if (each.compare if each.hash is None else each.hash))
        methods["__hash__"] = _hashing(tuple(hashed)) if frozen else None
    if frozen:
        methods |= {"__setattr__": _refuse_set, "__delattr__": _refuse_delete, "__setstate__": _set_state}
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)
    return cls


def _slotted(cls: type[Any], fields: tuple[Field[Any], ...]) -> type[Any]:
    """The same class once more, with its own fields as slots: they cannot be added to a class that exists."""
    inherited = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    names = tuple(each.name for each in fields if each.name not in inherited)
    space = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in _NOT_COPIED and not any(name == each.name for each in fields)
    }
    metaclass: Callable[..., type[Any]] = type(cls)
    made = metaclass(cls.__name__, cls.__bases__, {**space, "__slots__": names})
    made.__qualname__ = cls.__qualname__
    return made


def _first_init(cls: type[Any], fields: tuple[Field[Any], ...], *, frozen: bool, slots: bool) -> _Init:
    """An ``__init__`` that makes a few records itself, then puts the standard one in its own place.

    What it was not given right goes to the standard one as well, which says so.
    """
    names = frozenset(each.name for each in fields)
    left = _FEW if all(each.init for each in fields) else 0
    give = object.__setattr__ if frozen else setattr
    after = hasattr(cls, "__post_init__")

    def __init__(self: Any, *args: object, **given: object) -> None:  # noqa: ANN401 - a record of the class
        nonlocal left
        left -= 1
        if left < 0 or len(args) > len(fields) or not given.keys() <= names:
            return standard(self, *args, **given)
        values = dict(given)
        for place, each in enumerate(fields):
            name = each.name
            if place < len(args):
                if name in values:
                    return standard(self, *args, **given)
                values[name] = args[place]
            elif name not in values:
                if each.default_factory is not MISSING:
                    values[name] = each.default_factory()
                elif each.default is not MISSING:
                    values[name] = each.default
                else:
                    return standard(self, *args, **given)
            give(self, name, values[name])
        if after:
            self.__post_init__()
        return None

    def standard(self: object, *args: object, **given: object) -> None:
        init = _standard_init(cls, fields, frozen=frozen, slots=slots)
        cls.__init__ = init
        init(self, *args, **given)

    return __init__


def _standard_init(cls: type[Any], fields: tuple[Field[Any], ...], *, frozen: bool, slots: bool) -> _Init:
    """The ``__init__`` that the standard decorator makes for a class of these fields; it names no class."""
    alike = [(each.name, each.type, _again(each)) for each in fields]
    # A text of its own, else a signature is written there. Slots matter where ``__init__`` sets what nobody gives.
    space = {"__doc__": cls.__name__}
    if hasattr(cls, "__post_init__"):
        space["__post_init__"] = cls.__post_init__
    slots = slots and not all(each.init for each in fields)
    made = dataclasses.make_dataclass(
        cls.__name__, alike, namespace=space, repr=False, eq=False, frozen=frozen, slots=slots
    )
    init: _Init = made.__dict__["__init__"]
    init.__module__, init.__qualname__ = cls.__module__, f"{cls.__qualname__}.__init__"
    return init


def _again(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return dataclasses.field(default_factory=field.default_factory, init=field.init)
    return dataclasses.field(default=field.default, init=field.init)


def _key(names: tuple[str, ...]) -> _Key:
    """What is compared: a tuple, also of one field and of none."""
    if len(names) != 1:
        return attrgetter(*names) if names else lambda _: ()
    get = attrgetter(*names)
    return lambda one: (get(one),)


def _equality(names: tuple[str, ...]) -> Callable[[object, object], bool]:
    key = _key(names)

    def __eq__(self: object, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self is other or key(self) == key(other)

    return __eq__


def _hashing(names: tuple[str, ...]) -> Callable[[object], int]:
    key = _key(names)

    def __hash__(self: object) -> int:
        return hash(key(self))

    return __hash__


@recursive_repr("...")
def _repr(self: Any) -> str:  # noqa: ANN401 - a record of any class
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse_set(self: object, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _set_state(
    self: object, state: tuple[dict[str, object] | None, dict[str, object]] | dict[str, object]
) -> None:
    """Of a copy: the state that ``object.__getstate__`` gave, set past the refusal."""
    for part in state if isinstance(state, tuple) else (state,):
        for name, value in (part or {}).items():
            object.__setattr__(self, name, value)

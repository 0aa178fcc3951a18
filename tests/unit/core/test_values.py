"""What locara.core and the modules beside it hand out are values: nobody changes one that somebody else holds."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel

import locara.core
from locara.core.fields import Value

CORE = sorted(one.name for one in pkgutil.iter_modules(locara.core.__path__, "locara.core."))
BESIDE = [
    *(f"locara.runtime.{name}" for name in ("fetch", "private_places", "standing", "trees")),
    "locara.sandbox.handles",
]


def classes(name: str) -> list[type]:
    module = importlib.import_module(name)
    return [
        one for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == name and not one.__name__.startswith("_")
    ]  # fmt: skip


@pytest.mark.parametrize("name", [*CORE, *BESIDE])
def test_every_dataclass_is_frozen(name: str) -> None:
    for one in classes(name):
        if dataclasses.is_dataclass(one):
            blank: Any = object.__new__(one)
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(blank, dataclasses.fields(one)[0].name, 1)


@pytest.mark.parametrize("name", CORE)
def test_every_model_is_frozen_strict_and_refuses_what_it_does_not_know(name: str) -> None:
    for one in classes(name):
        if issubclass(one, BaseModel):
            assert issubclass(one, Value), one
            told = one.model_config
            assert (told.get("frozen"), told.get("strict"), told.get("extra")) == (True, True, "forbid"), one


@pytest.mark.parametrize("name", CORE)
def test_every_table_of_a_module_is_fixed(name: str) -> None:
    """A table is private, or cannot be changed by whoever imports it."""
    for key, value in vars(importlib.import_module(name)).items():
        if key.isupper() and not key.startswith("_"):
            assert not isinstance(value, list | set | bytearray), key
            assert not isinstance(value, dict) or isinstance(value, MappingProxyType), key

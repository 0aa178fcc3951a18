"""The commands of the runtime, one module per area, and the table that one app's Grants open.

A command of a capability that the app does not declare is not registered for it at all: there is no handler
to reach, whatever name, case or spelling is tried. What no command of the app needs is not even loaded.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from locara.core.grant import Grants
from locara.core.surface import command_table
from locara.runtime.commands.registry import REGISTERED, Command

AREAS: Final[Mapping[str, str]] = {"clipboard": "desktop", "notify": "desktop", "shell": "desktop"}
"""The module of the commands that begin with a word; of any other word it is the module called so."""


def table(grants: Grants) -> Mapping[str, Command]:
    """Name to command, for exactly the commands that these Grants open."""
    found = {}
    for name in sorted(command_table(grants)):
        area = name.partition(".")[0]
        import_module(f"{__name__}.{AREAS.get(area, area)}")
        found[name] = REGISTERED[name]
    return MappingProxyType(found)


def registered() -> Mapping[str, Command]:
    """Every command of every module in this folder, by name, whether an app can be granted it or not."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return MappingProxyType(REGISTERED)


__all__ = ["Command", "registered", "table"]

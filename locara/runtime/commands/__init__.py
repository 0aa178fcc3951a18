"""The commands of the runtime, one module per area, and the table that one app's Grants open.

A command of a capability that the app does not declare is not registered for it at all: there is no handler
to reach, whatever name, case or spelling is tried. What no command that it calls needs is
not even loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    found: dict[str, Command | None] = dict.fromkeys(sorted(command_table(grants)))
    return _Table(found)


class _Table(Mapping[str, Command]):
    """Commands by name, each None until it is first asked for: then the module that has it is loaded.

    An app is shown as soon as it has started, and calls few of its commands.
    """

    def __init__(self, found: dict[str, Command | None]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> Command:
        command = self._found[name]
        if command is None:
            area = name.partition(".")[0]
            import_module(f"{__name__}.{AREAS.get(area, area)}")
            command = REGISTERED.get(name)
            if command is None:
                raise RuntimeError(f"no module has the command {name}")
            self._found[name] = command
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def registered() -> Mapping[str, Command]:
    """Every command of every module in this folder, by name, whether an app can be granted it or not."""
    import pkgutil  # noqa: PLC0415 - a start names each module it needs

    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return MappingProxyType(REGISTERED)


__all__ = ["Command", "registered", "table"]

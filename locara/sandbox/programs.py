"""Programs beside an app: what the broker starts for it, each call a process in a sandbox of its own.

The broker decides from the Grants whether an app has the program at all; who finds it, confines it and ends
it is given to the broker from outside (`locara.programs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from locara.core.grant import Grants
from locara.core.surface import COMMANDS
from locara.errors import CallError, CapabilityDenied

OPENED_BY: Final[Mapping[str, str]] = MappingProxyType(
    {"ocr": "ocr.fromFile", "pdf": "pdf.text", "speech": "tts.speak", "voices": "tts.speak"}
)
"""The programs, each with the command whose declaration opens it."""


class Programs(Protocol):
    """Who starts the programs of one app. Both calls raise CallError."""

    def facts(self, name: str) -> Mapping[str, Any]:
        """What this machine has of a program, as JSON values."""
        ...

    def begin(self, name: str, options: Mapping[str, Any]) -> int:
        """Start one call. The descriptor is the caller's: it takes the input, gives the output and the
        outcome, and closing it ends the program."""
        ...

    def close(self) -> None:
        """End every program that still runs."""
        ...


class NoPrograms:
    """There are none."""

    def facts(self, name: str) -> Mapping[str, Any]:
        """Nothing is known."""
        raise _none(name)

    def begin(self, name: str, options: Mapping[str, Any]) -> int:
        """Nothing is started."""
        raise _none(name)

    def close(self) -> None:
        """Nothing runs."""


def _none(name: str) -> CallError:
    return CallError(f"no program {name} is started here", code="program_unavailable")


def require_program(grants: Grants, name: object) -> str:
    """The name, when these Grants open the program. Raises CapabilityDenied, or CallError for no such one."""
    command = OPENED_BY.get(name) if isinstance(name, str) else None
    if not isinstance(name, str) or command is None:
        raise CallError("no such program", code="bad_request")
    spec = COMMANDS[command]
    if not spec.opens(grants):
        because = f"the manifest of {grants.app_id} does not declare what opens {command}"
        raise CapabilityDenied(capability=spec.capability, because=because, fix=spec.fix)
    return name

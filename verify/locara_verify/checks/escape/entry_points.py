"""Every way in: the live command table, the schema of each command, and each place in it that takes text.

Nothing is listed by hand. A command that is registered tomorrow is an entry point tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass
from locara_verify.checks.escape.arena import Arena
from locara_verify.strategies import arguments

if TYPE_CHECKING:
    from pydantic import BaseModel

Json = Any

MODEL_PROPERTY: Final = "model"
NO_MODEL: Final = "no-such-model"


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One command with its argument schema, ordinary arguments, and the places that take text."""

    command: str
    schema: Mapping[str, Any]
    base: Mapping[str, Json]
    texts: tuple[tuple[str | int, ...], ...]

    def with_text(self, place: Sequence[str | int], text: str) -> Mapping[str, Json]:
        """Ordinary arguments with ``text`` at one place."""
        changed: Mapping[str, Json] = arguments.put(dict(self.base), place, text)
        return changed


def live_commands(arena: Arena) -> tuple[str, ...]:
    """What the running app itself says it answers to."""
    reply = arena.link.ask("app.commands")
    return tuple(reply.result["commands"]) if reply.ok else ()


def entry_points(arena: Arena) -> tuple[EntryPoint, ...]:
    """One entry point for each live command, in the order of their names."""
    from locara.runtime.arguments_model import as_pydantic  # noqa: PLC0415 - only live checks load the runtime
    from locara.runtime.commands import registered  # noqa: PLC0415 - as above

    handlers, found = registered(), []
    for name in live_commands(arena):
        command = handlers.get(name)
        if command is None:
            continue  # LC401 reports it
        model = as_pydantic(command.args)
        schema = _schema(model)
        base = ordinary(arena, schema)
        found.append(EntryPoint(name, schema, base, _texts(model)))
    return tuple(found)


@cache
def _schema(args: type[BaseModel]) -> Mapping[str, Any]:
    """What a command takes; it is read only."""
    return args.model_json_schema(by_alias=True)


@cache
def _texts(args: type[BaseModel]) -> tuple[tuple[str | int, ...], ...]:
    """The places in it that take text, all but itself."""
    schema = _schema(args)
    return tuple(dict.fromkeys(place for place in arguments.texts(schema, schema) if place))


def ordinary(arena: Arena, schema: Mapping[str, Any]) -> dict[str, Json]:
    """Small, well-formed arguments. Known property names get values that lead somewhere; models are not
    loaded."""
    value: dict[str, Json] = arguments.example(schema, schema, all_fields=False)
    known: Mapping[str, Json] = {
        "root": "$APP_DATA" if arena.access("fs.app-data") else arena.handles.get("folder", "$APP_DATA"),
        "path": "ordinary.txt",
        "handle": "no-such-handle",
        "data": "",
        "sql": "SELECT 1",
        "statements": [{"sql": "SELECT 1"}],
        "key": "theme",
        "url": "https://example.com/",
        MODEL_PROPERTY: NO_MODEL,
        "texts": ["a"],
        "messages": [{"role": "user", "content": "a"}],
        "length": 64,
        "table": "no_such_table",
        "text": "a",
        "kind": "file",
        "access": "read",
    }
    # A search names a table although its schema leaves it to the person's choice of several ways.
    chosen = {name: known[name] for name in ("table", "text") if name in schema.get("properties", {})}
    return {**{name: known.get(name, item) for name, item in value.items()}, **chosen}


def everywhere(points: Sequence[EntryPoint]) -> tuple[tuple[EntryPoint, tuple[str | int, ...]], ...]:
    """Every pair of a command and one of its text places."""
    return tuple((point, place) for point in points for place in point.texts)

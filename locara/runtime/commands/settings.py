"""settings.*: small JSON values that an app remembers, kept in its own database. Always open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, JsonValue

from locara.runtime.call import Call
from locara.runtime.commands.registry import Args, Lane, command
from locara.runtime.session import Session

Key = Annotated[str, Field(min_length=1, max_length=200)]
Scope = Annotated[str, Field(min_length=1, max_length=100)]


class ScopeArgs(Args):
    """scope: `user`, `profile:<name>`, or `system`, which is read only."""

    scope: Scope = "user"


class KeyArgs(ScopeArgs):
    """key: the name of one value."""

    key: Key


class SetArgs(KeyArgs):
    """value: any JSON value."""

    value: JsonValue


@command("settings.get", args=KeyArgs, lane=Lane.STORE)
def get(session: Session, _call: Call, args: KeyArgs) -> Mapping[str, Any]:
    """`{value, found}`; value is null when the key was never set."""
    found, value = session.store.settings.get(args.key, args.scope)
    return {"value": value, "found": found}


@command("settings.set", args=SetArgs, lane=Lane.STORE)
def set_(session: Session, _call: Call, args: SetArgs) -> Mapping[str, Any]:
    """`{}`; the value is durable when the reply arrives."""
    session.store.settings.set(args.key, args.value, args.scope)
    return {}


@command("settings.getAll", args=ScopeArgs, lane=Lane.STORE)
def get_all(session: Session, _call: Call, args: ScopeArgs) -> Mapping[str, Any]:
    """`{settings: {key: value}}` of one scope."""
    return {"settings": session.store.settings.get_all(args.scope)}


@command("settings.delete", args=KeyArgs, lane=Lane.STORE)
def delete(session: Session, _call: Call, args: KeyArgs) -> Mapping[str, Any]:
    """`{deleted}`: whether there was a value."""
    return {"deleted": session.store.settings.delete(args.key, args.scope)}

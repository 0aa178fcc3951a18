"""settings.*: small JSON values that an app remembers, kept in its own database. Always open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from locara.runtime.arguments import Args, Field, JsonValue
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
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


class SubscribeArgs(Args):
    """scopes: those whose changes are told."""

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=8, default_factory=lambda: ["user"])]


class UnsubscribeArgs(Args):
    """subscription: the name that the first event of settings.subscribe gave."""

    subscription: Annotated[str, Field(min_length=1, max_length=64)]


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


@command("settings.subscribe", args=SubscribeArgs, lane=Lane.WATCH)
def subscribe(session: Session, call: Call, args: SubscribeArgs) -> Mapping[str, Any]:
    """`{reason: unsubscribed|cancelled}`, when it ends. Until then events: `{type: "subscribed", subscription}`
    first, then `{type: "changed", scope, key, found, value}` for every write of these scopes, in the order of
    the writes; `{type: "missed", count}` where so many were dropped because they were not read in time.

    At most eight are open at a time; the next is answered busy.
    """
    for scope in args.scopes:
        session.store.settings.check_scope(scope)
    subscription = session.subscriptions.open(frozenset(args.scopes))
    try:
        call.emit({"type": "subscribed", "subscription": subscription.name})
        for event in subscription.events(call.cancelled.is_set):
            call.emit(event)
    finally:
        session.subscriptions.close(subscription.name)
    return {"reason": "cancelled" if call.cancelled.is_set() else "unsubscribed"}


@command("settings.unsubscribe", args=UnsubscribeArgs, lane=Lane.INLINE)
def unsubscribe(session: Session, _call: Call, args: UnsubscribeArgs) -> Mapping[str, Any]:
    """`{ended}`: whether there was such a subscription. Its call is answered once its last event is sent."""
    return {"ended": session.subscriptions.close(args.subscription)}

"""Subscriptions: in the order of the writes, bounded, and honest about what was missed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import CallError
from locara.runtime.subscriptions import (
    MAX_SUBSCRIPTIONS,
    MAX_WAITING,
    MAX_WAITING_BYTES,
    Subscription,
    Subscriptions,
)
from locara.storage.settings import Change


def told(subscription: Subscription) -> list[dict[str, object]]:
    subscription.end()
    return [dict(event) for event in subscription.events(lambda: False)]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["user", "system", "profile:a"]), st.integers(0, 3)), max_size=100))
def test_changes_of_the_scopes_are_told_once_and_in_order(writes: list[tuple[str, int]]) -> None:
    subscription = Subscription(frozenset({"user", "profile:a"}))
    for number, (scope, key) in enumerate(writes):
        subscription.put(Change(scope, f"k{key}", str(number)))
    wanted = [(scope, f"k{key}", number) for number, (scope, key) in enumerate(writes) if scope != "system"]
    assert [(event["scope"], event["key"], event["value"]) for event in told(subscription)] == wanted


def test_a_removed_setting_is_told_as_such() -> None:
    subscription = Subscription(frozenset({"user"}))
    subscription.put(Change("user", "k", None))
    assert told(subscription) == [
        {"type": "changed", "scope": "user", "key": "k", "found": False, "value": None}
    ]


@pytest.mark.parametrize("value", ['"x"', f'"{"x" * 60_000}"'], ids=["by count", "by bytes"])
def test_a_slow_reader_costs_no_memory_and_is_told_what_it_missed(value: str) -> None:
    subscription = Subscription(frozenset({"user"}))
    for number in range(1_000):
        subscription.put(Change("user", str(number), value))
        assert len(subscription._waiting) <= MAX_WAITING
        assert sum(len(change.value or "") for change in subscription._waiting) <= MAX_WAITING_BYTES
    first, *rest = told(subscription)
    assert first["type"] == "missed"
    assert int(str(first["count"])) + len(rest) == 1_000
    assert [event["key"] for event in rest] == [str(number) for number in range(1_000 - len(rest), 1_000)]


class Told:
    def __init__(self) -> None:
        self.listeners: list[object] = []

    def watch(self, listener: object):
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


def test_there_are_only_so_many_and_each_ended_one_makes_room() -> None:
    settings_ = Told()
    every = Subscriptions(settings_)  # type: ignore[arg-type]
    opened = [every.open(frozenset({"user"})) for _ in range(MAX_SUBSCRIPTIONS)]
    assert len({one.name for one in opened}) == MAX_SUBSCRIPTIONS
    with pytest.raises(CallError) as caught:
        every.open(frozenset({"user"}))
    assert caught.value.code == "busy"
    assert every.close(opened[0].name)
    assert not every.close(opened[0].name)
    assert len(settings_.listeners) == MAX_SUBSCRIPTIONS - 1
    every.open(frozenset({"user"}))


def test_a_cancelled_call_ends_its_events() -> None:
    assert list(Subscription(frozenset({"user"})).events(lambda: True)) == []

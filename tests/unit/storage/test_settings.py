"""Settings: JSON by key and scope, out of reach of the app's SQL."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locara.errors import StorageError
from locara.storage.settings import MAX_VALUE_BYTES
from locara.storage.store import Store

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=json_values)
def test_a_value_comes_back_as_it_was_set(store: Store, value: object) -> None:
    store.settings.set("key", value)  # type: ignore[arg-type]
    assert store.settings.get("key") == (True, value)


def test_scopes_are_apart(store: Store) -> None:
    store.settings.set("theme", "dark")
    store.settings.set("theme", "light", "profile:work")
    store.settings.set("theme", "host", "system", by_runtime=True)
    assert store.settings.get("theme") == (True, "dark")
    assert store.settings.get_all("profile:work") == {"theme": "light"}
    assert store.settings.delete("theme")
    assert not store.settings.delete("theme")
    assert store.settings.get("theme") == (False, None)
    assert store.settings.get("theme", "system") == (True, "host")


def test_only_the_runtime_writes_the_system_scope(store: Store) -> None:
    for act in (lambda: store.settings.set("a", 1, "system"), lambda: store.settings.delete("a", "system")):
        with pytest.raises(StorageError) as caught:
            act()
        assert caught.value.code == "sql_denied"
        assert "runtime" in caught.value.message


@pytest.mark.parametrize("key", ["", "a" * 129, "a\n", "\x00", "a\x7f", 5, None])
def test_keys_are_short_plain_text(store: Store, key: object) -> None:
    if key is None:
        return
    with pytest.raises(StorageError) as caught:
        store.settings.set(key, 1)  # type: ignore[arg-type]
    assert caught.value.code == "bad_value"


@pytest.mark.parametrize(
    "scope", ["", "users", "profile:", "profile:a/b", "profile:" + "a" * 65, "USER", "user\n", 5]
)
def test_scopes_are_of_a_closed_form(store: Store, scope: object) -> None:
    for act in (store.settings.get, store.settings.delete):
        with pytest.raises(StorageError) as caught:
            act("key", scope)  # type: ignore[operator]
        assert caught.value.code == "bad_value"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("x" * (MAX_VALUE_BYTES + 1), "limit_exceeded"),
        (float("nan"), "bad_value"),
        (b"x", "bad_value"),
        ("\ud800", "bad_value"),
    ],
)
def test_values_are_small_json(store: Store, value: object, code: str) -> None:
    with pytest.raises(StorageError) as caught:
        store.settings.set("key", value)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert store.settings.get("key") == (False, None)

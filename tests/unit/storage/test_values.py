"""JSON to SQLite and back: exact, or refused."""

from __future__ import annotations

import base64
import math
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locara.errors import StorageError
from locara.storage.store import Store
from locara.storage.values import MAX_VECTOR, bind, bindings, encode, vector


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        (None, None),
        (True, 1),
        (False, 0),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (1.5, 1.5),
        ("text \x00 ü 🌍", "text \x00 ü 🌍"),
        ({"$blob": "AAEC"}, b"\x00\x01\x02"),
        ({"$blob": ""}, b""),
        ({"$int": "-9223372036854775808"}, -(2**63)),
        ([1, -2.5], struct.pack("<2f", 1, -2.5)),
    ],
)
def test_values_that_have_a_place(given_: object, kept: object) -> None:
    assert bind(given_) == kept  # type: ignore[arg-type]
    assert type(bind(given_)) is type(kept)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**63) - 1,
        math.inf,
        -math.inf,
        math.nan,
        "\ud800",
        "a\udfff",
        [],
        [1, "2"],
        [True],
        [None],
        [[1]],
        [1e39],
        [math.nan],
        [math.inf],
        [10**400],
        [0] * (MAX_VECTOR + 1),
        {},
        {"a": 1},
        {"$blob": "=!"},
        {"$blob": 1},
        {"$blob": "AA=="[:3]},
        {"$int": "x"},
        {"$int": "9223372036854775808"},
        {"$int": 5},
        {"$int": "1" * 21},
        {"$int": "1_000"},
        {"$int": " 1"},
        {"$int": "+1"},
        {"$int": "\u0661"},
        {"$int": ""},
        {"$blob": "AA==", "x": 1},
        object(),
        {1, 2},
        1j,
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_values_that_have_none_are_refused(value: object) -> None:
    with pytest.raises(StorageError) as caught:
        bind(value)  # type: ignore[arg-type]
    assert caught.value.code == "bad_value"


def test_parameters() -> None:
    assert bindings(None, 3) == ()
    assert bindings([1, "a"], 3) == (1, "a")
    assert bindings({":a": 1, "$b": 2, "c": 3}, 3) == {"a": 1, "b": 2, "c": 3}
    for wrong in ("text", b"x", 5, True):
        with pytest.raises(StorageError) as caught:
            bindings(wrong, 3)  # type: ignore[arg-type]
        assert caught.value.code == "bad_value"
    with pytest.raises(StorageError) as caught:
        bindings([1] * 4, 3)
    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (2**53, 2**53),
        (2**53 + 1, {"$int": "9007199254740993"}),
        (math.inf, {"$real": "Infinity"}),
        (-math.inf, {"$real": "-Infinity"}),
        (b"\xff", {"$blob": "/w=="}),
        ("é", "é"),
    ],
)
def test_what_json_cannot_hold_is_marked(value: object, shown: object) -> None:
    assert encode(value)[0] == shown  # type: ignore[arg-type]


scalars = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary().map(lambda data: {"$blob": base64.b64encode(data).decode()})
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=scalars)
def test_a_value_comes_back_as_it_went(store: Store, value: object) -> None:
    ((back,),) = store.query("SELECT ?", [value]).rows  # type: ignore[list-item]
    if isinstance(value, int) and abs(value) > 2**53:
        assert back == {"$int": str(value)}
        assert bind(back) == value
    else:
        assert back == value


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_a_vector_is_its_float32_bytes(numbers: list[float]) -> None:
    assert struct.unpack(f"<{len(numbers)}f", vector(numbers)) == tuple(numbers)

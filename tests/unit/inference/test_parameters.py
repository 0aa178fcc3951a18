import math
from typing import Any

import pytest

from locara.errors import InferenceError
from locara.inference.backend import ChatRequest, Message
from locara.inference.parameters import check, check_texts

HELLO = (Message("user", "hello"),)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"max_tokens": 1},
        {"max_tokens": 131_072},
        {"temperature": 0},
        {"temperature": 2},
        {"temperature": 1e-30},
        {"top_p": 1},
        {"top_p": 1e-9},
        {"top_k": 0},
        {"top_k": 1000},
        {"seed": 0},
        {"seed": 2**32 - 2},
        {"stop": ["a", "b" * 64]},
        {"messages": (Message("system", ""), Message("assistant", "\u20ac\U0001f600\x00"))},
        {"schema": {"type": "boolean"}},
    ],
)
def test_values_inside_the_limits_pass(fields: dict[str, Any]) -> None:
    check(ChatRequest(**{"messages": HELLO, **fields}))


NO_NUMBERS = [math.nan, math.inf, -math.inf, "1", None, True, [], {}, 10**400, -(10**400), 1j]


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        *(("temperature", v, "temperature") for v in [-0.1, -1e-9, 2.1, *NO_NUMBERS]),
        *(("top_p", v, "topP") for v in [-0.1, 0, 0.0, -0.0, 1.1, *NO_NUMBERS]),
        *(("top_k", v, "topK") for v in [-1, 1001, 1.0, 0.5, 2**31, 2**63, *NO_NUMBERS]),
        *(("seed", v, "seed") for v in [-1, 2**32 - 1, 2**32, 1.0, *NO_NUMBERS]),
        *(
            ("max_tokens", v, "maxTokens")
            for v in [0, -1, 131_073, 2**31, 2**64, 1.0, *NO_NUMBERS]
            if v is not None
        ),
        *(("stop", v, "stop") for v in ["text", [""], ["a"] * 9, ["a" * 65], [1], [None], ["\ud800"]]),
        *(("messages", v, "message") for v in [(), HELLO * 257, ({"role": "user", "content": "x"},)]),
        ("messages", (Message("tool", "x"),), "role"),  # type: ignore[arg-type]
        ("messages", (Message("user", 5),), "string"),  # type: ignore[arg-type]
        ("messages", (Message("user", "\udfff"),), "surrogate"),
        ("messages", (Message("user", "x" * 1_000_001),), "longer"),
        ("schema", [], "schema"),
        ("schema", "x", "schema"),
    ],
)
def test_everything_else_is_refused_by_name(field: str, value: Any, name: str) -> None:
    with pytest.raises(InferenceError) as caught:
        check(ChatRequest(**{"messages": HELLO, field: value}))
    assert caught.value.code == "bad_request"
    assert name in caught.value.message


def test_stop_strings_and_a_schema_exclude_each_other() -> None:
    with pytest.raises(InferenceError, match="cannot be combined"):
        check(ChatRequest(HELLO, stop=["x"], schema={"type": "boolean"}))


def test_texts_to_embed() -> None:
    check_texts(["a"] * 64)
    for texts in ([], ["a"] * 65, "text", [1], [b"x"], ["a" * 100_001], ["\ud83d"], None, {"a": 1}):
        with pytest.raises(InferenceError) as caught:
            check_texts(texts)  # type: ignore[arg-type]
        assert caught.value.code == "bad_request"

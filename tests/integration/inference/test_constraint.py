"""Schema output from the real model, judged by an independent validator, and the grammar text by text."""

import json
import random
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import InferenceError
from locara.inference.backend import ChatRequest, Finish, Message
from locara.inference.chat import LlamaChat
from locara.inference.constraint import Constraint
from locara.inference.schema import Shape, conforms, read_schema

TASK = {
    "type": "object",
    "properties": {
        "person": {"type": "string", "maxLength": 24},
        "day": {"enum": ["Monday", "Tuesday", "Friday", "sp\u00e4ter \u20ac"]},
        "count": {"type": "integer", "minimum": -12, "maximum": 3500},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "done": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 6}, "maxItems": 3},
        "note": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 2, "maxLength": 5}]},
    },
    "required": ["person", "day", "count"],
    "additionalProperties": False,
}
SCHEMAS: list[dict[str, Any]] = [
    TASK,
    {"type": "array", "items": TASK, "minItems": 1, "maxItems": 2},
    {"type": "integer", "minimum": 7, "maximum": 7},
    {"type": "string", "minLength": 3, "maxLength": 3},
    {"enum": [None, 'only\n"this"\\']},
    {"type": "array", "items": {"type": "null"}, "minItems": 0, "maxItems": 0},
    {"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"type": "boolean"}}},
]
ASK = [Message("user", "Extract JSON: Anna will send the report by Monday.")]


def test_control_tokens_are_no_letters_of_a_text(chat: LlamaChat) -> None:
    """The grammar counts the letters of their names, and none of them is in the answer."""
    schema = {"type": "string", "minLength": 30, "maxLength": 40}
    model = chat._model
    constraint = Constraint(model, read_schema(schema))
    try:
        silent = [token for token in range(model.token_count) if not model.piece(token)]
        assert set(silent) - set(model.end_tokens), "the model has control tokens"
        assert not any(constraint._is_text(token) for token in silent if token not in model.end_tokens)
        assert all(constraint._is_text(token) for token in model.end_tokens if not model.piece(token))
    finally:
        constraint.close()


@pytest.mark.parametrize("number", range(len(SCHEMAS)))
def test_complete_answers_are_valid_for_every_seed(chat: LlamaChat, number: int) -> None:
    schema = SCHEMAS[number]
    validator = jsonschema_rs.validator_for(schema)
    texts = set()
    for seed in range(8):
        request = ChatRequest(ASK, schema=schema, temperature=1.6, seed=seed)
        *_, finish = chat.stream(request)
        assert isinstance(finish, Finish)
        assert finish.reason == "stop"
        assert json.loads(finish.text) == finish.value
        assert validator.is_valid(finish.value), finish.text
        assert not any(ord(char) < 0x20 for char in finish.text)
        texts.add(finish.text)
    if number == 0:
        assert len(texts) > 4


def test_an_answer_that_was_cut_is_no_value(chat: LlamaChat) -> None:
    *_, finish = chat.stream(ChatRequest(ASK, schema=TASK, max_tokens=4))
    assert isinstance(finish, Finish)
    assert (finish.reason, finish.value) == ("length", None)


def test_a_bad_schema_is_refused_before_any_work(chat: LlamaChat) -> None:
    with pytest.raises(InferenceError) as caught:
        chat.stream(ChatRequest(ASK, schema={"type": "string", "pattern": "(a+)+"}))
    assert caught.value.code == "bad_request"


def accepts(chat: LlamaChat, shape: Shape, text: str) -> bool:
    """Whether the grammar takes the whole text and lets the answer end there."""
    lib, model = chat._lib, chat._model
    constraint = Constraint(model, shape)
    try:
        for token in model.tokenize(text.encode(), special=False):
            if not constraint._allows(token):
                return False
            lib.llama_sampler_accept(constraint._grammar, token)
        return constraint._allows(lib.llama_vocab_eos(model.vocabulary))
    finally:
        constraint.close()


@pytest.mark.parametrize(
    "text",
    [
        '{"person":"A","day":"Monday","count":1}',
        '{"person": "", "day": "sp\u00e4ter \u20ac", "count": -12, "done": true, "tags": []}',
        '{"person":"\U0001f600\\n\\"","day":"Friday","count":3500,"share":0.25,"tags":["a","b","c"],"note":null}',
    ],
)
def test_the_grammar_takes_what_conforms(chat: LlamaChat, text: str) -> None:
    shape = read_schema(TASK)
    assert conforms(shape, json.loads(text))
    assert accepts(chat, shape, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"person":"A","day":"Monday"}',
        '{"person":"A","day":"Monday","count":3501}',
        '{"person":"A","day":"Monday","count":-13}',
        '{"person":"A","day":"Monday","count":01}',
        '{"person":"A","day":"Sunday","count":1}',
        '{"person":"A","day":"Monday","count":1,"share":1.5}',
        '{"person":"A","day":"Monday","count":1,}',
        '{"person":"A","day":"Monday","count":1,"more":1}',
        '{"person":"' + "x" * 25 + '","day":"Monday","count":1}',
        '{"person":"a\nb","day":"Monday","count":1}',
        '{"person":"a\tb","day":"Monday","count":1}',
        '{"person":"a\x7f","day":"Monday","count":1}',
        '{"person":"\\ud800","day":"Monday","count":1}',
        '{"person":"\\x","day":"Monday","count":1}',
        '{"person":"A","day":"Monday","count":1} ',
        '{"person":"A","day":"Monday","count":1}{}',
    ],
)
def test_the_grammar_takes_nothing_else(chat: LlamaChat, text: str) -> None:
    assert not accepts(chat, read_schema(TASK), text)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_generated_values_are_taken_exactly_when_they_conform(chat: LlamaChat, seed: int) -> None:
    rng = random.Random(seed)
    shape = read_schema(TASK)
    value: dict[str, Any] = {
        "person": "".join(rng.choices("aZ \u00fc\u20ac", k=rng.choice([0, 3, 24, 25]))),
        "day": rng.choice(["Monday", "Friday", "monday"]),
        "count": rng.choice([-13, -12, 0, 99, 3500, 3501, rng.randint(-20, 4000)]),
    }
    if rng.random() < 0.5:
        value["share"] = rng.choice([0, 0.5, 1, 2])
    if rng.random() < 0.5:
        value["tags"] = ["t" * rng.randint(0, 7) for _ in range(rng.randint(0, 4))]
    if rng.random() < 0.5:
        value["note"] = rng.choice([None, "a", "ab", "abcdef"])
    text = json.dumps(value, ensure_ascii=False)
    assert accepts(chat, shape, text) == conforms(shape, value)

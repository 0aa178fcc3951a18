"""LC508: answers around each form in which models write calls, and the two forms that are no tagged object."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from locara_verify.checks.models.theatre import Theatre
from locara_verify.oracle import written_calls as oracle

RULE: Final = "LC508"
LISTED: Final = "lister"
BARE: Final = "barer"
"""Puppets whose templates mention a list of calls, and a call without markers."""

FIXED: Final = (
    '<tool_call>{"name": "cached", "name": "offered", "arguments": {"twice": 1}}</tool_call>',
    '<tool_call>{"name": "offered", "arguments": {"safe": 1}, "arguments": {"other": 2}}</tool_call>',
    '<tool_call>{"name": "offered", "arguments": {"more": 1}, "id": "x"}</tool_call>',
    '<tool_call>{"name": "offered", "arguments": {"n": NaN}}</tool_call>',
    '<tool_call>[{"name": "offered", "arguments": {"listed": 1}}]</tool_call>',
    '<tool_call>{"name": "offered", "arguments": "{}"}</tool_call>',
    '<tool_call>{"name": "offered", "arguments": {"open": 1}}',
    '<tool_call>{]</tool_call><tool_call>{"name": "offered", "arguments": {"after": 1}}</tool_call>',
    '<tool_call>{"name": "offered", "arguments": {"s": "}</tool_call>"}}</tool_call>',
    "".join(
        f'<tool_call>{{"name": "offered", "arguments": {{"many": {n}}}}}</tool_call>'
        for n in range(oracle.MOST + 3)
    ),
    '<tool_call>{"name": "offered", "arguments": {"whole": "a \\" quote"}}</tool_call>',
)
"""Tagged forms that are tried in every run."""


def _call(number: int, key: str = "arguments", **more: object) -> dict[str, object]:
    return {"name": "offered", key: {"n": number}, **more}


def listed_scripts() -> Mapping[str, str]:
    """Lists of calls: as long as may be and longer, one after the other, cut, and of other things."""

    def many(begin: int, count: int) -> str:
        return oracle.LIST + json.dumps([_call(begin + number) for number in range(count)])

    made = (
        many(100, 1),
        many(200, oracle.MOST),
        many(300, oracle.MOST + 1),
        many(400, 9) + " and " + many(420, 9),
        many(500, oracle.MOST) + many(520, 1),
        many(600, 2)[:-1],
        many(700, 2)[:-1] + ", " + many(720, 1) + "]",
        oracle.LIST + json.dumps(_call(800)),
        oracle.LIST + "[]",
        oracle.LIST + json.dumps([[_call(900)]]),
        oracle.LIST + json.dumps([_call(1_000, "parameters"), _call(1_010, more=1)]),
        "none " + many(1_100, 1).lower(),
    )
    return {f"list {number}": f"{number}: {text}" for number, text in enumerate(made)}


def bare_scripts() -> Mapping[str, str]:
    """Answers that are one call, and answers that hold one: before it, after it, twice, in another form."""

    def one(number: int, key: str = "parameters", **more: object) -> str:
        return json.dumps(_call(number, key, **more))

    made = (
        one(100),
        one(200) + one(210),
        one(300) + "\n" + one(310),
        one(400) + " and more",
        "I call: " + one(500),
        one(600, "arguments"),
        one(700, more=1),
        f"[{one(800)}]",
        one(900)[:-1],
        one(1_000).replace('"name"', '"name": "cached", "name"'),
        "\n " + one(1_100),
    )
    return {f"bare {number}": text for number, text in enumerate(made)}


Reader = Callable[[str], list[tuple[str, dict[str, Any]]]]


def read_others(on: Theatre) -> None:
    """Exactly the calls that a second reader finds, in the form that the model's template has."""
    forms: tuple[tuple[str, Mapping[str, str], Reader], ...] = (
        (LISTED, listed_scripts(), oracle.listed),
        (BARE, bare_scripts(), oracle.bare),
    )
    for model, scripts, read in forms:
        whole = 0
        for key, text in scripts.items():
            said = on.ask(key, model=model, tools=["offered"], maxTokens=2_000)
            if not on.tally.expect(
                RULE, said.code == "ok", "an answer failed for its form", said.message, script=text
            ):
                continue
            got = [(one["tool"], one["arguments"]) for one in said.result["toolCalls"]]
            wanted = read(text)
            whole += len(wanted)
            on.tally.expect(
                RULE, got == wanted, "an answer was read as other calls than stand in it",
                f"{model}: {len(got)} calls, {len(wanted)} expected", script=text,
            )  # fmt: skip
        if not whole:
            on.tally.undecided(RULE, f"the allow twin failed: no answer of the {model} held a whole call")

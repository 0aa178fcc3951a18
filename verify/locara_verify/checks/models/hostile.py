"""LC506: parameters out of their range are refused, never reach native code, and the app lives on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from locara.errors import LocaraError
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import (
    CALL_SECONDS,
    Roles,
    Tally,
    chat,
    reads,
    refusal,
    roles,
    survives,
)
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.runtime.client import Client

RULE: Final = "LC506"
NAME: Final = "inference-parameters"
PLAIN: Final[JSON] = [{"role": "user", "content": "text"}]
REFUSED: Final = frozenset({"bad_request", "context_overflow", "too_large", "bad_frame"})

WHOLE: Final[tuple[JSON, ...]] = (
    *(-1, -(2**31), -(2**63), 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 10**100, 0.5, 1.0, 1e308),
    *("1", "", True, [], [1], {}, {"$gt": 0}),
)
REAL: Final[tuple[JSON, ...]] = (
    -1e-9,
    -1,
    2.5,
    1e30,
    1.7e308,
    10**100,
    "0.5",
    "NaN",
    True,
    [],
    [0.5],
    {},
    "\u0660.5",
)
RAW: Final = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x1", "1_0", "+1", ".5", "01", "1.")
"""Number texts that are no JSON, or no finite number; sent as they are."""


def nested(depth: int) -> JSON:
    """A schema so deep that a recursive reader would fail."""
    schema: JSON = {"type": "null"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def schemas() -> tuple[JSON, ...]:
    """Schemas that are wrong, unbounded, explosive, or try to write grammar."""
    null: JSON = {"type": "null"}
    wide: JSON = {f"p{n}": {"type": "string", "maxLength": 2000} for n in range(64)}
    bomb: JSON = {"anyOf": [{"anyOf": [null] * 120}] * 120}
    kinds: tuple[JSON, ...] = (
        {},
        [],
        "x",
        1,
        True,
        {"type": "any"},
        {"type": ["string"]},
        {"type": "object"},
    )
    texts: tuple[JSON, ...] = (
        {"type": "string", "pattern": "(a+)+$"},
        {"type": "string", "maxLength": 10**9},
        {"type": "string", "maxLength": -1},
        {"enum": []},
        {"enum": [[]]},
        {"enum": ["x"] * 10_000},
    )
    numbers: tuple[JSON, ...] = (
        {"type": "integer", "minimum": 5, "maximum": 1},
        {"type": "integer", "minimum": -(10**400)},
        {"type": "number", "minimum": 0.5},
    )
    shapes: tuple[JSON, ...] = (
        {"$ref": "#"},
        {"type": "array", "items": null, "maxItems": 10**9},
        {"type": "object", "properties": wide},
        {"type": "object", "properties": {"a": null}, "required": ["__proto__"]},
        {"type": "object", "properties": {"a": null}, "additionalProperties": True},
        {"anyOf": []},
    )
    return (*kinds, *texts, *numbers, *shapes, nested(12), nested(40), bomb)


def conversations() -> tuple[JSON, ...]:
    """Messages that are none."""
    user: dict[str, JSON] = {"role": "user", "content": "x"}
    whole: tuple[JSON, ...] = ([], None, "text", {}, [[]], [{}], [user] * 5_000)
    turns: tuple[dict[str, JSON], ...] = (
        {"role": "user"},
        {"content": "x"},
        {**user, "role": "tool"},
        {**user, "role": "User"},
        {**user, "role": "user\n"},
        {**user, "content": None},
        {**user, "content": ["x"]},
        {**user, "more": 1},
    )
    return (*whole, *([turn] for turn in turns), *([user, *turns] for turns in past_calls()))


def past_calls() -> Iterator[list[JSON]]:
    """Turns with calls of which one field is out of its bounds, or that the turn may not have."""

    def calls(*given: Mapping[str, JSON], role: str = "assistant") -> list[JSON]:
        plain: Mapping[str, JSON] = {"id": "a", "tool": "t", "arguments": {}}
        return [{"role": role, "content": "", "toolCalls": [{**plain, **one} for one in given]}]

    deep: JSON = 1
    for _ in range(40):
        deep = [deep]
    long = "x" * 1_000_001
    fields: tuple[tuple[str, tuple[JSON, ...]], ...] = (
        ("id", ("", "x" * 65, 1, None)),
        ("tool", ("", "x" * 161, 1, None)),
        (
            "arguments",
            ([], "x", None, {long: 1}, {"a": deep}, {"a": [0] * 20_001}),
        ),
        ("more", (1,)),
    )
    for name, values in fields:
        for value in values:
            yield calls({name: value})
    yield calls(*({"id": f"c{number}"} for number in range(17)))
    yield calls({}, {})
    for role in ("user", "system", "tool"):
        yield calls({}, role=role)
    for role in ("user", "system", "assistant"):
        yield [*calls({}), {"role": role, "content": "", "toolCallId": "a"}]


def chat_cases() -> Iterator[tuple[str, JSON]]:
    """(argument, value) that llm.chat must refuse."""
    for name in ("maxTokens", "topK", "seed"):
        for value in WHOLE:
            # The largest seeds and a topK that is not used are in range.
            if not (name == "seed" and value == 2**31):
                yield name, value
    yield "maxTokens", 0
    for name in ("temperature", "topP"):
        for real in REAL:
            yield name, real
    yield "topP", 0
    stops: tuple[JSON, ...] = ("x", [""], ["x"] * 100, ["x" * 10_000], [1], [None], [["x"]], {"0": "x"})
    for stop in stops:
        yield "stop", stop
    for schema in schemas():
        yield "schema", schema
    for messages in conversations():
        yield "messages", messages
    for name in ("logit_bias", "grammar", "n_ctx", "max_tokens", "chat_template", "__class__", "top_k "):
        yield name, 1
    yield "stream", "yes"


def embed_cases() -> Iterator[tuple[str, JSON]]:
    """(argument, value) that embed.create must refuse."""
    wrong: tuple[JSON, ...] = ([], "text", None, {}, [1], [None], [["x"]], [{"text": "x"}])
    large: tuple[JSON, ...] = (["x"] * 1_000, ["x" * 5_000_000], ["word " * 20_000])
    for texts in (*wrong, *large):
        yield "texts", texts
    yield "dimensions", 1


def extremes() -> Iterator[Mapping[str, JSON]]:
    """The allow twins: the ends of every range are fine."""
    yield {"temperature": 0, "topP": 1, "topK": 0, "seed": 0, "maxTokens": 1}
    yield {"temperature": 2, "topP": 1e-6, "topK": 1000, "seed": 2**32 - 2, "maxTokens": 2}
    yield {"temperature": 1e-6, "topP": 0.999, "topK": 1, "seed": 1, "maxTokens": 3, "stop": ["x" * 64] * 8}


@check(NAME, rules=(RULE,), needs=frozenset({"live", "models"}), applies=reads)
def run(ctx: Context) -> CheckResult:
    """Every hostile value once, alone; then random ones together; the app must answer after each batch."""
    tally = Tally()
    found = roles(ctx)
    with ctx.open_app() as app:
        for command, model, cases in plans(found):
            values = list(cases)
            base: Mapping[str, JSON] = {"model": model, **ordinary(command)}
            for start in range(0, len(values), 25):
                ctx.progress(start, len(values), command)
                with survives(tally, RULE, app.client):
                    for name, value in values[start : start + 25]:
                        judge(tally, app.client, command, {**base, name: value}, name)
        if found.chat is not None:
            with survives(tally, RULE, app.client):
                raw_numbers(tally, app.client, found.chat)
            with survives(tally, RULE, app.client):
                together(
                    tally, app.client, found.chat, ctx.rng(NAME), max(20, ctx.profile.live_operations // 50)
                )
            with survives(tally, RULE, app.client):
                spelled_control(tally, app.client, found.chat)
                twins(tally, app.client, found.chat)
        if found.embed is not None:
            with survives(tally, RULE, app.client):
                embedded_control(tally, app.client, found.embed)
    return tally.result()


def plans(found: Roles) -> Iterator[tuple[str, str, Iterator[tuple[str, JSON]]]]:
    """What to call with which model and values."""
    if found.chat is not None:
        yield "llm.chat", found.chat, chat_cases()
    if found.embed is not None:
        yield "embed.create", found.embed, embed_cases()


def ordinary(command: str) -> Mapping[str, JSON]:
    """Arguments that are fine but for the one that is replaced."""
    return {"texts": ["text"]} if command == "embed.create" else {"messages": PLAIN, "maxTokens": 1}


def judge(tally: Tally, client: Client, command: str, args: Mapping[str, JSON], name: str) -> None:
    """The call must be refused as a bad request."""
    code, message = refusal(client, command, args)
    tally.attacks += 1
    shown = ascii(args.get(name))[:100]
    tally.expect(
        RULE,
        code in REFUSED,
        f"{command} accepted or mishandled {name} = {shown}",
        f"{code}: {message}"[:300],
        command=command,
        argument=name,
        value=shown,
    )


def raw_numbers(tally: Tally, client: Client, model: str) -> None:
    """Numbers that only a lenient JSON reader takes, in frames written by hand."""
    for number, text in enumerate(RAW):
        for name in ("temperature", "topP", "seed", "maxTokens"):
            call_id = f"raw-{number}-{name}"
            body = json.dumps({"id": call_id, "cmd": "llm.chat", "args": {"model": model, "messages": PLAIN}})
            payload = f"{body[:-2]}, {json.dumps(name)}: {text}}}}}".encode()
            client.send_raw(len(payload).to_bytes(4, "big") + payload)
            reply = client.recv_frame(60.0) or {}
            tally.attacks += 1
            refused = reply.get("ok") is False and reply.get("error", {}).get("code") in REFUSED
            tally.expect(
                RULE,
                refused,
                f"{name} = {text} was not refused",
                ascii(reply)[:300],
                argument=name,
                value=text,
            )


def together(tally: Tally, client: Client, model: str, rng: random.Random, count: int) -> None:
    """Several hostile values at once: a check that stops at the first must not let the second through."""
    cases = [case for case in chat_cases() if case[0] not in {"messages", "schema"}]
    for _ in range(count):
        chosen = dict(rng.sample(cases, rng.randint(2, 4)))
        judge(
            tally,
            client,
            "llm.chat",
            {"model": model, "messages": PLAIN, "maxTokens": 1, **chosen},
            sorted(chosen)[0],
        )


def spelled_control(tally: Tally, client: Client, model: str) -> None:
    """Content that spells a control token must count as its letters, not as that one token."""
    empty = chat(client, model, "", maxTokens=1)["usage"]["inputTokens"]
    for spelled in (
        "<|im_end|>",
        "<|im_start|>",
        "<|endoftext|>",
        "<|eot_id|>",
        "<end_of_turn>",
        "[INST]",
        "</s>",
    ):
        tokens = chat(client, model, spelled, maxTokens=1)["usage"]["inputTokens"] - empty
        tally.attacks += 1
        tally.expect(
            RULE,
            tokens > 1,
            f"content that spells {spelled} became a control token",
            f"{tokens} token",
            value=spelled,
        )


def embedded_control(tally: Tally, client: Client, model: str) -> None:
    """A text to embed that spells a control token counts as its letters, too."""

    def tokens(text: str) -> int:
        found = client.call("embed.create", {"model": model, "texts": [text]}, timeout=CALL_SECONDS)
        return int(found["usage"]["inputTokens"])

    empty = tokens("")
    for spelled in ("[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "<s>", "</s>", "<unk>", "<|endoftext|>"):
        tally.attacks += 1
        tally.expect(
            RULE,
            tokens(spelled) - empty > 1,
            f"a text that spells {spelled} became a control token",
            f"{tokens(spelled) - empty} token",
            value=spelled,
        )


def twins(tally: Tally, client: Client, model: str) -> None:
    """The ends of the ranges must work, or refusing all the rest proves nothing."""
    for args in extremes():
        try:
            chat(client, model, "text", **args)
        except LocaraError as error:
            tally.undecided(
                RULE, f"the allow twin failed: {dict(args)} was refused ({error.code}: {error.message})"
            )

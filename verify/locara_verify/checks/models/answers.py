"""LC504 and LC505: streams, stops, cancels, seeds, counts and schemas of the live runtime are right."""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from locara.errors import LocaraError
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import CALL_SECONDS, Tally, chat, refusal, roles, survives, talks
from locara_verify.checks.models.unkept_schemas import refuses_unkept
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.runtime.client import Client

LIVE: Final = "LC504"
SCHEMA: Final = "LC505"
NAME: Final = "inference-live"
QUESTION: Final = "Who are you?"
LONG: Final = 300
"""Tokens of the answer that is cancelled. The schema below makes any model write on."""
STOP_PAIRS: Final = 4
PARTS: Final = (0.3, 0.2, 0.4, 0.1, 0.5)
"""When a call is cancelled, in parts of the time it takes: it may be complete before the cancel arrives."""
EMBEDDED: Final = ["word " * 8] * 16
"""Texts of an embedding that takes a while."""
ENDLESS: Final[Mapping[str, JSON]] = {
    "type": "array",
    "items": {"type": "string", "minLength": 40, "maxLength": 40},
    "minItems": 40,
    "maxItems": 40,
}


def is_text(value: object, low: int, high: int) -> bool:
    """A string of so many characters, none of them half of a surrogate pair."""
    pair_half = isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)
    return isinstance(value, str) and low <= len(value) <= high and not pair_half


def is_whole(value: object, low: int, high: int) -> bool:
    """An integer in a range, and no boolean."""
    return type(value) is int and low <= value <= high


def is_task(value: object) -> bool:
    """What TASK describes, written out by hand: the product's own judgement is not asked."""
    if not isinstance(value, dict) or not {"person", "day", "count"} <= set(value):
        return False
    tests: Mapping[str, Callable[[Any], bool]] = {
        "person": lambda v: is_text(v, 1, 20),
        "day": lambda v: v in ("Monday", "Friday"),
        "count": lambda v: is_whole(v, -12, 350),
        "share": lambda v: type(v) in (int, float) and 0 <= v <= 1,
        "done": lambda v: v is True or v is False,
        "tags": lambda v: isinstance(v, list) and len(v) <= 3 and all(is_text(t, 0, 6) for t in v),
        "note": lambda v: v is None or is_text(v, 2, 5),
    }
    return all(name in tests and tests[name](item) for name, item in value.items())


TASK: Final[Mapping[str, JSON]] = {
    "type": "object",
    "properties": {
        "person": {"type": "string", "minLength": 1, "maxLength": 20},
        "day": {"enum": ["Monday", "Friday"]},
        "count": {"type": "integer", "minimum": -12, "maximum": 350},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "done": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 6}, "maxItems": 3},
        "note": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 2, "maxLength": 5}]},
    },
    "required": ["person", "day", "count"],
    "additionalProperties": False,
}
SCHEMAS: Final[Mapping[str, tuple[Mapping[str, JSON], Callable[[object], bool]]]] = {
    "task": (TASK, is_task),
    "list": (
        {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 99},
            "minItems": 2,
            "maxItems": 4,
        },
        lambda v: isinstance(v, list) and 2 <= len(v) <= 4 and all(is_whole(n, 1, 99) for n in v),
    ),
    "text": ({"type": "string", "minLength": 3, "maxLength": 9}, lambda v: is_text(v, 3, 9)),
    "long": ({"type": "string", "minLength": 60, "maxLength": 80}, lambda v: is_text(v, 60, 80)),
    "choice": ({"enum": ["yes", "no", None]}, lambda v: v is None or v in ("yes", "no")),
}


@check(NAME, rules=(LIVE, SCHEMA), needs=frozenset({"live", "models"}), applies=talks, quick=True)
def run(ctx: Context) -> CheckResult:
    """Everything about answers that can be judged without knowing the model."""
    tally = Tally()
    found = roles(ctx)
    if found.chat is None:
        for rule in (LIVE, SCHEMA):
            tally.undecided(rule, "none of the pinned models is a chat model")
        return tally.result()
    steps: list[Callable[[Client], None]] = [
        lambda client: streams(tally, client, found.chat or ""),
        lambda client: stops(tally, client, found.chat or ""),
        lambda client: limits(tally, client, found.chat or ""),
        lambda client: cancels(tally, client, found.chat or ""),
        lambda client: repeats(ctx, tally, client, found.chat or ""),
        lambda client: follows_schemas(ctx, tally, client, found.chat or ""),
        lambda client: refuses_unkept(ctx.rng(f"{SCHEMA} unkept"), tally, client, found.chat or ""),
    ]
    if found.embed is not None:
        steps.append(lambda client: embeds(tally, client, found.embed or ""))
    with ctx.open_app() as app:
        for number, step in enumerate(steps):
            ctx.progress(number, len(steps), "asking the model")
            with survives(tally, LIVE, app.client):
                try:
                    step(app.client)
                except LocaraError as error:
                    tally.expect(
                        LIVE, False, "an ordinary call was refused", f"{error.code}: {error.message}"
                    )
    return tally.result()


def sums_up(usage: Mapping[str, Any]) -> bool:
    """Counts and times that can be true."""
    times = usage["msFirstToken"], usage["msTotal"]
    return (
        is_whole(usage["inputTokens"], 1, 10**9)
        and is_whole(usage["outputTokens"], 0, 10**9)
        and all(type(ms) in (int, float) and math.isfinite(ms) and ms >= 0 for ms in times)
        and times[0] <= times[1]
    )


def streams(tally: Tally, client: Client, model: str) -> None:
    """Deltas joined are the content, the same content without a stream, and not more pieces than tokens."""
    plain = chat(client, model, QUESTION, maxTokens=48)
    messages: JSON = [{"role": "user", "content": QUESTION}]
    args: Mapping[str, JSON] = {"model": model, "messages": messages, "maxTokens": 48, "stream": True}
    stream = client.stream("llm.chat", args, timeout=CALL_SECONDS)
    events = list(stream)
    result = stream.result
    texts = [event.get("text") for event in events]
    whole = "".join(str(text) for text in texts)
    tally.expect(
        LIVE, all(e.get("type") == "delta" and e.get("text") for e in events), "an event is no piece of text"
    )
    tally.expect(
        LIVE, whole == result["content"], "the pieces joined are not the content", f"{len(events)} pieces"
    )
    tally.expect(LIVE, result["content"] == plain["content"], "with and without a stream the answers differ")
    usage = result["usage"]
    # One piece per token, and one more for text that was held back until the end.
    tally.expect(
        LIVE, len(events) <= usage["outputTokens"] + 1, "there are more pieces than tokens", str(usage)
    )
    tally.expect(LIVE, sums_up(usage), "the usage cannot be true", str(usage))
    same = all(usage[key] == plain["usage"][key] for key in ("inputTokens", "outputTokens"))
    tally.expect(LIVE, same, "the same request was counted differently", str(usage))
    longer = chat(client, model, QUESTION * 3, maxTokens=1)["usage"]["inputTokens"]
    tally.expect(LIVE, longer > usage["inputTokens"], "a longer message has no more tokens", str(longer))


def stops(tally: Tally, client: Client, model: str) -> None:
    """A stop string out of the middle of an answer cuts it there, and is not shown."""
    text = chat(client, model, QUESTION, maxTokens=48)["content"]
    if len(text) < 8:
        tally.notes.append("the model's answer is too short to be cut by a stop string")
        return
    for low, high in ((len(text) // 2, len(text) // 2 + 3), (3, 4), (len(text) - 4, len(text) - 1)):
        stop = text[low:high]
        cut = chat(client, model, QUESTION, maxTokens=48, stop=["\u2603 not there", stop])
        tally.expect(
            LIVE,
            cut["content"] == text[: text.index(stop)] and cut["finishReason"] == "stop",
            "a stop string did not cut the answer where it stands",
            f"{cut['finishReason']} after {len(cut['content'])} characters",
            stop=stop,
        )
    # The letter that stands later is named first: often both are in one piece of text, and the earlier one cuts it.
    firsts = sorted({text.index(letter) for letter in text})
    beside = [at for at, after in itertools.pairwise(firsts) if after == at + 1]
    for at in beside[:STOP_PAIRS]:
        cut = chat(client, model, QUESTION, maxTokens=48, stop=[text[at + 1], text[at]])["content"]
        tally.expect(
            LIVE, cut == text[:at], "of two stop strings a later one cut the answer", ascii(cut)[:100], at=at
        )


def limits(tally: Tally, client: Client, model: str) -> None:
    """maxTokens is kept to the token, and a conversation that does not fit is refused as such."""
    for limit in (1, 2, 7):
        found = chat(client, model, QUESTION, maxTokens=limit, schema=ENDLESS)
        exact = found["finishReason"] == "length" and found["usage"]["outputTokens"] == limit
        tally.expect(LIVE, exact, "maxTokens was not kept", str(found["usage"]), maxTokens=limit)
    code = "ok"
    try:
        chat(client, model, "\u00e4\u4e16 " * 60_000, maxTokens=1)
    except LocaraError as error:
        code = error.code
    tally.expect(
        LIVE, code == "context_overflow", "a conversation of 180,000 characters was not refused as such", code
    )
    fills(tally, client, model)


def fills(tally: Tally, client: Client, model: str) -> None:
    """A conversation that takes the whole context is refused: one token less leaves room for one of the answer."""

    def tokens(count: int) -> int:
        return int(chat(client, model, " a" * count, maxTokens=1)["usage"]["inputTokens"])

    few = tokens(10)
    told = refusal(client, "llm.chat", {"model": model, "messages": _user(" a" * 8_000)})[1]
    most = [int(word) for word in re.findall(r"\d+", told.replace(",", ""))][-1:]
    if not most or tokens(20) != few + 10:
        tally.undecided(LIVE, "the room of the model's context could not be measured")
        return
    fitting = 10 + most[0] - few - 1
    code, why = refusal(client, "llm.chat", {"model": model, "messages": _user(" a" * (fitting + 1))})
    tally.expect(
        LIVE, code == "context_overflow", "a conversation that fills the context was taken", f"{code}: {why}"
    )
    used = chat(client, model, " a" * fitting)["usage"]
    tally.expect(
        LIVE, used["outputTokens"] <= 1, "more was answered than the context has room for", str(used)
    )


def _user(text: str) -> JSON:
    return [{"role": "user", "content": text}]


def cancels(tally: Tally, client: Client, model: str) -> None:
    """A cancelled answer ends early, says so, and counts no more tokens than were sent."""
    messages: JSON = [{"role": "user", "content": QUESTION}]
    args: Mapping[str, JSON] = {
        "model": model,
        "messages": messages,
        "maxTokens": LONG,
        "schema": ENDLESS,
        "stream": True,
    }
    begin = time.monotonic()
    stream = client.stream("llm.chat", args, timeout=CALL_SECONDS)
    next(stream, None)
    first = time.monotonic() - begin
    whole = stream.result
    part = first / (time.monotonic() - begin)
    if whole["usage"]["outputTokens"] < LONG:
        tally.undecided(
            LIVE, "the allow twin failed: the long answer that is to be cancelled ended by itself"
        )
        return
    # 300 tokens take far longer than the first one, however slow the machine is.
    tally.expect(LIVE, part < 0.5, "the first piece came when the answer was nearly complete", f"{part:.2f}")
    ended = False
    for _ in range(5):  # the answer may be complete before the cancel arrives
        stream = client.stream("llm.chat", args, timeout=CALL_SECONDS)
        seen = len(list(itertools.islice(stream, 5)))
        stream.cancel()
        seen += len(list(stream))
        result = stream.result
        if result["finishReason"] == "cancelled":
            ended = True
            break
    tally.expect(LIVE, ended, "a cancelled answer ran to its end five times")
    if ended:
        made = result["usage"]["outputTokens"]
        tally.expect(LIVE, made < LONG, "the model went on after the cancel", f"{made} of {LONG} tokens")
        # Tokens without text of their own (parts of a character) make no event.
        tally.expect(LIVE, seen <= made + 1, "more pieces arrived than tokens were made", f"{seen} of {made}")
    ends_whole(tally, client, {**args, "stream": False})
    after = chat(client, model, QUESTION, maxTokens=1)
    tally.expect(LIVE, after["usage"]["outputTokens"] <= 1, "the next answer is wrong after a cancel")


def ends_whole(tally: Tally, client: Client, args: Mapping[str, JSON]) -> None:
    """An answer without a stream is ended by a cancel, too."""
    told = []
    for code, result in cancelled(client, "llm.chat", args):
        if code:
            told.append(code)  # cancelled, when it had not begun
            continue
        told.append(f"{result['finishReason']} after {result['usage']['outputTokens']} tokens")
        if result["finishReason"] == "cancelled" and result["usage"]["outputTokens"] < LONG:
            return
    tally.expect(
        LIVE, False, "a cancelled answer without a stream ran to its end five times", "; ".join(told)
    )


def cancelled(
    client: Client, command: str, args: Mapping[str, JSON]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The call once to its end, then cancelled after each of PARTS of that time: the code of its error, "" and what it
    gave when it has none."""
    begin = time.monotonic()
    client.call(command, args, timeout=CALL_SECONDS)
    whole = time.monotonic() - begin
    for part in PARTS:
        call = client.send(command, args)
        time.sleep(whole * part)
        client.cancel(call)
        try:
            yield "", client.wait(call, CALL_SECONDS)
        except LocaraError as error:
            yield error.code, {}


def repeats(ctx: Context, tally: Tally, client: Client, model: str) -> None:
    """The same seed gives the same text, whatever was asked in between, and not every seed the same."""
    rng = ctx.rng(NAME)
    texts = set()
    for _ in range(6):
        seed = rng.randrange(2**32 - 1)
        args: Mapping[str, JSON] = {
            "temperature": 2,
            "topP": 0.99,
            "seed": seed,
            "maxTokens": 24,
            "schema": {"type": "string", "minLength": 30, "maxLength": 40},
        }
        first = chat(client, model, QUESTION, **args)["content"]
        chat(client, model, "Something else.", maxTokens=3)
        again = chat(client, model, QUESTION, **args)["content"]
        tally.expect(LIVE, first == again, "the same seed gave another text", seed=seed)
        texts.add(first)
    if len(texts) == 1:
        tally.undecided(LIVE, "the allow twin failed: six seeds at temperature 2 gave one and the same text")


def conforms(text: str, holds: Callable[[object], bool]) -> bool:
    """Whether a text is JSON that a test accepts; a raw control character is none in JSON."""
    try:
        return holds(json.loads(text))
    except ValueError:
        return False


def follows_schemas(ctx: Context, tally: Tally, client: Client, model: str) -> None:
    """Complete answers are JSON of the schema for every seed, judged by tests written by hand."""
    rng = ctx.rng(SCHEMA)
    turns = max(3, ctx.profile.live_operations // 600)
    complete = 0
    for name, (schema, holds) in SCHEMAS.items():
        for turn in range(turns):
            seed = rng.randrange(2**32 - 1)
            args: Mapping[str, JSON] = {"schema": schema, "seed": seed, "temperature": 2 if turn else 0}
            try:
                found = chat(client, model, f"Fill in this {name}.", maxTokens=300, **args)
            except LocaraError as error:
                why = f"{error.code}: {error.message}"
                tally.expect(SCHEMA, False, "an answer under a schema failed", why, seed=seed, schema=name)
                continue
            if found["finishReason"] != "stop":
                continue
            complete += 1
            tally.expect(
                SCHEMA,
                conforms(found["content"], holds),
                "an answer is not JSON of its schema",
                found["content"][:200],
                seed=seed,
                schema=name,
            )
    if not complete:
        tally.undecided(SCHEMA, "no answer under a schema was complete within 300 tokens")


def embeds(tally: Tally, client: Client, model: str) -> None:
    """Vectors have length one, come in the order of the texts, and each depends on its text alone."""
    texts = ["The cat sits on the mat.", "Stock prices fell.", "The cat sits on the mat.", ""]
    found = client.call("embed.create", {"model": model, "texts": texts}, timeout=CALL_SECONDS)
    vectors, size = found["vectors"], found["dimensions"]
    tally.expect(
        LIVE, [len(v) for v in vectors] == [size] * len(texts), "a vector has the wrong size", str(size)
    )
    lengths = [math.sqrt(math.fsum(x * x for x in vector)) for vector in vectors]
    tally.expect(LIVE, all(abs(n - 1) < 1e-3 for n in lengths), "a vector is not of length one", str(lengths))
    tally.expect(
        LIVE, vectors[0] == vectors[2] != vectors[1], "equal texts do not have equal vectors, or all have"
    )
    alone = client.call("embed.create", {"model": model, "texts": texts[1:2]}, timeout=CALL_SECONDS)
    tally.expect(LIVE, alone["vectors"][0] == vectors[1], "a vector depends on the texts beside it")
    ends_embedding(tally, client, model)


def ends_embedding(tally: Tally, client: Client, model: str) -> None:
    """An embedding that is cancelled in its course ends there, with the code that says so."""
    args: Mapping[str, JSON] = {"model": model, "texts": list(EMBEDDED)}
    told = []
    for code, _ in cancelled(client, "embed.create", args):
        told.append(code or "ok")
        if code == "cancelled":
            return
    tally.expect(LIVE, False, "a cancelled embedding ran to its end five times", ", ".join(told))
